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
       .summary = "Delete ended jobs, by id or by a filter",
       .paragraph = "Deletes ended jobs with their attempts and log lines. With --status it "
                    "deletes all jobs that match: it counts them, asks for confirmation, and works "
                    "in steps of 1,000. Ctrl-C stops between two steps.",
       .examples = {"djps job purge 019a2b3c-4d5e-7f60-8123-456789abcdef --yes",
                    "djps job purge --status canceled --created-before 2026-01-01T00:00:00Z --yes"},
       .exit_codes = {"0  deleted", "1  a job could not be deleted, or the command was stopped",
                      "2  wrong usage", "5  the server cannot be reached"}});
  const auto options = RunWith(line, command, RunJobPurge);
  AddText(command, "--status", options->status, "STATUS",
          "All jobs with this status; succeeded, canceled or dead, or several separated by commas");
  AddJobActionOptions(command, *options);
}

}  // namespace djps::cli
