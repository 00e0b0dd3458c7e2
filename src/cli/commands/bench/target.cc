#include "cli/commands/bench/target.h"

#include <fmt/format.h>

#include "cli/frame/answer.h"
#include "cli/link/api.h"
#include "store/migrator.h"

namespace djps::cli {
namespace {

constexpr const char* kProgram = "djps bench";

/// The database that an option names, ready to be used; empty where none does.
Result<std::string> FindDatabase(const TargetInputs& inputs, std::string& described) {
  if (!inputs.options.database_url && !inputs.options.data) return std::string();
  const auto database = ResolveDatabase(inputs, kProgram);
  if (!database) return tl::unexpected<Error>(database.error());
  const auto current = store::RequireCurrentSchema(database->conninfo);
  if (!current) return tl::unexpected<Error>(current.error());
  described = database->Describe();
  return database->conninfo;
}

/// The server that an option names.
Result<void> FindServer(const TargetInputs& inputs, const BenchTargetOptions& options,
                        bench::Target& target) {
  const bool dev = options.http && options.target.data;
  if (!options.target.server && !dev) return {};
  const auto chosen = ChooseJobs(inputs);
  if (!chosen) return tl::unexpected<Error>(chosen.error());
  const auto& server = std::get<ServerTarget>(*chosen);
  target.server = server.url;
  target.token = server.token;
  return {};
}

/// If only the server is known, this can only check that the queue is empty.
Result<void> RequireEmptyQueue(const BenchTargetOptions& options, const Environment& environment) {
  const auto api = OpenApi(options.target, environment);
  if (!api) return tl::unexpected<Error>(api.error());
  const auto body = api->Get(fmt::format("/queues/{}", bench::kQueue));
  if (!body) return tl::unexpected<Error>(body.error());
  const auto queue = Answer::Parse(*body);
  if (!queue) return tl::unexpected<Error>(queue.error());
  std::int64_t jobs = 0;
  for (const char* name : {"queued", "scheduled", "running", "failed"}) {
    jobs += queue->Integer(name).value_or(0);
  }
  if (jobs == 0) return {};
  return Failure(
      ErrorCode::kConflict,
      fmt::format("the queue \"{}\" holds {} jobs; let them end first, or also name the database "
                  "(--database-url), where jobs of a benchmark can be recognized",
                  bench::kQueue, jobs));
}

}  // namespace

Result<BenchTarget> PrepareBench(const BenchTargetOptions& options, const Environment& environment,
                                 bool needs_database) {
  const TargetInputs inputs = MakeTargetInputs(options.target, environment);
  BenchTarget result;
  bench::Target& target = result.target;
  target.keep_jobs = options.keep;
  auto conninfo = FindDatabase(inputs, target.described);
  if (!conninfo) return tl::unexpected<Error>(conninfo.error());
  target.conninfo = *std::move(conninfo);
  if (auto found = FindServer(inputs, options, target); !found) {
    return tl::unexpected<Error>(found.error());
  }
  if (target.conninfo.empty() && !target.server.empty()) {
    target.described = target.server;
    if (!needs_database) {
      const auto empty = RequireEmptyQueue(options, environment);
      if (!empty) return tl::unexpected<Error>(empty.error());
      return result;
    }
    return Failure(ErrorCode::kInvalidArgument,
                   "workers need the database behind the server: add --database-url",
                   "--database-url");
  }
  if (target.conninfo.empty()) {
    auto made = bench::Playground::Make(options.pg_bin);
    if (!made) return tl::unexpected<Error>(made.error());
    result.playground = *std::move(made);
    target.conninfo = result.playground->conninfo();
    target.described = "a private Postgres of its own";
    target.keep_jobs = true;  // the jobs are removed with it
  }
  if (options.http && target.server.empty()) {
    auto started = bench::BenchServer::Start(target.conninfo);
    if (!started) return tl::unexpected<Error>(started.error());
    result.server = *std::move(started);
    target.server = result.server->url();
  }
  return result;
}

void AddBenchTargetOptions(CLI::App& command, BenchTargetOptions& options) {
  AddText(command, "--database-url", options.target.database_url, "URL",
          "The database to load: a postgres:// URL or a libpq connection string (variables are "
          "ignored; without it a private Postgres is started and removed afterwards)");
  AddText(command, "--data", options.target.data, "DIR",
          "Load the `djps dev` that uses this data folder")
      ->excludes("--database-url");
  AddText(command, "--server", options.target.server, "URL",
          "Submit through this server over HTTP (with workers, also name its database)")
      ->excludes("--data");
  AddText(command, "--token", options.target.token, "TOKEN",
          "The token to send to the server (better use the variable DJPS_TOKEN, which `ps` does "
          "not show)");
  command.add_flag("--http", options.http,
                   "Submit over HTTP; without --server through a private `djps server`");
  command.add_flag("--keep", options.keep, "Leave the jobs in the database afterwards");
  OrVariable(AddText(command, "--pg-bin", options.pg_bin, "DIR",
                     "The folder of initdb and postgres, for a private Postgres"),
             "DJPS_PG_BIN")
      ->default_str("the newest installed version");
}

}  // namespace djps::cli
