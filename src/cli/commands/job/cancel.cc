#include "cli/commands/job/action.h"
#include "cli/commands/job/commands.h"
#include "cli/frame/options.h"

namespace djps::cli {
namespace {

int RunJobCancel(const Context& context, const JobActionOptions& options) {
  return ActOnJobs(context, JobAction::kCancel, options);
}

}  // namespace

void RegisterJobCancel(CommandLine& line, CLI::App& group) {
  CLI::App& command = AddCommand(
      line, group,
      {.name = "cancel",
       .summary = "Cancel jobs, by id or by a filter",
       .paragraph =
           "Cancels jobs. One that waits is over at once; of one that runs the worker is told. "
           "With "
           "--status it cancels all that fit: it counts them, asks, and works in steps of 1,000. "
           "Ctrl-C stops between two of them.",
       .examples = {"djps job cancel 019a2b3c-4d5e-7f60-8123-456789abcdef --reason 'sent twice'",
                    "djps job cancel --status queued,failed --queue mail --dry-run",
                    "djps job cancel --status queued --type report --yes"},
       .exit_codes = {"0  canceled", "1  a job could not be, or it was stopped before the end",
                      "2  wrong usage", "5  the server cannot be reached"}});
  const auto options = RunWith(line, command, RunJobCancel);
  AddText(command, "--status", options->status, "STATUS",
          "All of these, separated by commas: queued, running, failed");
  AddText(command, "--reason", options->reason, "TEXT", "Why; stands in the audit");
  AddJobActionOptions(command, *options);
}

}  // namespace djps::cli
