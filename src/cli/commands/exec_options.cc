#include "cli/commands/exec_options.h"

#include <fmt/format.h>

#include <utility>

#include "cli/frame/options.h"
#include "core/validation.h"
#include "worker/exec/exec_handler.h"

namespace djps::cli {

void AddExecOptions(CLI::App& command, ExecOptions& options, bool required) {
  auto* type = command.add_option("--type", options.types)
                   ->type_name("TYPE")
                   ->allow_extra_args(false)
                   ->check(WithoutTrouble(NameTrouble))
                   ->description("The type of job to run; may be repeated");
  auto* program = AddText(command, "--exec", options.program, "PROGRAM [ARGS...]",
                          "The program to run once per job, without a shell. All later arguments "
                          "belong to the program, so this option comes last");
  command.add_option("--env", options.env)
      ->type_name("NAME[=VALUE]")
      ->allow_extra_args(false)
      ->description("Pass this variable on to the program, or set it; may be repeated");
  AddDuration(command, "--snooze", options.snooze,
              "How long a job waits after its program exits with 75");
  if (required) {
    type->required();
    program->required();
  } else {
    type->needs(program);
    program->needs(type);
  }
}

CoroutineHandler MakeHandler(const ExecOptions& options, std::vector<std::string> program_args) {
  return worker::MakeExecHandler({.program = options.program.value(),
                                  .args = std::move(program_args),
                                  .env = options.env,
                                  .snooze = options.snooze});
}

std::string ExecHelp() {
  return fmt::format(
      R"(What the program gets:
  standard input    the payload, as JSON
  environment       DJPS_JOB_ID, DJPS_JOB_TYPE, DJPS_QUEUE, DJPS_PRIORITY, DJPS_ATTEMPT,
                    DJPS_MAX_ATTEMPTS, DJPS_LEASE_TOKEN, DJPS_CREATED_AT and, if the job has them,
                    DJPS_IDEMPOTENCY_KEY, DJPS_METADATA, DJPS_TAGS and DJPS_CHECKPOINT (JSON; when
                    longer than 64 KiB, DJPS_METADATA_FILE and so on name a file instead); PATH,
                    HOME, USER, LANG, LC_ALL, TZ, TMPDIR; what --env names; nothing else

What it gives back:
  standard output   the result: JSON as it is, other text as a JSON string, nothing as null
  standard error    its last line becomes the message of a failed attempt
  exit code {:<7} the job has succeeded
  exit code {:<7} failed, and retrying cannot help: the job is dead
  exit code {:<7} not now: the job waits for --snooze, the attempt does not count
  anything else     the attempt has failed; the next one comes after a backoff)",
      worker::kExitDone, worker::kExitDoNotRetry, worker::kExitSnooze);
}

}  // namespace djps::cli
