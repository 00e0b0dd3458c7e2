#include <fmt/format.h>

#include "cli/commands/commands.h"
#include "cli/frame/answer.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"
#include "cli/frame/table.h"
#include "cli/link/api.h"
#include "cli/link/target_options.h"

namespace djps::cli {
namespace {

constexpr int kLimitMax = 1'000;

struct AuditOptions {
  TargetOptions target;
  std::string of;
  std::string before;
  int limit = 20;
  bool json = false;
};

std::string ToTable(const Answer& answer, const Terminal& terminal) {
  const auto items = answer.Items("audit");
  if (items.empty()) return "no changes are recorded\n";
  Table table({{"AT"}, {"WHO"}, {"ACTION"}, {"TARGET"}, {"DETAIL"}});
  for (const std::string& item : items) {
    const Answer entry = Answer::Parse(item).value_or(Answer());
    table.Add({{ShortTime(entry.Text("at"))},
               {entry.Text("actor")},
               {entry.Text("action")},
               {entry.Text("target")},
               {entry.Text("detail")}});
  }
  std::string text = table.Format(terminal.out, terminal.width);
  if (const auto next = answer.Integer("next_before")) {
    text += terminal.out.Dim(fmt::format("more: --before {}", *next)) + "\n";
  }
  return text;
}

int RunAudit(const Context& context, const AuditOptions& options) {
  const auto api = OpenApi(options.target, context.environment);
  if (!api) return ReportError(api.error());
  const auto body = api->Get("/audit" + WriteQuery({{"target", options.of},
                                                    {"before", options.before},
                                                    {"limit", std::to_string(options.limit)}}));
  if (!body) return ReportError(body.error());
  const auto answer = Answer::Parse(*body);
  if (!answer) return ReportError(answer.error());
  Print(options.json ? *body + "\n" : ToTable(*answer, context.terminal));
  return kExitDone;
}

}  // namespace

void RegisterAudit(CommandLine& line) {
  CLI::App& command =
      AddCommand(line, line.app,
                 {.name = "audit",
                  .summary = "Show who changed what",
                  .paragraph = "Shows changes to jobs and queues, newest first: who canceled, "
                               "retried, edited or purged a job, paused a queue, or set a policy.",
                  .examples = {"djps audit --limit 50", "djps audit --target mail",
                               "djps audit --target 019a2b3c-4d5e-7f60-8123-456789abcdef --json"},
                  .exit_codes = {"0  shown", "1  the server failed", "2  wrong usage",
                                 "5  the server cannot be reached"}});
  const auto options = RunWith(line, command, RunAudit);
  AddText(command, "--target", options->of, "TARGET", "Only changes to this job id, queue or type");
  AddText(command, "--before", options->before, "N", "Continue where an earlier list ended");
  AddInteger(command, "--limit", options->limit, 1, kLimitMax, "Maximum number of entries")
      ->default_str("20");
  AddServerOptions(command, options->target);
  AddJson(command, options->json);
}

}  // namespace djps::cli
