#include <fmt/format.h>

#include "cli/commands/job/commands.h"
#include "cli/frame/answer.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"
#include "cli/frame/table.h"
#include "cli/link/api.h"
#include "cli/link/target_options.h"
#include "core/time_text.h"

namespace djps::cli {
namespace {

struct JobAttemptsOptions {
  TargetOptions target;
  std::string id;
  bool json = false;
};

std::string TookOf(const Answer& attempt) {
  const auto started = ParseTimestamp(attempt.Text("started_at"));
  const auto ended = ParseTimestamp(attempt.Text("ended_at"));
  if (!started || !ended) return "-";
  return ShownDuration(
      std::chrono::duration_cast<std::chrono::milliseconds>(*ended - *started).count());
}

Result<std::string> ToTable(const std::string& body, const Terminal& terminal) {
  const auto answer = Answer::Parse(body);
  if (!answer) return tl::unexpected<Error>(answer.error());
  Table table({{"ATTEMPT", Align::kRight},
               {"WORKER"},
               {"STARTED"},
               {"TOOK", Align::kRight},
               {"ERROR"},
               {"MESSAGE"}});
  const auto items = answer->Items("attempts");
  if (items.empty()) return std::string("no attempt has failed\n");
  for (const std::string& item : items) {
    const auto attempt = Answer::Parse(item);
    if (!attempt) return tl::unexpected<Error>(attempt.error());
    table.Add({{attempt->Text("attempt")},
               {attempt->Text("worker")},
               {ShortTime(attempt->Text("started_at"))},
               {TookOf(*attempt)},
               {attempt->Text("class"), Tone::kBad},
               {attempt->Text("message")}});
  }
  return table.Format(terminal.out, terminal.width);
}

int RunJobAttempts(const Context& context, const JobAttemptsOptions& options) {
  const auto id = ParseJobId(options.id);
  if (!id) return ReportError(id.error());
  const auto api = OpenApi(options.target, context.environment);
  if (!api) return ReportError(api.error());
  const auto body = api->Get("/jobs/" + id->ToString() + "/attempts");
  if (!body) return ReportError(body.error());
  const auto text = options.json ? *body + "\n" : ToTable(*body, context.terminal);
  if (!text) return ReportError(text.error());
  Print(*text);
  return kExitDone;
}

}  // namespace

void RegisterJobAttempts(CommandLine& line, CLI::App& group) {
  CLI::App& command =
      AddCommand(line, group,
                 {.name = "attempts",
                  .summary = "List the failed attempts of a job",
                  .paragraph = "Lists each failed attempt of a job with its error, oldest first. "
                               "--json includes error details.",
                  .examples = {"djps job attempts 019a2b3c-4d5e-7f60-8123-456789abcdef"},
                  .exit_codes = {"0  listed, also if there are none", "1  there is no such job",
                                 "2  wrong usage", "5  the server cannot be reached"}});
  const auto options = RunWith(line, command, RunJobAttempts);
  AddText(command, "ID", options->id, "ID", "The job's id")->required();
  AddServerOptions(command, options->target);
  AddJson(command, options->json);
}

}  // namespace djps::cli
