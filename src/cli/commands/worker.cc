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
       .paragraph =
           "Claims jobs of the given types from the database and runs a program for each. Any "
           "number of workers may run, anywhere. One Ctrl-C lets running jobs finish within "
           "--grace and hands the rest back; a second one does so at once. A worker that is killed "
           "loses nothing: its jobs run elsewhere when their lease has expired. A database that "
           "cannot be reached is waited for; one that refuses is an error when it starts.",
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
              "How long jobs stay with this worker without a sign of life, 1s to 24h");
  AddDuration(command, "--timeout", config.timeout,
              "An attempt that runs longer has failed; 0 for no limit");
  OrVariable(
      AddDuration(command, "--grace", config.grace,
                  "How long running jobs may take to finish after Ctrl-C or SIGTERM. Then "
                  "they are stopped, which takes 5s more for a program that ignores SIGTERM"),
      "DJPS_GRACE");
  AddText(command, "--name", config.name, "NAME",
          "How this worker is called in logs and failed attempts")
      ->check(WithoutTrouble(WorkerNameTrouble))
      ->default_str("host name, process id and something random");
}

}  // namespace djps::cli
