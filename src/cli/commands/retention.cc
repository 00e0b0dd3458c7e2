#include <fmt/format.h>

#include <optional>
#include <string_view>

#include "cli/commands/commands.h"
#include "cli/frame/answer.h"
#include "cli/frame/duration.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"
#include "cli/frame/table.h"
#include "cli/link/api.h"
#include "cli/link/target_options.h"
#include "core/json_members.h"

namespace djps::cli {
namespace {

using std::chrono::milliseconds;

/// In place of a status: the entries of the audit.
constexpr std::string_view kAudit = "audit";

struct RetentionOptions {
  TargetOptions target;
  std::string status;
  std::optional<std::string> queue;
  std::optional<milliseconds> keep;
  bool forever = false;
  bool inherit = false;
  bool json = false;
};

std::string Kept(const Answer& rule) {
  const auto keep_ms = rule.Integer("keep_ms");
  return keep_ms ? FormatDuration(milliseconds(*keep_ms)) : "for ever";
}

/// The answer to GET and PUT /retention.
int PrintRules(const Context& context, const std::string& body, bool json) {
  if (json) {
    Print(body + "\n");
    return kExitDone;
  }
  const auto answer = Answer::Parse(body);
  if (!answer) return ReportError(answer.error());
  Table table({{"QUEUE"}, {"STATUS"}, {"KEPT"}});
  for (const std::string& item : answer->Items("retention")) {
    const Answer rule = Answer::Parse(item).value_or(Answer());
    table.Add({{rule.Text("queue")}, {rule.Text("status")}, {Kept(rule)}});
  }
  table.Add({{""}, {"audit"}, {Kept(answer->Object("audit"))}});
  Print(table.Format(context.terminal.out, context.terminal.width));
  return kExitDone;
}

int RunList(const Context& context, const RetentionOptions& options) {
  const auto api = OpenApi(options.target, context.environment);
  if (!api) return ReportError(api.error());
  const auto body = api->Get("/retention");
  if (!body) return ReportError(body.error());
  return PrintRules(context, *body, options.json);
}

int RunSet(const Context& context, const RetentionOptions& options) {
  const auto api = OpenApi(options.target, context.environment);
  if (!api) return ReportError(api.error());
  const bool audit = options.status == kAudit;
  if (audit && (options.queue || options.inherit)) {
    return ReportError({ErrorCode::kInvalidArgument,
                        "the audit has one rule: --queue and --inherit are for jobs",
                        {}});
  }
  std::string json = audit ? "{" : "{\"status\":" + JsonString(options.status) + ",";
  if (options.queue) json += "\"queue\":" + JsonString(*options.queue) + ",";
  if (options.keep) json += fmt::format("\"keepMs\":{},", options.keep->count());
  if (options.forever) json += "\"forever\":true,";
  if (options.inherit) json += "\"inherit\":true,";
  if (json.back() == ',') json.pop_back();
  json += '}';
  const auto body = api->Send("PUT", audit ? "/retention/audit" : "/retention", json);
  if (!body) return ReportError(body.error());
  return PrintRules(context, *body, options.json);
}

void AddSet(CommandLine& line, CLI::App& group) {
  CLI::App& set = AddCommand(
      line, group,
      {.name = "set",
       .summary = "Set how long ended jobs of one status are kept",
       .paragraph =
           "Sets the retention of a queue, or without --queue the default of all queues, and "
           "prints all rules. Expired jobs are deleted by whole days, so a job may stay a few days "
           "longer. Jobs that have not ended are never deleted. With audit as the status it sets "
           "how long entries of the audit are kept. Safe to repeat.",
       .examples = {"djps retention set succeeded --keep 30d",
                    "djps retention set dead --queue mail --forever",
                    "djps retention set dead --queue mail --inherit",
                    "djps retention set audit --keep 365d"},
       .exit_codes = ServerExitCodes()});
  const auto options = RunWith(line, set, RunSet);
  AddText(set, "STATUS", options->status, "STATUS", "succeeded, canceled or dead; or audit")
      ->required();
  AddText(set, "--queue", options->queue, "QUEUE", "Only for jobs of this queue");
  auto* keep =
      AddDuration(set, "--keep", options->keep, "How long after the job's end: from 1h to 3660d");
  auto* forever = set.add_flag("--forever", options->forever, "Never delete them");
  auto* inherit = set.add_flag("--inherit", options->inherit,
                               "Remove the queue's own rule: the default applies");
  keep->excludes(forever)->excludes(inherit);
  forever->excludes(inherit);
  AddServerOptions(set, options->target);
  AddJson(set, options->json);
}

}  // namespace

void RegisterRetention(CommandLine& line) {
  CLI::App& group = AddCommandGroup(
      line.app,
      {.name = "retention",
       .summary = "Show and set how long ended jobs are kept",
       .paragraph = "By default, succeeded and canceled jobs are kept for 7 days, dead jobs for "
                    "ever, and entries of the audit for 90 days.",
       .examples = {"djps retention list", "djps retention set succeeded --keep 30d"},
       .exit_codes = {}});
  CLI::App& list = AddCommand(line, group,
                              {.name = "list",
                               .summary = "List how long ended jobs are kept",
                               .paragraph = "Lists the rules: first the default of all queues (*), "
                                            "then the queues that have their own.",
                               .examples = {"djps retention list"},
                               .exit_codes = ServerExitCodes()});
  const auto list_options = RunWith(line, list, RunList);
  AddServerOptions(list, list_options->target);
  AddJson(list, list_options->json);
  AddSet(line, group);
}

}  // namespace djps::cli
