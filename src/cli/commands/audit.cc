#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/commands/commands.h"
#include "cli/frame/answer.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"
#include "cli/frame/table.h"
#include "cli/link/api.h"
#include "cli/link/target_options.h"

namespace djps::cli {
namespace {

/// What the server puts on a page, at most.
constexpr int kPageMax = 1'000;
constexpr int kLimitMax = 1'000'000;

struct AuditOptions {
  TargetOptions target;
  std::string of;
  std::string before;
  std::string jobs;
  std::string after;
  int limit = 20;
  bool json = false;
};

/// A list of the audit, and how its pages go on.
struct List {
  std::string path;
  std::string items;        ///< The member with the items.
  std::string from;         ///< The parameter that says where to go on, and the option.
  std::string next_member;  ///< The member with where the next page begins.
};

struct Listed {
  std::vector<std::string> items;  ///< As JSON.
  std::string next;                ///< Empty at the end of the list.
};

/// Follows the pages until there are enough.
Result<Listed> ListAll(const Api& api, const List& list, const AuditOptions& options) {
  Listed listed{.items = {}, .next = list.from == "after" ? options.after : options.before};
  do {
    const int missing = options.limit - static_cast<int>(listed.items.size());
    const auto body =
        api.Get(list.path + WriteQuery({{"target", options.of},
                                        {list.from, listed.next},
                                        {"limit", std::to_string(std::min(missing, kPageMax))}}));
    if (!body) return tl::unexpected<Error>(body.error());
    const auto answer = Answer::Parse(*body);
    if (!answer) return tl::unexpected<Error>(answer.error());
    for (std::string& item : answer->Items(list.items)) listed.items.push_back(std::move(item));
    const auto next = answer->Integer(list.next_member);
    listed.next = next ? std::to_string(*next) : "";
  } while (!listed.next.empty() && static_cast<int>(listed.items.size()) < options.limit);
  return listed;
}

std::string ToJson(const List& list, const Listed& listed) {
  return fmt::format("{{\"{}\":[{}],\"{}\":{}}}\n", list.items, fmt::join(listed.items, ","),
                     list.next_member, listed.next.empty() ? "null" : listed.next);
}

std::string EntriesTable(const Listed& listed, const Terminal& terminal) {
  if (listed.items.empty()) return "no changes are recorded\n";
  Table table({{"ID", Align::kRight}, {"AT"}, {"WHO"}, {"ACTION"}, {"TARGET"}, {"DETAIL"}});
  for (const std::string& item : listed.items) {
    const Answer entry = Answer::Parse(item).value_or(Answer());
    table.Add({{entry.Text("id")},
               {ShortTime(entry.Text("at"))},
               {entry.Text("actor")},
               {entry.Text("action")},
               {entry.Text("target")},
               {entry.Text("detail")}});
  }
  return table.Format(terminal.out, terminal.width);
}

std::string JobsTable(const Listed& listed, const Terminal& terminal) {
  if (listed.items.empty()) return "no jobs: this entry is not of an action on many\n";
  Table table({{"JOB"}, {"WAS"}});
  for (const std::string& item : listed.items) {
    const Answer job = Answer::Parse(item).value_or(Answer());
    table.Add({{job.Text("id")}, {job.Text("was")}});
  }
  return table.Format(terminal.out, terminal.width);
}

int RunAudit(const Context& context, const AuditOptions& options) {
  const auto api = OpenApi(options.target, context.environment);
  if (!api) return ReportError(api.error());
  const bool jobs = !options.jobs.empty();
  const List list =
      jobs ? List{"/audit/" + PathPart(options.jobs) + "/jobs", "jobs", "after", "next_after"}
           : List{"/audit", "audit", "before", "next_before"};
  const auto listed = ListAll(*api, list, options);
  if (!listed) return ReportError(listed.error());
  if (options.json) {
    Print(ToJson(list, *listed));
    return kExitDone;
  }
  Print(jobs ? JobsTable(*listed, context.terminal) : EntriesTable(*listed, context.terminal));
  if (!listed->next.empty()) {
    Print(context.terminal.out.Dim(fmt::format("more: --{} {}", list.from, listed->next)) + "\n");
  }
  return kExitDone;
}

}  // namespace

void RegisterAudit(CommandLine& line) {
  CLI::App& command = AddCommand(
      line, line.app,
      {.name = "audit",
       .summary = "Show who changed what",
       .paragraph = "Shows changes to jobs and queues, newest first: who canceled, retried, edited "
                    "or purged a job, paused a queue, or set a policy. An action on many jobs is "
                    "one entry; --jobs ID lists its jobs.",
       .examples = {"djps audit --limit 50", "djps audit --target mail", "djps audit --jobs 17",
                    "djps audit --target 019a2b3c-4d5e-7f60-8123-456789abcdef --json"},
       .exit_codes = {"0  shown", "1  the server failed", "2  wrong usage",
                      "5  the server cannot be reached"}});
  const auto options = RunWith(line, command, RunAudit);
  auto* target = AddText(command, "--target", options->of, "TARGET",
                         "Only changes to this job id, queue or type");
  auto* before =
      AddText(command, "--before", options->before, "N", "Continue where an earlier list ended");
  auto* jobs =
      AddText(command, "--jobs", options->jobs, "ID", "List the jobs of this entry instead");
  jobs->excludes(target)->excludes(before);
  AddText(command, "--after", options->after, "N", "Continue where an earlier list of jobs ended")
      ->needs(jobs);
  AddInteger(command, "--limit", options->limit, 1, kLimitMax, "Maximum number of entries or jobs")
      ->default_str("20");
  AddServerOptions(command, options->target);
  AddJson(command, options->json);
}

}  // namespace djps::cli
