#include <fmt/format.h>

#include "cli/commands/commands.h"
#include "cli/frame/answer.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"
#include "cli/frame/table.h"
#include "cli/link/api.h"
#include "cli/link/target_options.h"
#include "core/json_members.h"

namespace djps::cli {
namespace {

struct WorkersOptions {
  TargetOptions target;
  bool all = false;
  bool json = false;
};

std::string Joined(const std::vector<std::string>& json_texts) {
  std::string text;
  for (const std::string& item : json_texts) {
    if (!text.empty()) text += ',';
    text += PlainJson(item);
  }
  return text.empty() ? "-" : text;
}

std::string ToTable(const Answer& answer, const Terminal& terminal) {
  const auto items = answer.Items("workers");
  if (items.empty()) return "no worker was seen; start one with: djps worker\n";
  Table table({{"NAME"},
               {"KIND"},
               {"RUNNING", Align::kRight},
               {"CAPACITY", Align::kRight},
               {"QUEUES"},
               {"TYPES"},
               {"LAST SEEN"},
               {"VERSION"}});
  for (const std::string& item : items) {
    const Answer worker = Answer::Parse(item).value_or(Answer());
    table.Add({{worker.Text("name")},
               {worker.Text("kind")},
               {ShownCount(worker.Integer("running"))},
               {ShownCount(worker.Integer("capacity"))},
               {Joined(worker.Items("queues"))},
               {Joined(worker.Items("types"))},
               {ShortTime(worker.Text("last_seen_at"))},
               {worker.Text("version")}});
  }
  return table.Format(terminal.out, terminal.width);
}

int RunWorkers(const Context& context, const WorkersOptions& options) {
  const auto api = OpenApi(options.target, context.environment);
  if (!api) return ReportError(api.error());
  const auto body = api->Get(options.all ? "/workers?all=true" : "/workers");
  if (!body) return ReportError(body.error());
  const auto answer = Answer::Parse(*body);
  if (!answer) return ReportError(answer.error());
  Print(options.json ? *body + "\n" : ToTable(*answer, context.terminal));
  return kExitDone;
}

}  // namespace

void RegisterWorkers(CommandLine& line) {
  CLI::App& command =
      AddCommand(line, line.app,
                 {.name = "workers",
                  .summary = "List the workers and the jobs they run",
                  .paragraph = "Lists the workers that reported within the last minute.",
                  .examples = {"djps workers", "djps workers --json | jq '.workers[].jobs[].id'"},
                  .exit_codes = {"0  listed, also where there are none", "1  the server failed",
                                 "2  wrong usage", "5  the server cannot be reached"}});
  const auto options = RunWith(line, command, RunWorkers);
  command.add_flag("--all", options->all, "Also workers last seen up to a day ago");
  AddServerOptions(command, options->target);
  AddJson(command, options->json);
}

}  // namespace djps::cli
