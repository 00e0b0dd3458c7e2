#include "cli/commands/job/action.h"
#include "cli/commands/job/commands.h"
#include "cli/frame/options.h"

namespace djps::cli {
namespace {

int RunJobPurge(const Context& context, const JobActionOptions& options) {
  return ActOnJobs(context, JobAction::kPurge, options);
}

}  // namespace

void RegisterJobPurge(CommandLine& line, CLI::App& group) {
  CLI::App& command = AddCommand(
      line, group,
      {.name = "purge",
       .summary = "Delete jobs that have ended, by id or by a filter",
       .paragraph =
           "Deletes jobs for good, with their attempts and log lines. With --status it deletes all "
           "that fit: it counts them, asks, and works in steps of 1,000. Ctrl-C stops between two "
           "of them.",
       .examples = {"djps job purge 019a2b3c-4d5e-7f60-8123-456789abcdef --yes",
                    "djps job purge --status canceled --created-before 2026-01-01T00:00:00Z --yes"},
       .exit_codes = {"0  deleted", "1  a job could not be, or it was stopped before the end",
                      "2  wrong usage", "5  the server cannot be reached"}});
  const auto options = RunWith(line, command, RunJobPurge);
  AddText(command, "--status", options->status, "STATUS",
          "All of these, separated by commas: succeeded, canceled, dead");
  AddJobActionOptions(command, *options);
}

}  // namespace djps::cli
