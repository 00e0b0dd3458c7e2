#include <fmt/format.h>

#include "cli/commands/commands.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"
#include "cli/link/jobs_access.h"
#include "cli/link/target_options.h"
#include "core/json_members.h"
#include "core/json_text.h"

namespace djps::cli {
namespace {

struct HealthOptions {
  TargetOptions target;
  bool json = false;
};

/// The --json output; an answer that is not JSON becomes a string.
std::string ToJson(const HealthReport& report) {
  const auto compact = CompactJson(report.json);
  return fmt::format(R"({{"healthy":{},"target":{},"answer":{}}})", report.healthy,
                     JsonString(report.target), compact ? *compact : JsonString(report.json));
}

std::string ToText(const HealthReport& report, const Style& style) {
  std::vector<std::pair<std::string, std::string>> fields = {{"target", report.target}};
  if (const auto members = SplitObject(report.json)) {
    for (const JsonMember& member : *members) {
      fields.emplace_back(Printable(member.name), Printable(PlainJson(member.value)));
    }
  }
  return (report.healthy ? style.Good("healthy") : style.Bad("not healthy")) + "\n" +
         FormatFields(fields, style);
}

int ReportUnreachable(const Error& error, bool json) {
  if (json) Print(fmt::format("{{\"healthy\":false,\"error\":{}}}\n", JsonString(error.message)));
  ReportError(error);
  return error.code == ErrorCode::kInvalidArgument ? kExitUsage : kExitFailed;
}

int RunHealth(const Context& context, const HealthOptions& options) {
  const auto target =
      ResolveJobs(MakeTargetInputs(options.target, context.environment), "djps health");
  if (!target) return ReportUnreachable(target.error(), options.json);
  const auto jobs = OpenJobs(*target, OpenFor::kHealth);
  if (!jobs) return ReportUnreachable(jobs.error(), options.json);
  const auto report = (*jobs)->CheckHealth();
  if (!report) return ReportUnreachable(report.error(), options.json);
  Print(options.json ? ToJson(*report) + "\n" : ToText(*report, context.terminal.out));
  return report->healthy ? kExitDone : kExitFailed;
}

}  // namespace

void RegisterHealth(CommandLine& line) {
  CLI::App& command = AddCommand(
      line, line.app,
      {.name = "health",
       .summary = "Ask whether a server can take jobs",
       .paragraph = "Asks the server whether it and its database can take jobs now. For people and "
                    "for container health checks: the exit code is 0 or 1 only.",
       .examples = {"djps health", "djps health --server http://jobs.internal:3000 --json"},
       .exit_codes = {"0  healthy", "1  not healthy, or no answer", "2  wrong usage"}});
  const auto options = RunWith(line, command, RunHealth);
  AddJobsOptions(command, options->target);
  AddJson(command, options->json);
}

}  // namespace djps::cli
