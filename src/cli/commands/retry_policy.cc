#include <fmt/format.h>

#include <optional>

#include "cli/commands/commands.h"
#include "cli/frame/answer.h"
#include "cli/frame/duration.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"
#include "cli/frame/table.h"
#include "cli/link/api.h"
#include "cli/link/target_options.h"
#include "core/json_members.h"
#include "core/validation.h"

namespace djps::cli {
namespace {

using std::chrono::milliseconds;

struct RetryPolicyOptions {
  TargetOptions target;
  std::string type;
  std::string kind;
  std::optional<milliseconds> base;
  std::optional<milliseconds> cap;
  std::optional<milliseconds> delay;
  std::optional<double> factor;
  std::vector<milliseconds> delays;
  bool jitter = false;
  bool no_jitter = false;
  bool json = false;
};

/// The body of PUT /retry-policies/{type}; the server checks what each kind requires.
std::string WritePolicy(const RetryPolicyOptions& options) {
  std::string json = "{\"kind\":" + JsonString(options.kind);
  const auto duration = [&json](const char* name, const std::optional<milliseconds>& value) {
    if (value) json += fmt::format(",\"{}\":{}", name, value->count());
  };
  duration("baseMs", options.base);
  duration("capMs", options.cap);
  duration("delayMs", options.delay);
  if (options.factor) json += fmt::format(",\"factor\":{}", *options.factor);
  if (!options.delays.empty()) {
    json += ",\"delaysMs\":[";
    for (const milliseconds delay : options.delays) json += fmt::format("{},", delay.count());
    json.back() = ']';
  }
  if (options.jitter || options.no_jitter) json += fmt::format(",\"jitter\":{}", options.jitter);
  return json + "}";
}

/// "fixed, 10s" and the like.
std::string Describe(const Answer& policy) {
  std::string text = policy.Text("kind");
  const auto add = [&](const char* name, const char* member) {
    const auto ms = policy.Integer(member);
    if (ms) text += fmt::format(", {} {}", name, FormatDuration(milliseconds(*ms)));
  };
  add("base", "base_ms");
  if (const auto factor = policy.Text("factor"); !factor.empty()) text += ", factor " + factor;
  add("delay", "delay_ms");
  add("cap", "cap_ms");
  std::string delays;
  for (const std::string& item : policy.Items("delays_ms")) {
    const auto ms = ReadJsonInteger(item);
    if (!delays.empty()) delays += ',';
    if (ms) delays += FormatDuration(milliseconds(*ms));
  }
  if (!delays.empty()) text += ", delays " + delays;
  if (const auto jitter = policy.Text("jitter"); !jitter.empty()) text += ", jitter " + jitter;
  return text;
}

int RunList(const Context& context, const RetryPolicyOptions& options) {
  const auto api = OpenApi(options.target, context.environment);
  if (!api) return ReportError(api.error());
  const auto body = api->Get("/retry-policies");
  if (!body) return ReportError(body.error());
  const auto answer = Answer::Parse(*body);
  if (!answer) return ReportError(answer.error());
  const auto items = answer->Items("retry_policies");
  if (options.json) {
    Print(*body + "\n");
    return kExitDone;
  }
  Table table({{"TYPE"}, {"POLICY"}});
  for (const std::string& item : items) {
    const Answer entry = Answer::Parse(item).value_or(Answer());
    table.Add({{entry.Text("type")}, {Describe(entry.Object("policy"))}});
  }
  Print(items.empty() ? "no type has a policy of its own: exponential from 1s to 1h\n"
                      : table.Format(context.terminal.out, context.terminal.width));
  return kExitDone;
}

Result<std::string> Ask(const Context& context, const RetryPolicyOptions& options,
                        std::string_view method, const std::string& body) {
  if (const auto trouble = NameTrouble(options.type)) {
    return Failure(ErrorCode::kInvalidArgument, "TYPE " + *trouble, "TYPE");
  }
  const auto api = OpenApi(options.target, context.environment);
  if (!api) return tl::unexpected<Error>(api.error());
  return api->Send(method, "/retry-policies/" + PathPart(options.type), body);
}

int RunSet(const Context& context, const RetryPolicyOptions& options) {
  const auto body = Ask(context, options, "PUT", WritePolicy(options));
  if (!body) return ReportError(body.error());
  const Answer answer = Answer::Parse(*body).value_or(Answer());
  Print(options.json ? *body + "\n"
                     : fmt::format("{}: {}\n", options.type, Describe(answer.Object("policy"))));
  return kExitDone;
}

int RunDelete(const Context& context, const RetryPolicyOptions& options) {
  const auto body = Ask(context, options, "DELETE", "");
  if (!body) return ReportError(body.error());
  Print(options.json ? fmt::format(R"({{"type":"{}","policy":null}})"
                                   "\n",
                                   options.type)
                     : fmt::format("{} has no policy of its own\n", options.type));
  return kExitDone;
}

void AddSet(CommandLine& line, CLI::App& group) {
  CLI::App& set = AddCommand(
      line, group,
      {.name = "set",
       .summary = "Set how long jobs of a type wait between attempts",
       .paragraph =
           "Sets the retry policy of a type; it applies from the next failed attempt. A policy of "
           "the job or of its handler takes precedence. exponential: --base, times --factor for "
           "each attempt, at most --cap. linear: --delay times the number of attempts, at most "
           "--cap. fixed: --delay. list: --delays; the last one repeats.",
       .examples = {"djps retry-policy set email_send --kind exponential --base 5s --cap 10m",
                    "djps retry-policy set poll --kind fixed --delay 30s --jitter",
                    "djps retry-policy set import --kind list --delays 1s,10s,5m"},
       .exit_codes = ServerExitCodes()});
  const auto options = RunWith(line, set, RunSet);
  AddText(set, "TYPE", options->type, "TYPE", "The type of job")->required();
  AddText(set, "--kind", options->kind, "KIND", "exponential, linear, fixed or list")->required();
  AddDuration(set, "--base", options->base, "exponential: the first wait");
  set.add_option("--factor", options->factor, "exponential: from 1 to 100")->type_name("N");
  AddDuration(set, "--delay", options->delay, "linear, fixed: the wait");
  AddDuration(set, "--cap", options->cap, "exponential, linear: the longest wait");
  AddDurations(set, "--delays", options->delays, "list: one wait for each attempt: 1s,10s,5m");
  auto* jitter = set.add_flag("--jitter", options->jitter,
                              "Choose each wait at random between zero and that value");
  set.add_flag("--no-jitter", options->no_jitter, "Wait exactly that long")->excludes(jitter);
  AddServerOptions(set, options->target);
  AddJson(set, options->json);
}

}  // namespace

void RegisterRetryPolicy(CommandLine& line) {
  CLI::App& group = AddCommandGroup(
      line.app, {.name = "retry-policy",
                 .summary = "Show and set the wait between attempts, by type of job",
                 .paragraph = "Without a policy, a failed job waits 1s, then twice as long after "
                              "each attempt, at most 1h, with jitter.",
                 .examples = {"djps retry-policy list",
                              "djps retry-policy set email_send --kind fixed --delay 30s",
                              "djps retry-policy delete email_send"},
                 .exit_codes = {}});
  CLI::App& list = AddCommand(line, group,
                              {.name = "list",
                               .summary = "List the retry policies",
                               .paragraph = "Lists the types that have their own policy.",
                               .examples = {"djps retry-policy list"},
                               .exit_codes = ServerExitCodes()});
  const auto list_options = RunWith(line, list, RunList);
  AddServerOptions(list, list_options->target);
  AddJson(list, list_options->json);
  AddSet(line, group);
  CLI::App& remove = AddCommand(line, group,
                                {.name = "delete",
                                 .summary = "Delete the policy of a type: the default applies",
                                 .paragraph = "Deletes the policy of a type. Safe to repeat.",
                                 .examples = {"djps retry-policy delete email_send"},
                                 .exit_codes = ServerExitCodes()});
  const auto remove_options = RunWith(line, remove, RunDelete);
  AddText(remove, "TYPE", remove_options->type, "TYPE", "The type of job")->required();
  AddServerOptions(remove, remove_options->target);
  AddJson(remove, remove_options->json);
}

}  // namespace djps::cli
