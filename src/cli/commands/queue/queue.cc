#include <fmt/format.h>

#include <algorithm>

#include "cli/commands/commands.h"
#include "cli/commands/queue/commands.h"
#include "cli/frame/answer.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"
#include "cli/frame/table.h"
#include "cli/link/api.h"
#include "cli/link/target_options.h"
#include "core/validation.h"

namespace djps::cli {
namespace {

/// What the server puts on a page, at most.
constexpr int kPageMax = 1'000;
constexpr int kLimitMax = 1'000'000;

struct QueueOptions {
  TargetOptions target;
  std::string name;
  bool json = false;
};

struct QueueListOptions {
  TargetOptions target;
  std::string cursor;
  int limit = 1'000;
  bool json = false;
};

struct Listed {
  std::vector<std::string> queues;  ///< As JSON.
  std::string next_cursor;          ///< Empty at the end of the list.
};

/// Follows the pages until there are enough.
Result<Listed> ListAll(const Api& api, const QueueListOptions& options) {
  Listed listed{.queues = {}, .next_cursor = options.cursor};
  do {
    const int missing = options.limit - static_cast<int>(listed.queues.size());
    const auto body =
        api.Get("/queues" + WriteQuery({{"cursor", listed.next_cursor},
                                        {"limit", std::to_string(std::min(missing, kPageMax))}}));
    if (!body) return tl::unexpected<Error>(body.error());
    const auto answer = Answer::Parse(*body);
    if (!answer) return tl::unexpected<Error>(answer.error());
    for (std::string& queue : answer->Items("queues")) listed.queues.push_back(std::move(queue));
    listed.next_cursor = answer->Text("next_cursor");
  } while (!listed.next_cursor.empty() && static_cast<int>(listed.queues.size()) < options.limit);
  return listed;
}

std::string ToJson(const Listed& listed) {
  std::string json = "{\"queues\":[";
  for (const std::string& queue : listed.queues) json.append(queue) += ',';
  if (!listed.queues.empty()) json.pop_back();
  return json + "],\"next_cursor\":" +
         (listed.next_cursor.empty() ? "null" : "\"" + listed.next_cursor + "\"") + "}\n";
}

Result<std::string> ToTable(const Listed& listed, const Terminal& terminal) {
  if (listed.queues.empty()) return std::string("no queue has jobs\n");
  Table table({{"QUEUE"},
               {"QUEUED", Align::kRight},
               {"SCHEDULED", Align::kRight},
               {"RUNNING", Align::kRight},
               {"FAILED", Align::kRight},
               {"DEAD", Align::kRight},
               {"OLDEST DUE", Align::kRight},
               {"STATE"}});
  for (const std::string& item : listed.queues) {
    const auto queue = Answer::Parse(item);
    if (!queue) return tl::unexpected<Error>(queue.error());
    const auto count = [&queue](std::string_view name) {
      return ShownCount(queue->Integer(name), queue->Bool("exact"));
    };
    const bool has_dead = queue->Integer("dead").value_or(0) > 0;
    table.Add({{queue->Text("name")},
               {count("queued")},
               {count("scheduled")},
               {count("running")},
               {count("failed")},
               {count("dead"), has_dead ? Tone::kBad : Tone::kPlain},
               {ShownDuration(queue->Integer("oldest_due_age_ms"))},
               queue->Bool("paused") ? Cell{"paused", Tone::kBad} : Cell{"open"}});
  }
  std::string text = table.Format(terminal.out, terminal.width);
  if (!listed.next_cursor.empty()) {
    text += terminal.out.Dim(fmt::format("more: --cursor {}", listed.next_cursor)) + "\n";
  }
  return text;
}

std::string ToCard(const Answer& queue, const Style& style) {
  const bool exact = queue.Bool("exact");
  std::vector<std::pair<std::string, std::string>> fields;
  for (const char* name : {"queued", "scheduled", "running", "failed", "dead"}) {
    fields.emplace_back(name, ShownCount(queue.Integer(name), exact));
  }
  fields.emplace_back("oldest due", ShownDuration(queue.Integer("oldest_due_age_ms")));
  std::string state = style.Good("open");
  if (queue.Bool("paused")) {
    state = style.Bad("paused") + " since " + queue.Text("paused_at");
    if (const auto by = queue.Text("paused_by"); !by.empty()) state += " by " + Printable(by);
  }
  fields.emplace_back("state", state);
  if (const auto limit = queue.Integer("max_backlog")) {
    fields.emplace_back("limit", ShownCount(limit) + " waiting jobs");
  }
  return style.Bold("queue " + Printable(queue.Text("name"))) + "\n" + FormatFields(fields, style);
}

int RunQueueList(const Context& context, const QueueListOptions& options) {
  const auto api = OpenApi(options.target, context.environment);
  if (!api) return ReportError(api.error());
  const auto listed = ListAll(*api, options);
  if (!listed) return ReportError(listed.error());
  const auto text = options.json ? ToJson(*listed) : ToTable(*listed, context.terminal);
  if (!text) return ReportError(text.error());
  Print(*text);
  return kExitDone;
}

int RunQueueGet(const Context& context, const QueueOptions& options) {
  if (const auto trouble = NameTrouble(options.name)) {
    return ReportError({ErrorCode::kInvalidArgument, "NAME " + *trouble, "NAME"});
  }
  const auto api = OpenApi(options.target, context.environment);
  if (!api) return ReportError(api.error());
  const auto body = api->Get("/queues/" + PathPart(options.name));
  if (!body) return ReportError(body.error());
  const auto queue = Answer::Parse(*body);
  if (!queue) return ReportError(queue.error());
  Print(options.json ? *body + "\n" : ToCard(*queue, context.terminal.out));
  return kExitDone;
}

}  // namespace

void RegisterQueue(CommandLine& line) {
  CLI::App& group = AddCommandGroup(
      line.app, {.name = "queue",
                 .summary = "Show and change queues",
                 .paragraph = "Shows queues and how many jobs they hold, and changes queues. A "
                              "number with a ~ is an estimate: counting stops at 10,000.",
                 .examples = {"djps queue list", "djps queue get mail"},
                 .exit_codes = {}});
  const std::vector<std::string> exit_codes = {"0  shown", "1  the server failed", "2  wrong usage",
                                               "5  the server cannot be reached"};
  CLI::App& list = AddCommand(
      line, group,
      {.name = "list",
       .summary = "List the queues that have jobs",
       .paragraph = "Lists the queues with the number of waiting and running jobs. If the oldest "
                    "due job has waited for long, the queue needs more workers.",
       .examples = {"djps queue list", "djps queue list --json | jq '.queues[].name'"},
       .exit_codes = exit_codes});
  const auto list_options = RunWith(line, list, RunQueueList);
  AddText(list, "--cursor", list_options->cursor, "CURSOR", "Go on where another list ended");
  AddInteger(list, "--limit", list_options->limit, 1, kLimitMax, "How many queues, at most")
      ->default_str("1000");
  AddServerOptions(list, list_options->target);
  AddJson(list, list_options->json);

  CLI::App& get = AddCommand(line, group,
                             {.name = "get",
                              .summary = "Show one queue",
                              .paragraph = "Shows how many jobs wait and run in one queue. A queue "
                                           "that was never used is shown as empty.",
                              .examples = {"djps queue get default"},
                              .exit_codes = exit_codes});
  const auto get_options = RunWith(line, get, RunQueueGet);
  AddText(get, "NAME", get_options->name, "NAME", "The queue's name")->required();
  AddServerOptions(get, get_options->target);
  AddJson(get, get_options->json);
  RegisterQueuePause(line, group);
  RegisterQueueLimit(line, group);
  RegisterQueueDrain(line, group);
}

}  // namespace djps::cli
