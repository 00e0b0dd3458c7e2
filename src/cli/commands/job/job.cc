#include <fmt/format.h>

#include "cli/commands/commands.h"
#include "cli/commands/job/commands.h"
#include "core/validation.h"

namespace djps::cli {

Result<Uuid> ParseJobId(const std::string& text) {
  const auto id = Uuid::Parse(text);
  if (id) return *id;
  return Failure(
      ErrorCode::kInvalidArgument,
      fmt::format("{} is not a job id: a job id is a UUID of 36 characters", QuoteForMessage(text)),
      "ID");
}

void RegisterJob(CommandLine& line) {
  CLI::App& group = AddCommandGroup(
      line.app, {.name = "job",
                 .summary = "Show and change jobs",
                 .paragraph = "Shows single jobs by id, lists jobs, and changes them.",
                 .examples = {"djps job list --status dead",
                              "djps job get 019a2b3c-4d5e-7f60-8123-456789abcdef"},
                 .exit_codes = {}});
  RegisterJobGet(line, group);
  RegisterJobList(line, group);
  RegisterJobWait(line, group);
  RegisterJobExplain(line, group);
  RegisterJobAttempts(line, group);
  RegisterJobCancel(line, group);
  RegisterJobRetry(line, group);
  RegisterJobEdit(line, group);
  RegisterJobPurge(line, group);
}

}  // namespace djps::cli
