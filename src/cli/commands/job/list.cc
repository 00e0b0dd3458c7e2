#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "cli/commands/job/commands.h"
#include "cli/frame/answer.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"
#include "cli/frame/table.h"
#include "cli/link/api.h"
#include "cli/link/job_text.h"
#include "cli/link/target_options.h"
#include "core/time_text.h"

namespace djps::cli {
namespace {

constexpr std::chrono::seconds kWatchInterval{2};
constexpr int kLimitMax = 1'000;
/// The server looks at 20,000 jobs per request. After a million the command stops and says how to
/// continue.
constexpr int kLooksMax = 50;

struct JobListOptions {
  TargetOptions target;
  std::string status;
  std::string type;
  std::string queue;
  std::string tag;
  std::string key;
  std::string created_after;
  std::string created_before;
  std::string order;
  std::string cursor;
  int limit = 20;
  bool json = false;
  bool watch = false;
};

struct Listed {
  std::vector<std::string> jobs;  ///< As JSON.
  std::string next_cursor;        ///< Empty at the end of the list.
};

/// Asks again after pages with too few jobs, until there are enough.
Result<Listed> ListAll(const Api& api, const JobListOptions& options) {
  Listed listed{.jobs = {}, .next_cursor = options.cursor};
  for (int look = 0; look < kLooksMax; ++look) {
    const int missing = options.limit - static_cast<int>(listed.jobs.size());
    const auto body = api.Get("/jobs" + WriteQuery({{"status", options.status},
                                                    {"type", options.type},
                                                    {"queue", options.queue},
                                                    {"tag", options.tag},
                                                    {"key", options.key},
                                                    {"created_after", options.created_after},
                                                    {"created_before", options.created_before},
                                                    {"order", options.order},
                                                    {"cursor", listed.next_cursor},
                                                    {"limit", std::to_string(missing)}}));
    if (!body) return tl::unexpected<Error>(body.error());
    const auto answer = Answer::Parse(*body);
    if (!answer) return tl::unexpected<Error>(answer.error());
    for (std::string& job : answer->Items("jobs")) listed.jobs.push_back(std::move(job));
    listed.next_cursor = answer->Text("next_cursor");
    if (listed.next_cursor.empty() || static_cast<int>(listed.jobs.size()) >= options.limit) break;
  }
  return listed;
}

std::string ToJson(const Listed& listed) {
  std::string json = "{\"jobs\":[";
  for (const std::string& job : listed.jobs) json.append(job) += ',';
  if (!listed.jobs.empty()) json.pop_back();
  return json + "],\"next_cursor\":" +
         (listed.next_cursor.empty() ? "null" : "\"" + listed.next_cursor + "\"") + "}\n";
}

std::string ErrorOf(const JobRecord& job) {
  const auto error = Answer::Parse(job.last_error.value_or("{}"));
  if (!error || error->Text("class").empty()) return {};
  return error->Text("class") + ": " + error->Text("message");
}

Result<std::string> ToTable(const Listed& listed, const Terminal& terminal) {
  Table table({{"ID"},
               {"STATUS"},
               {"TYPE"},
               {"QUEUE"},
               {"PRIORITY", Align::kRight},
               {"ATTEMPTS", Align::kRight},
               {"CREATED"},
               {"LAST ERROR"}});
  for (const std::string& json : listed.jobs) {
    const auto job = ReadJobRecord(json);
    if (!job) return tl::unexpected<Error>(job.error());
    table.Add({{job->id.ToString()},
               StatusCell(job->status),
               {job->type},
               {job->queue},
               {std::to_string(job->priority)},
               {fmt::format("{}/{}", job->attempts, job->max_attempts)},
               {ShortTime(FormatTimestamp(job->created_at))},
               {ErrorOf(*job)}});
  }
  std::string text = table.Format(terminal.out, terminal.width);
  if (listed.jobs.empty()) text = "no such jobs\n";
  if (!listed.next_cursor.empty()) {
    text += terminal.out.Dim(fmt::format("more: --cursor {}", listed.next_cursor)) + "\n";
  }
  return text;
}

int PrintOnce(const Context& context, const Api& api, const JobListOptions& options) {
  const auto listed = ListAll(api, options);
  if (!listed) return ReportError(listed.error());
  if (options.json) {
    Print(ToJson(*listed));
    return kExitDone;
  }
  const auto text = ToTable(*listed, context.terminal);
  if (!text) return ReportError(text.error());
  // Cursor home and clear: each refresh replaces the one before.
  if (options.watch && context.terminal.out_is_terminal) Print("\x1b[H\x1b[2J");
  Print(*text);
  return kExitDone;
}

int RunJobList(const Context& context, const JobListOptions& options) {
  const auto api = OpenApi(options.target, context.environment);
  if (!api) return ReportError(api.error());
  while (true) {
    const int code = PrintOnce(context, *api, options);
    const bool unread = std::fflush(stdout) != 0 || std::ferror(stdout) != 0;
    if (!options.watch || unread || code == kExitUsage) return code;
    std::this_thread::sleep_for(kWatchInterval);
  }
}

std::vector<std::string> ExitCodes() {
  return {"0  listed, also if there are none", "1  the server failed", "2  wrong usage",
          "5  the server cannot be reached"};
}

void AddFilter(CLI::App& command, JobListOptions& options) {
  AddText(command, "--type", options.type, "TYPE", "Only jobs of this type");
  AddText(command, "--queue", options.queue, "QUEUE", "Only jobs of this queue");
  AddText(command, "--tag", options.tag, "TAG", "Only jobs with this tag");
  AddText(command, "--created-after", options.created_after, "TIME",
          "Only jobs created at this RFC 3339 time or later");
  AddText(command, "--created-before", options.created_before, "TIME",
          "Only jobs created before this RFC 3339 time");
}

void AddPaging(CLI::App& command, JobListOptions& options) {
  AddText(command, "--cursor", options.cursor, "CURSOR", "Continue where an earlier list ended");
  AddInteger(command, "--limit", options.limit, 1, kLimitMax, "Maximum number of jobs")
      ->default_str("20");
}

}  // namespace

void RegisterDeadList(CommandLine& line, CLI::App& group) {
  CLI::App& command =
      AddCommand(line, group,
                 {.name = "list",
                  .summary = "List dead jobs",
                  .paragraph = "Lists dead jobs with their last error, newest first.",
                  .examples = {"djps dead list", "djps dead list --queue mail"},
                  .exit_codes = ExitCodes()});
  const auto options = RunWith(line, command, RunJobList);
  options->status = "dead";
  AddFilter(command, *options);
  AddPaging(command, *options);
  AddServerOptions(command, options->target);
  AddJson(command, options->json);
}

void RegisterJobList(CommandLine& line, CLI::App& group) {
  CLI::App& command = AddCommand(
      line, group,
      {.name = "list",
       .summary = "List jobs",
       .paragraph =
           "Lists jobs, newest first; with --status queued in the order in which they will run. In "
           "a large database the search stops after a million jobs and says how to continue.",
       .examples = {"djps job list --status dead,failed --limit 50",
                    "djps job list --status queued --queue mail", "djps job list --watch",
                    "djps job list --type email_send --json | jq '.jobs[].id'"},
       .exit_codes = ExitCodes()});
  const auto options = RunWith(line, command, RunJobList);
  AddText(command, "--status", options->status, "STATUS",
          "Only jobs with this status; queued, running, failed, succeeded, canceled or dead, or "
          "several separated by commas");
  AddFilter(command, *options);
  AddText(command, "--key", options->key, "KEY", "Only the job with this idempotency key")
      ->needs(command.get_option("--type"));
  AddText(command, "--order", options->order, "ORDER",
          "newest, oldest, or next: queued jobs in the order in which they will run");
  AddPaging(command, *options);
  auto* watch = command.add_flag("--watch", options->watch, "Refresh every two seconds");
  AddServerOptions(command, options->target);
  AddJson(command, options->json)->excludes(watch);
}

}  // namespace djps::cli
