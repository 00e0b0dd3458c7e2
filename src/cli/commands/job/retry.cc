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
       .paragraph =
           "Makes a waiting job due at once. Queues a dead or canceled job again, with all its "
           "attempts. With --status it retries all jobs that match: it counts them, asks for "
           "confirmation, and works in steps of 1,000. Ctrl-C stops between two steps. A unique "
           "job stays as it is while another job has its place: by id that is an error; with a "
           "filter such jobs are skipped and counted.",
       .examples = {"djps job retry 019a2b3c-4d5e-7f60-8123-456789abcdef",
                    "djps job retry --status failed --queue mail --yes",
                    "djps job retry --status succeeded --run-again --tag import-7 --dry-run"},
       .exit_codes = {"0  the jobs are queued",
                      "1  a job could not be retried, or the command was stopped", "2  wrong usage",
                      "5  the server cannot be reached"}});
  const auto options = RunWith(line, command, RunJobRetry);
  AddText(command, "--status", options->status, "STATUS",
          "All jobs with this status; queued, failed, canceled or dead, or several separated by "
          "commas");
  command.add_flag("--run-again", options->run_again, "Also retry jobs that have succeeded");
  AddJobActionOptions(command, *options);
}

}  // namespace djps::cli
