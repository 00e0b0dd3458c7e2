#include <fmt/format.h>

#include <limits>

#include "cli/commands/job/card.h"
#include "cli/commands/job/commands.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"
#include "cli/link/api.h"
#include "cli/link/job_text.h"
#include "cli/link/target_options.h"
#include "core/json_members.h"
#include "core/json_text.h"
#include "core/validation.h"

namespace djps::cli {
namespace {

struct JobEditOptions {
  TargetOptions target;
  std::string id;
  std::optional<std::int16_t> priority;
  std::optional<int> max_attempts;
  std::optional<std::string> run_at;
  std::optional<std::string> payload;
  bool json = false;
};

Result<std::string> WriteEdit(const JobEditOptions& options) {
  std::string json;
  if (options.priority) json += fmt::format(",\"priority\":{}", *options.priority);
  if (options.max_attempts) json += fmt::format(",\"maxAttempts\":{}", *options.max_attempts);
  if (options.run_at) json += ",\"runAt\":" + JsonString(*options.run_at);
  if (options.payload) {
    const auto payload = CompactJson(*options.payload);
    if (!payload) {
      return Failure(ErrorCode::kInvalidArgument,
                     fmt::format("--payload {}: {}", payload.error().message,
                                 QuoteForMessage(*options.payload)),
                     "--payload");
    }
    json += ",\"payload\":" + *payload;
  }
  if (json.empty()) {
    return Failure(ErrorCode::kInvalidArgument,
                   "say what to change: --priority, --run-at, --payload or --max-attempts");
  }
  json.front() = '{';
  return json + "}";
}

int RunJobEdit(const Context& context, const JobEditOptions& options) {
  const auto id = ParseJobId(options.id);
  if (!id) return ReportError(id.error());
  const auto edit = WriteEdit(options);
  if (!edit) return ReportError(edit.error());
  const auto api = OpenApi(options.target, context.environment);
  if (!api) return ReportError(api.error());
  const auto body = api->Send("PATCH", "/jobs/" + id->ToString(), *edit);
  if (!body) return ReportError(body.error());
  const auto job = ReadJobRecord(*body);
  if (!job) return ReportError(job.error());
  Print(options.json ? *body + "\n" : FormatJobCard(*job, context.terminal.out));
  return kExitDone;
}

}  // namespace

void RegisterJobEdit(CommandLine& line, CLI::App& group) {
  CLI::App& command = AddCommand(
      line, group,
      {.name = "edit",
       .summary = "Change a waiting job",
       .paragraph =
           "Changes a waiting job and shows it. Fields without an option stay as they are.",
       .examples = {"djps job edit 019a2b3c-4d5e-7f60-8123-456789abcdef --priority -5",
                    "djps job edit 019a2b3c-4d5e-7f60-8123-456789abcdef --run-at "
                    "2030-01-31T08:00:00Z --payload '{\"to\": \"a@example.com\"}'"},
       .exit_codes = {"0  changed", "1  there is no such job, or it is not waiting",
                      "2  wrong usage", "5  the server cannot be reached"}});
  const auto options = RunWith(line, command, RunJobEdit);
  AddText(command, "ID", options->id, "ID", "The job's id")->required();
  AddInteger(command, "--priority", options->priority, std::numeric_limits<std::int16_t>::min(),
             std::numeric_limits<std::int16_t>::max(), "Smaller numbers run first");
  AddText(command, "--run-at", options->run_at, "TIME",
          "Earliest start, such as 2030-01-31T08:00:00Z");
  AddText(command, "--payload", options->payload, "JSON", "The handler's input");
  AddInteger(command, "--max-attempts", options->max_attempts, 1, kMaxAttemptsLimit,
             "Maximum number of attempts");
  AddServerOptions(command, options->target);
  AddJson(command, options->json);
}

}  // namespace djps::cli
