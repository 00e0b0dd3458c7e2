#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <filesystem>

#include "cli/commands/commands.h"
#include "cli/commands/exec_options.h"
#include "cli/commands/listen_options.h"
#include "cli/commands/service_host.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"
#include "cli/link/dev_state.h"
#include "core/backoff.h"
#include "core/trouble_log.h"
#include "core/version.h"
#include "embedded/cluster.h"
#include "pg/conninfo.h"
#include "store/migrator.h"

namespace djps::cli {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr const char* kEchoType = "echo";
/// How often the postmaster is checked.
constexpr milliseconds kWatchInterval{200};
constexpr milliseconds kRestartBase{500};
constexpr milliseconds kRestartCap{10'000};

struct DevOptions {
  std::optional<std::string> data;
  std::optional<std::string> pg_bin;
  server::ServerConfig server;
  ExecOptions exec;
  std::size_t concurrency = 16;
  milliseconds grace{10'000};
};

/// The built-in handler, so that a first job finishes without a program: its result is the payload.
asio::awaitable<Outcome> Echo(const Job& job) { co_return Succeeded{.result = job.payload}; }

WorkerPart MakeWorker(const DevOptions& options, const std::vector<std::string>& program_args) {
  WorkerPart worker{{.concurrency = options.concurrency, .grace = options.grace}, {}};
  if (options.exec.program) {
    const CoroutineHandler handler = MakeHandler(options.exec, program_args);
    for (const std::string& type : options.exec.types) worker.handlers.Add(type, handler);
  }
  if (worker.handlers.Find(kEchoType) == nullptr) worker.handlers.Add(kEchoType, Echo);
  return worker;
}

/// The lock refuses a folder that a running `djps dev` uses; dev.json has the address of that one.
Error Explained(Error error, const fs::path& data_dir) {
  const auto dev = error.code == ErrorCode::kAlreadyRunning ? FindDev(data_dir) : std::nullopt;
  if (dev) error.message += fmt::format(" It is a djps dev that serves {}.", dev->api_url);
  return error;
}

/// Escapes `text` for a shell's double quotes.
std::string InDoubleQuotes(std::string_view text) {
  std::string quoted;
  for (const char c : text) {
    if (c == '\\' || c == '"' || c == '$' || c == '`') quoted += '\\';
    quoted += c;
  }
  return quoted;
}

void Welcome(const Context& context, const DevState& state, const fs::path& data_dir,
             const WorkerPart& worker) {
  const Style& style = context.terminal.out;
  std::string text = "\n" + style.Bold("djps dev is ready. Ctrl-C stops it.") + "\n\n";
  text +=
      FormatFields({{"data", data_dir.string()},
                    {"api", state.api_url},
                    {"database", fmt::format("psql \"{}\"", InDoubleQuotes(state.database_url))},
                    {"worker runs", fmt::format("{}", fmt::join(worker.handlers.types(), ", "))}},
                   style);
  text += fmt::format(
      R"(
Try:
  curl {0}/health
  curl {0}/jobs -H 'Content-Type: application/json' -d '{{"type":"echo","payload":{{"hello":"world"}}}}'
  curl {0}/jobs/ID

)",
      state.api_url);
  Print(text);
  std::fflush(stdout);
}

/// Starts Postgres again whenever it has died, until the services have stopped.
void WatchPostgres(embedded::Cluster& cluster, ServiceHost& host) {
  Backoff backoff(kRestartBase, kRestartCap);
  TroubleLog log;
  milliseconds wait = kWatchInterval;
  while (!host.WaitUntilStopped(wait)) {
    wait = kWatchInterval;
    if (cluster.Running()) continue;
    if (log.Begins("it died")) spdlog::warn("starting Postgres again");
    if (const auto restarted = cluster.Restart(); restarted) {
      backoff.Reset();
    } else {
      const std::string& why = restarted.error().message;
      if (log.Begins(why)) spdlog::error("{}", why);
      wait = backoff.Next();
    }
  }
}

/// Runs the services while Postgres runs.
Result<void> Serve(const Context& context, const DevOptions& options, const fs::path& data_dir,
                   embedded::Cluster& cluster, ServiceHost& host) {
  const auto conninfo = pg::ResolveConninfo(cluster.connection_string(), "djps dev");
  if (!conninfo) return tl::unexpected<Error>(conninfo.error());
  if (const auto migrated = store::ApplyMigrations(*conninfo); !migrated) {
    return tl::unexpected<Error>(migrated.error());
  }
  if (host.stop_requested()) return {};
  const WorkerPart worker = MakeWorker(options, context.program_args);
  const auto port = host.Start(
      {.conninfo = *conninfo, .server = options.server, .worker = worker, .grace = options.grace});
  if (!port) return tl::unexpected<Error>(port.error());

  const DevState state{.pid = getpid(),
                       .process_start = ProcessStart(getpid()),
                       .api_url = ApiUrl(options.server.address, *port),
                       .database_url = cluster.connection_string(),
                       .started_at = std::chrono::floor<std::chrono::microseconds>(
                           std::chrono::system_clock::now())};
  DevStateFile file(data_dir);
  if (auto written = file.Write(state); !written) return written;
  Welcome(context, state, data_dir, worker);
  WatchPostgres(cluster, host);
  return {};
}

int RunDev(const Context& context, const DevOptions& options) {
  const fs::path data_dir =
      fs::absolute(options.data ? fs::path(*options.data) : embedded::DefaultDataDir());
  const auto binaries = embedded::FindServerBinaries(options.pg_bin);
  if (!binaries) return ReportError(binaries.error());
  if (options.exec.program) MakeHandler(options.exec, context.program_args);  // fails early

  // Declared first so that it is destroyed last: everything else needs it. The host is made before
  // Postgres starts, so that it handles a Ctrl-C during the start.
  std::unique_ptr<embedded::Cluster> cluster;
  ServiceHost host;
  auto started = embedded::Cluster::Start({.binaries = *binaries, .data_dir = data_dir});
  if (!started) return ReportError(Explained(started.error(), data_dir));
  cluster = *std::move(started);
  const auto served = Serve(context, options, data_dir, *cluster, host);
  if (!served) return ReportError(served.error());
  cluster->Stop();
  spdlog::info("stopped");
  return kExitDone;
}

}  // namespace

void RegisterDev(CommandLine& line) {
  CLI::App& command = AddCommand(
      line, line.app,
      {.name = "dev",
       .summary = "Start everything on this machine, with a Postgres of its own",
       .paragraph =
           "Starts a private Postgres in the data folder, and in one process the HTTP API, upkeep "
           "and a worker. Only Postgres's programs must be installed. Stopping or killing it loses "
           "nothing: the next start continues. The worker runs jobs of the type \"echo\" itself "
           "(the result is the payload), and your program for other types. Other commands find a "
           "running `djps dev` automatically, or by --data. Ctrl-C stops everything in order; a "
           "second Ctrl-C stops running jobs at once.",
       .examples = {"djps dev", "djps dev --data ./my-data --port 4000",
                    "djps dev --type email --exec python3 send_email.py"},
       .exit_codes = {"0  stopped in order", "1  failed: the folder or the port is in use, ...",
                      "2  wrong usage, or a program that cannot be run",
                      "5  Postgres did not start"},
       .more = ExecHelp()});
  const auto options = RunWith(line, command, RunDev);
  OrVariable(AddText(command, "--data", options->data, "DIR", "The data folder"), "DJPS_DATA")
      ->default_str("/var/lib/djps for root, else ~/.local/share/djps");
  AddListenOptions(command, options->server);
  OrVariable(
      AddText(command, "--pg-bin", options->pg_bin, "DIR", "The folder of initdb and postgres"),
      "DJPS_PG_BIN")
      ->default_str("the newest installed version");
  AddExecOptions(command, options->exec, false);
  OrVariable(AddInteger(command, "--concurrency", options->concurrency, 1, 10'000,
                        "How many jobs to run at once"),
             "DJPS_CONCURRENCY")
      ->default_str(std::to_string(options->concurrency));
  OrVariable(AddDuration(command, "--grace", options->grace,
                         "How long running requests and jobs may take after Ctrl-C"),
             "DJPS_GRACE");
}

}  // namespace djps::cli
