#include "cli/commands/job/action.h"
#include "cli/commands/job/commands.h"
#include "cli/frame/options.h"

namespace djps::cli {
namespace {

int RunJobRetry(const Context& context, const JobActionOptions& options) {
  return ActOnJobs(context, JobAction::kRetry, options);
}

}  // namespace

void RegisterJobRetry(CommandLine& line, CLI::App& group) {
  CLI::App& command = AddCommand(
      line, group,
      {.name = "retry",
       .summary = "Run jobs now, or again, by id or by a filter",
       .paragraph = "A job that waits is due at once; one that is dead or canceled begins again, "
                    "with all its "
                    "attempts. With --status it does so for all that fit: it counts them, asks, "
                    "and works in "
                    "steps of 1,000. Ctrl-C stops between two of them. A unique job whose place "
                    "another job has stays as it is: by id that is an error, and of a filter such "
                    "jobs are skipped and counted.",
       .examples = {"djps job retry 019a2b3c-4d5e-7f60-8123-456789abcdef",
                    "djps job retry --status failed --queue mail --yes",
                    "djps job retry --status succeeded --run-again --tag import-7 --dry-run"},
       .exit_codes = {"0  they are in the queue",
                      "1  a job could not be, or it was stopped before the end", "2  wrong usage",
                      "5  the server cannot be reached"}});
  const auto options = RunWith(line, command, RunJobRetry);
  AddText(command, "--status", options->status, "STATUS",
          "All of these, separated by commas: queued, failed, canceled, dead");
  command.add_flag("--run-again", options->run_again, "Also jobs that have succeeded");
  AddJobActionOptions(command, *options);
}

}  // namespace djps::cli
