#include "cli/commands/job/action.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "cli/commands/job/commands.h"
#include "cli/frame/answer.h"
#include "cli/frame/confirm.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/interrupts.h"
#include "cli/frame/options.h"
#include "cli/frame/progress.h"
#include "cli/link/api.h"
#include "cli/link/target_options.h"
#include "core/json_members.h"

namespace djps::cli {
namespace {

constexpr int kLimitMax = 2'000'000'000;
/// Jobs per call: few, so that the progress bar moves and Ctrl-C takes effect soon.
constexpr std::int64_t kPage = 1'000;
/// Counting changes nothing and takes no locks.
constexpr std::int64_t kCountPage = 10'000;

struct Wording {
  const char* name;       ///< The name in the API.
  const char* asks;       ///< "Cancel", before the number of jobs.
  const char* did;        ///< "canceled"
  const char* statement;  ///< The new status of a single job.
};

Wording WordingOf(JobAction action) {
  switch (action) {
    case JobAction::kCancel:
      return {"cancel", "Cancel", "canceled", "canceled"};
    case JobAction::kPurge:
      return {"purge", "Delete for good", "purged", "purged"};
    case JobAction::kRetry:
      break;
  }
  return {"retry", "Run", "put back into the queue", "queued"};
}

struct Totals {
  std::int64_t matched = 0;
  std::int64_t changed = 0;
  std::int64_t skipped = 0;  ///< Unique jobs whose place another job has.
  bool complete = false;     ///< Nothing is left, or the limit is reached.
};

Error Usage(const std::string& message, const std::string& option) {
  return {ErrorCode::kInvalidArgument, message, option};
}

std::string FilterJson(const JobActionOptions& options) {
  std::string json = "{\"status\":[";
  for (std::size_t begin = 0; begin <= options.status.size();) {
    const std::size_t end = std::min(options.status.find(',', begin), options.status.size());
    if (begin > 0) json += ',';
    json += JsonString(options.status.substr(begin, end - begin));
    begin = end + 1;
  }
  json += ']';
  const std::pair<const char*, const std::string&> members[] = {
      {"type", options.type},
      {"queue", options.queue},
      {"tag", options.tag},
      {"createdAfter", options.created_after},
      {"createdBefore", options.created_before}};
  for (const auto& [name, value] : members) {
    if (!value.empty()) json += fmt::format(",\"{}\":{}", name, JsonString(value));
  }
  return json + "}";
}

std::string BulkBody(JobAction action, const JobActionOptions& options, bool dry_run,
                     std::int64_t limit, const std::string& cursor) {
  std::string json = fmt::format(R"({{"action":"{}","filter":{},"dryRun":{},"limit":{})",
                                 WordingOf(action).name, FilterJson(options), dry_run, limit);
  if (options.run_again) json += ",\"runAgain\":true";
  if (!options.reason.empty()) json += ",\"reason\":" + JsonString(options.reason);
  if (!cursor.empty()) json += ",\"cursor\":" + JsonString(cursor);
  return json + "}";
}

/// Calls the API until all jobs are done, the limit is reached, or the user stops it. `totals` is
/// correct after an error too.
Result<void> Walk(const Api& api, JobAction action, const JobActionOptions& options, bool dry_run,
                  Progress& progress, Interrupts* interrupts, Totals& totals) {
  const std::int64_t wanted = options.limit > 0 ? options.limit : kLimitMax;
  for (std::string cursor;;) {
    const std::int64_t limit = std::min(wanted - totals.matched, dry_run ? kCountPage : kPage);
    const auto body =
        api.Send("POST", "/jobs/bulk", BulkBody(action, options, dry_run, limit, cursor));
    if (!body) return tl::unexpected<Error>(body.error());
    const auto answer = Answer::Parse(*body);
    if (!answer) return tl::unexpected<Error>(answer.error());
    totals.matched += answer->Integer("matched").value_or(0);
    totals.changed += answer->Integer("changed").value_or(0);
    totals.skipped += answer->Integer("skipped").value_or(0);
    const auto shown = static_cast<std::uint64_t>(totals.matched);
    progress.Update(shown, shown);
    cursor = answer->Text("next_cursor");
    totals.complete = cursor.empty() || totals.matched >= wanted;
    if (totals.complete || (interrupts != nullptr && interrupts->Asked())) return {};
  }
}

std::string ToJson(JobAction action, bool dry_run, const Totals& totals) {
  return fmt::format(
      R"({{"action":"{}","dry_run":{},"matched":{},"changed":{},"skipped":{},"complete":{}}})"
      "\n",
      WordingOf(action).name, dry_run, totals.matched, totals.changed, totals.skipped,
      totals.complete);
}

std::string Jobs(std::int64_t count) {
  return FormatCount(static_cast<std::uint64_t>(count), "job");
}

std::string ToText(JobAction action, const Totals& totals) {
  std::string text = fmt::format("{}: {}\n", WordingOf(action).did, Jobs(totals.changed));
  if (totals.skipped > 0) {
    text +=
        fmt::format("skipped: {}, unique, and another job has the place\n", Jobs(totals.skipped));
  }
  return text;
}

/// Counts the jobs that match the filter.
Result<std::int64_t> Count(const Context& context, const Api& api, JobAction action,
                           const JobActionOptions& options) {
  Totals totals;
  Progress progress(context.terminal.error_is_terminal, std::nullopt);
  const auto counted = Walk(api, action, options, true, progress, nullptr, totals);
  if (!counted) return tl::unexpected<Error>(counted.error());
  return totals.matched;
}

int DryRun(const Context& context, const Api& api, JobAction action,
           const JobActionOptions& options) {
  const auto count = Count(context, api, action, options);
  if (!count) return ReportError(count.error());
  Print(options.json ? ToJson(action, true, {.matched = *count, .changed = 0, .complete = true})
                     : fmt::format("{} would be {}\n", Jobs(*count), WordingOf(action).did));
  return kExitDone;
}

int ActOnFilter(const Context& context, const Api& api, JobAction action,
                const JobActionOptions& options) {
  if (options.dry_run) return DryRun(context, api, action, options);
  const Wording wording = WordingOf(action);
  const bool watched = context.terminal.error_is_terminal;
  std::optional<std::uint64_t> expected;
  if (!options.yes || watched) {  // else the count is not needed
    const auto count = Count(context, api, action, options);
    if (!count) return ReportError(count.error());
    expected = static_cast<std::uint64_t>(*count);
    const auto agreed =
        *count == 0 ? Result<bool>(true)
                    : Confirm(fmt::format("{} {}?", wording.asks, Jobs(*count)), options.yes);
    if (!agreed) return ReportError(agreed.error());
    if (!*agreed) {
      fmt::print(stderr, "djps: nothing was changed\n");
      return kExitFailed;
    }
  }
  Totals totals;
  Result<void> walked;
  {
    Progress progress(watched, expected);
    Interrupts interrupts;
    walked = Walk(api, action, options, false, progress, &interrupts, totals);
  }
  if (!walked && totals.matched == 0) return ReportError(walked.error());
  Print(options.json ? ToJson(action, false, totals) : ToText(action, totals));
  if (!totals.complete) {
    fmt::print(stderr, "djps: stopped before the end; run the same command to continue\n");
  }
  if (!walked) return ReportError(walked.error());
  return totals.complete ? kExitDone : kExitFailed;
}

Result<std::string> ActOnOne(const Api& api, JobAction action, const JobActionOptions& options,
                             const Uuid& id) {
  const std::string path = "/jobs/" + id.ToString();
  if (action == JobAction::kPurge) return api.Send("DELETE", path);
  if (action == JobAction::kRetry) {
    return api.Send("POST", path + "/retry", options.run_again ? R"({"runAgain":true})" : "{}");
  }
  return api.Send(
      "POST", path + "/cancel",
      options.reason.empty() ? "{}" : "{\"reason\":" + JsonString(options.reason) + "}");
}

/// Prints one line for each job; a job that cannot be changed does not stop the others.
int ActOnIds(const Api& api, JobAction action, const JobActionOptions& options,
             const std::vector<Uuid>& ids) {
  int code = kExitDone;
  std::string json;
  for (const Uuid& id : ids) {
    const auto body = ActOnOne(api, action, options, id);
    if (!body) {
      code = ReportError({body.error().code, id.ToString() + ": " + body.error().message, {}});
      if (body.error().code == ErrorCode::kUnavailable) break;  // the others would fail too
      continue;
    }
    const Answer job = Answer::Parse(*body).value_or(Answer());
    const std::string status = job.Bool("cancel_requested") ? "running, being canceled"
                               : body->empty()              ? WordingOf(action).statement
                                                            : job.Text("status");
    if (!options.json) Print(fmt::format("{}  {}\n", id.ToString(), Printable(status)));
    if (!json.empty()) json += ',';
    json +=
        body->empty() ? fmt::format(R"({{"id":"{}","status":"purged"}})", id.ToString()) : *body;
  }
  if (options.json) Print("{\"jobs\":[" + json + "]}\n");
  return code;
}

/// The error in the choice of jobs, if there is one.
std::optional<Error> ChoiceError(const JobActionOptions& options) {
  const bool filtered = !options.type.empty() || !options.queue.empty() || !options.tag.empty() ||
                        !options.created_after.empty() || !options.created_before.empty() ||
                        options.limit > 0 || options.dry_run;
  if (options.ids.empty()) {
    if (!options.status.empty()) return std::nullopt;
    return Usage("say which jobs: their ids, or a filter with --status", "--status");
  }
  if (!filtered && options.status.empty()) return std::nullopt;
  return Usage("choose jobs by their ids or by a filter, not both", "ID");
}

}  // namespace

int ActOnJobs(const Context& context, JobAction action, const JobActionOptions& options) {
  if (const auto wrong = ChoiceError(options)) return ReportError(*wrong);
  std::vector<Uuid> ids;
  for (const std::string& text : options.ids) {
    const auto id = ParseJobId(text);
    if (!id) return ReportError(id.error());
    ids.push_back(*id);
  }
  const auto api = OpenApi(options.target, context.environment);
  if (!api) return ReportError(api.error());
  if (ids.empty()) return ActOnFilter(context, *api, action, options);
  if (action == JobAction::kPurge) {
    const auto agreed =
        Confirm(fmt::format("Delete {} for good?", FormatCount(ids.size(), "job")), options.yes);
    if (!agreed) return ReportError(agreed.error());
    if (!*agreed) return kExitFailed;
  }
  return ActOnIds(*api, action, options, ids);
}

void AddJobActionOptions(CLI::App& command, JobActionOptions& options) {
  command.add_option("ID", options.ids, "The jobs' ids")->type_name("ID");
  AddText(command, "--type", options.type, "TYPE", "Only jobs of this type");
  AddText(command, "--queue", options.queue, "QUEUE", "Only jobs of this queue");
  AddText(command, "--tag", options.tag, "TAG", "Only jobs with this tag");
  AddText(command, "--created-after", options.created_after, "TIME",
          "Only jobs created at this RFC 3339 time or later");
  AddText(command, "--created-before", options.created_before, "TIME",
          "Only jobs created before this RFC 3339 time");
  AddInteger(command, "--limit", options.limit, 1, kLimitMax, "Maximum number of jobs");
  command.add_flag("--dry-run", options.dry_run, "Only count the jobs");
  command.add_flag("--yes", options.yes, "Do not ask for confirmation");
  AddServerOptions(command, options.target);
  AddJson(command, options.json);
}

}  // namespace djps::cli
