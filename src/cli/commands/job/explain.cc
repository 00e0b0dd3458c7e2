#include <fmt/format.h>

#include "cli/commands/job/commands.h"
#include "cli/frame/answer.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"
#include "cli/link/api.h"
#include "cli/link/target_options.h"

namespace djps::cli {
namespace {

struct JobExplainOptions {
  TargetOptions target;
  std::string id;
  bool json = false;
};

std::string ToText(const Answer& why, const Style& style) {
  std::vector<std::pair<std::string, std::string>> fields = {{"reason", why.Text("reason")},
                                                             {"status", why.Text("status")}};
  if (!why.Text("until").empty()) fields.emplace_back("until", why.Text("until"));
  if (const auto ahead = why.Integer("ahead")) {
    fields.emplace_back("ahead", ShownCount(ahead, why.Bool("ahead_exact")));
    fields.emplace_back("estimate", ShownDuration(why.Integer("estimate_ms")));
  }
  return Printable(why.Text("text")) + "\n" + FormatFields(fields, style);
}

int RunJobExplain(const Context& context, const JobExplainOptions& options) {
  const auto id = ParseJobId(options.id);
  if (!id) return ReportError(id.error());
  const auto api = OpenApi(options.target, context.environment);
  if (!api) return ReportError(api.error());
  const auto body = api->Get("/jobs/" + id->ToString() + "/explain");
  if (!body) return ReportError(body.error());
  const auto why = Answer::Parse(*body);
  if (!why) return ReportError(why.error());
  Print(options.json ? *body + "\n" : ToText(*why, context.terminal.out));
  return kExitDone;
}

}  // namespace

void RegisterJobExplain(CommandLine& line, CLI::App& group) {
  CLI::App& command = AddCommand(
      line, group,
      {.name = "explain",
       .summary = "Explain why a job is not running now",
       .paragraph = "Shows the reason why a job is not running now. For a job that waits in a "
                    "queue, also shows how many jobs come before it and an estimate of the wait.",
       .examples = {"djps job explain 019a2b3c-4d5e-7f60-8123-456789abcdef"},
       .exit_codes = {"0  explained", "1  there is no such job", "2  wrong usage",
                      "5  the server cannot be reached"}});
  const auto options = RunWith(line, command, RunJobExplain);
  AddText(command, "ID", options->id, "ID", "The job's id")->required();
  AddServerOptions(command, options->target);
  AddJson(command, options->json);
}

}  // namespace djps::cli
