#include "djps/worker.h"

#include <spdlog/spdlog.h>

#include "cli/commands/commands.h"
#include "cli/commands/exec_options.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"
#include "cli/link/target.h"
#include "cli/link/target_options.h"
#include "core/validation.h"

namespace djps::cli {
namespace {

struct WorkerOptions {
  TargetOptions target;
  ExecOptions exec;
  WorkerConfig config;
};

int RunWorker(const Context& context, const WorkerOptions& options) {
  const auto database =
      ResolveDatabase(MakeTargetInputs(options.target, context.environment), "djps worker");
  if (!database) return ReportError(database.error());
  WorkerConfig config = options.config;
  config.database_url = database->conninfo;
  Worker worker(config);
  const CoroutineHandler handler = MakeHandler(options.exec, context.program_args);
  for (const std::string& type : options.exec.types) worker.HandleAsync(type, handler);
  spdlog::info("database: {}", database->Describe());
  try {
    worker.Run();
  } catch (const WorkerError& error) {
    Error explained = error.error();
    explained.message += " [database " + database->Describe() + "]";
    return ReportError(explained);
  }
  return kExitDone;
}

}  // namespace

void RegisterWorker(CommandLine& line) {
  CLI::App& command = AddCommand(
      line, line.app,
      {.name = "worker",
       .summary = "Run a program for each job of a type",
       .paragraph = "Claims jobs of the given types from the database and runs a program for each. "
                    "Any number of workers may run, on any machine. Ctrl-C lets running jobs "
                    "finish within --grace and hands the rest back; a second Ctrl-C hands them "
                    "back at once. If a worker is killed, other workers run its jobs once their "
                    "leases expire. If the database cannot be reached, the worker waits; if the "
                    "database refuses the login at the start, the worker fails.",
       .examples = {"djps worker --type email --exec python3 send_email.py --verbose",
                    "djps worker --type resize --type crop --concurrency 4 --timeout 2m --exec "
                    "./image",
                    "djps worker --data ./my-data --type hello --env API_KEY --exec ./hello.sh"},
       .exit_codes = {"0  stopped in order",
                      "1  failed (such as a schema that needs `djps migrate up`)",
                      "2  wrong usage, or a program that cannot be run",
                      "5  the database refuses the password, the role or the name of the database; "
                      "or --data names a folder on which no `djps dev` runs"},
       .more = ExecHelp()});
  const auto options = RunWith(line, command, RunWorker);
  WorkerConfig& config = options->config;
  AddExecOptions(command, options->exec, true);
  AddDatabaseOptions(command, options->target);
  AddText(command, "--queue", config.queue, "QUEUE", "The queue to take jobs from")
      ->check(WithoutTrouble(NameTrouble));
  OrVariable(AddInteger(command, "--concurrency", config.concurrency, 1, 10'000,
                        "How many jobs to run at once"),
             "DJPS_CONCURRENCY")
      ->default_str(std::to_string(config.concurrency));
  AddDuration(command, "--lease", config.lease,
              "How long the worker keeps its jobs without a heartbeat, 1s to 24h");
  AddDuration(command, "--timeout", config.timeout,
              "An attempt that runs longer fails; 0 for no limit");
  OrVariable(AddDuration(command, "--grace", config.grace,
                         "How long running jobs may take after Ctrl-C or SIGTERM. Then their "
                         "programs are stopped, which takes 5s more if a program ignores SIGTERM"),
             "DJPS_GRACE");
  AddText(command, "--name", config.name, "NAME", "The worker's name in logs and failed attempts")
      ->check(WithoutTrouble(WorkerNameTrouble))
      ->default_str("host name, process id and a random part");
}

}  // namespace djps::cli
