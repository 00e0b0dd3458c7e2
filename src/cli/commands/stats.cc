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

struct StatsOptions {
  TargetOptions target;
  bool json = false;
};

std::string ToText(const Answer& stats, const Terminal& terminal) {
  const Answer jobs = stats.Object("jobs");
  const Answer pace = stats.Object("throughput");
  Table table({{"STATUS"}, {"JOBS", Align::kRight}, {"LAST MINUTE", Align::kRight}});
  for (const char* name :
       {"queued", "scheduled", "running", "failed", "succeeded", "canceled", "dead"}) {
    const auto recent = pace.Integer(name);
    table.Add({{name},
               {ShownCount(jobs.Integer(name), stats.Bool("exact"))},
               {recent ? ShownCount(recent) : ""}});
  }
  return table.Format(terminal.out, terminal.width) +
         fmt::format("{} jobs ended per second\n", Printable(pace.Text("per_second")));
}

int RunStats(const Context& context, const StatsOptions& options) {
  const auto api = OpenApi(options.target, context.environment);
  if (!api) return ReportError(api.error());
  const auto body = api->Get("/stats");
  if (!body) return ReportError(body.error());
  const auto stats = Answer::Parse(*body);
  if (!stats) return ReportError(stats.error());
  Print(options.json ? *body + "\n" : ToText(*stats, context.terminal));
  return kExitDone;
}

}  // namespace

void RegisterStats(CommandLine& line) {
  CLI::App& command = AddCommand(
      line, line.app,
      {.name = "stats",
       .summary = "Show how many jobs there are, and the throughput",
       .paragraph = "Shows the number of jobs in each status, and how many ended within the last "
                    "minute. A number with a ~ is an estimate: at most 50,000 jobs that wait and "
                    "10,000 that have ended are counted.",
       .examples = {"djps stats", "djps stats --json | jq .throughput.per_second"},
       .exit_codes = {"0  shown", "1  the server failed", "2  wrong usage",
                      "5  the server cannot be reached"}});
  const auto options = RunWith(line, command, RunStats);
  AddServerOptions(command, options->target);
  AddJson(command, options->json);
}

}  // namespace djps::cli
