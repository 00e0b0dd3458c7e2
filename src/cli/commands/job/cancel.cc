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
           "Cancels jobs. A waiting job ends at once; for a running job, its worker is told to "
           "stop. With --status it cancels all jobs that match: it counts them, asks for "
           "confirmation, and works in steps of 1,000. Ctrl-C stops between two steps.",
       .examples = {"djps job cancel 019a2b3c-4d5e-7f60-8123-456789abcdef --reason 'sent twice'",
                    "djps job cancel --status queued,failed --queue mail --dry-run",
                    "djps job cancel --status queued --type report --yes"},
       .exit_codes = {"0  canceled", "1  a job could not be canceled, or the command was stopped",
                      "2  wrong usage", "5  the server cannot be reached"}});
  const auto options = RunWith(line, command, RunJobCancel);
  AddText(command, "--status", options->status, "STATUS",
          "All jobs with this status; queued, running or failed, or several separated by commas");
  AddText(command, "--reason", options->reason, "TEXT", "The reason, kept in the audit log");
  AddJobActionOptions(command, *options);
}

}  // namespace djps::cli
