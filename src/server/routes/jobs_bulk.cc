// One action on many jobs: a list of ids, or all that match a filter.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <unordered_set>

#include "core/json_members.h"
#include "core/option_limits.h"
#include "core/time_text.h"
#include "core/validation.h"
#include "server/live/job_watch.h"
#include "server/routes/handlers.h"
#include "server/wire/fields.h"
#include "server/wire/list_cursor.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;
using Statuses = std::vector<JobStatus>;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kIdsMax = 1'000;
constexpr std::size_t kIdsBytesMax = 1U << 20U;
constexpr int kLimitMax = 10'000;
constexpr int kLimitDefault = 1'000;
/// Jobs per statement: locks are held shortly, and each statement commits.
constexpr std::size_t kChunk = 500;
/// After this time a call answers with its results so far and a cursor to continue.
constexpr std::chrono::seconds kWorkTime{5};
constexpr std::size_t kStatusesMax = 6;
constexpr std::size_t kWordBytesMax = 64;

enum class Action { kCancel, kRetry, kPurge };

constexpr std::array<std::string_view, 3> kActionNames = {"cancel", "retry", "purge"};

std::string_view NameOf(Action action) { return kActionNames[static_cast<std::size_t>(action)]; }

/// A parsed request.
struct Bulk {
  Action action = Action::kCancel;
  bool dry_run = false;
  bool run_again = false;
  std::optional<std::string> reason;
  std::vector<Uuid> ids;  ///< Empty: use the filter.
  /// The filter's list, and the position to continue from.
  store::ListRequest walked = {.detail = store::ListDetail::kBrief};
  int limit = kLimitDefault;
  /// Its entry in the audit, once a call has changed something. The cursor carries it to the next
  /// call, so that all calls of an action have one entry.
  std::optional<std::int64_t> audit;
  bool audit_opened = false;  ///< By this call.
};

struct Done {
  std::size_t matched = 0;
  std::size_t changed = 0;
  std::size_t skipped = 0;  ///< Unique jobs whose place another job has.
};

Statuses AllowedStatuses(Action action, bool run_again) {
  switch (action) {
    case Action::kCancel:
      return {JobStatus::kQueued, JobStatus::kRunning, JobStatus::kFailed};
    case Action::kPurge:
      return {JobStatus::kSucceeded, JobStatus::kCanceled, JobStatus::kDead};
    case Action::kRetry:
      break;
  }
  Statuses retried = {JobStatus::kQueued, JobStatus::kFailed, JobStatus::kCanceled,
                      JobStatus::kDead};
  if (run_again) retried.push_back(JobStatus::kSucceeded);
  return retried;
}

bool Holds(const Statuses& statuses, JobStatus status) {
  return std::find(statuses.begin(), statuses.end(), status) != statuses.end();
}

std::string NamesOf(const Statuses& statuses) {
  std::string names;
  for (const JobStatus status : statuses) {
    if (!names.empty()) names += status == statuses.back() ? " and " : ", ";
    names += StatusName(status);
  }
  return names;
}

Action ReadAction(Fields& fields) {
  const std::string name = fields.Required("action", fields.Text("action", kWordBytesMax));
  const auto* const found = std::find(kActionNames.begin(), kActionNames.end(), name);
  if (found != kActionNames.end()) return static_cast<Action>(found - kActionNames.begin());
  if (!name.empty()) {
    fields.Add("action",
               fmt::format("must be cancel, retry or purge, got {}", QuoteForMessage(name)));
  }
  return Action::kCancel;
}

Statuses ReadStatuses(Fields& filter, const Bulk& bulk) {
  const Statuses allowed = AllowedStatuses(bulk.action, bulk.run_again);
  Statuses statuses;
  const auto names = filter.Texts("status", kStatusesMax, kWordBytesMax);
  if (names ? names->empty() : !filter.Has("status")) {
    filter.Add("status", fmt::format("is missing or empty; {} takes {}", NameOf(bulk.action),
                                     NamesOf(allowed)));
  }
  for (const std::string& name : names.value_or(std::vector<std::string>())) {
    const auto status = ParseStatus(name);
    if (!status || !Holds(allowed, *status)) {
      filter.Add("status",
                 fmt::format("may hold {} where the action is {}, got {}{}", NamesOf(allowed),
                             NameOf(bulk.action), QuoteForMessage(name),
                             bulk.action == Action::kRetry && status == JobStatus::kSucceeded
                                 ? " (jobs that succeeded run again only with runAgain)"
                                 : ""));
    } else if (!Holds(statuses, *status)) {
      statuses.push_back(*status);
    }
  }
  return statuses;
}

/// An order in which no job is skipped or visited twice while the action changes the list.
/// Canceling only removes jobs from the queue, so the walk follows the queue. Retried jobs move
/// back in the queue, so they are walked by id.
store::ListOrder OrderOf(const Bulk& bulk) {
  const store::JobFilter& filter = bulk.walked.filter;
  const bool queued_alone = filter.statuses == Statuses{JobStatus::kQueued} && filter.tag.empty();
  return bulk.action == Action::kCancel && queued_alone ? store::ListOrder::kNext
                                                        : store::ListOrder::kNewest;
}

std::string CursorScope(const Bulk& bulk) {
  return fmt::format("{}|{}|{}", NameOf(bulk.action), ListScope(bulk.walked),
                     bulk.audit.value_or(0));
}

/// The place in the list, and the entry in the audit.
std::string NextCursor(const Bulk& bulk) {
  std::string cursor = WriteCursor(*bulk.walked.after, CursorScope(bulk));
  if (bulk.audit) cursor += fmt::format(".{}", *bulk.audit);
  return cursor;
}

/// False: not a cursor of this action and filter.
bool GoOnFrom(std::string_view cursor, Bulk& bulk) {
  const std::size_t dot = cursor.find('.');
  if (dot != std::string_view::npos) {
    bulk.audit = ReadJsonInteger(cursor.substr(dot + 1));
    if (!bulk.audit) return false;
  }
  bulk.walked.after = ReadCursor(cursor.substr(0, dot), CursorScope(bulk));
  return bulk.walked.after.has_value();
}

/// The filter as the request had it, and why; for the audit.
std::string AuditDetail(const Bulk& bulk) {
  std::string detail = "{";
  const auto add = [](std::string& out, std::string_view name, const std::string& json) {
    if (!out.ends_with('{')) out += ',';
    out += fmt::format("\"{}\":{}", name, json);
  };
  if (bulk.ids.empty()) {
    const store::JobFilter& filter = bulk.walked.filter;
    std::string statuses;
    for (const JobStatus status : filter.statuses) {
      statuses += fmt::format("{}\"{}\"", statuses.empty() ? "" : ",", StatusName(status));
    }
    std::string shown = "{";
    add(shown, "status", '[' + statuses + ']');
    if (!filter.type.empty()) add(shown, "type", JsonString(filter.type));
    if (!filter.queue.empty()) add(shown, "queue", JsonString(filter.queue));
    if (!filter.tag.empty()) add(shown, "tag", JsonString(filter.tag));
    const auto add_time = [&](std::string_view name, const std::optional<Timestamp>& time) {
      if (time) add(shown, name, JsonString(FormatTimestamp(*time)));
    };
    add_time("createdAfter", filter.created_from);
    add_time("createdBefore", filter.created_until);
    add(detail, "filter", shown + '}');
  }
  if (bulk.run_again) add(detail, "runAgain", "true");
  if (bulk.reason) add(detail, "reason", JsonString(*bulk.reason));
  return detail + '}';
}

void ReadFilter(Fields& fields, Bulk& bulk) {
  auto inside = fields.Object("filter");
  if (!inside) return;
  store::JobFilter& filter = bulk.walked.filter;
  filter.statuses = ReadStatuses(*inside, bulk);
  filter.type = inside->Name("type").value_or("");
  filter.queue = inside->Name("queue").value_or("");
  filter.tag = inside->Text("tag", kTagBytesMax).value_or("");
  filter.created_from = inside->Time("createdAfter");
  filter.created_until = inside->Time("createdBefore");
  bulk.walked.order = OrderOf(bulk);
  if (const auto cursor = fields.Text("cursor", kCursorBytesMax)) {
    if (!GoOnFrom(*cursor, bulk)) {
      fields.Add("cursor",
                 "must be a next_cursor that this action gave for the same filter; leave it off to "
                 "begin again");
    }
  }
}

void ReadIds(Fields& fields, Bulk& bulk) {
  const auto ids = fields.Uuids("ids", kIdsMax);
  if (fields.Json("ids", kIdsBytesMax) == "[]") fields.Add("ids", "must hold at least one id");
  std::unordered_set<Uuid> seen;
  for (const Uuid& id : ids.value_or(std::vector<Uuid>())) {
    if (seen.insert(id).second) bulk.ids.push_back(id);
  }
  if (fields.Has("filter")) fields.Add("filter", "and ids exclude each other; send one of them");
  for (const char* const name : {"limit", "cursor"}) {
    if (fields.Has(name)) fields.Add(name, "goes with a filter, not with ids");
  }
}

tl::expected<Bulk, Problem> ReadBulk(std::string_view body) {
  Fields fields(body);
  Bulk bulk;
  bulk.action = ReadAction(fields);
  bulk.dry_run = fields.Bool("dryRun").value_or(false);
  const auto run_again = fields.Bool("runAgain");
  bulk.run_again = run_again.value_or(false);
  if (run_again && bulk.action != Action::kRetry) {
    fields.Add("runAgain", "goes with the action retry only");
  }
  bulk.reason = fields.Text("reason", kReasonBytesMax);
  if (bulk.reason && bulk.action != Action::kCancel) {
    fields.Add("reason", "goes with the action cancel only");
  }
  if (fields.Has("ids")) {
    ReadIds(fields, bulk);
  } else if (!fields.Has("filter")) {
    fields.Add("filter", "or ids is needed: which jobs are meant?");
  }
  bulk.limit = static_cast<int>(fields.Integer("limit", 1, kLimitMax).value_or(kLimitDefault));
  ReadFilter(fields, bulk);
  if (auto problem = fields.Finish()) return tl::unexpected(*std::move(problem));
  return bulk;
}

/// Acts in one transaction, and counts.
asio::awaitable<void> Act(ServerContext& context, const Bulk& bulk, const std::vector<Uuid>& ids,
                          const std::string& actor, Done& done) {
  store::OperatorStore& operators = context.stores.operators;
  const pg::Deadline deadline = DeadlineOf(context);
  const Statuses from =
      bulk.ids.empty() ? bulk.walked.filter.statuses : AllowedStatuses(bulk.action, bulk.run_again);
  if (bulk.action == Action::kPurge) {
    const auto purged = co_await operators.PurgeJobs(ids, from, actor, deadline, bulk.audit);
    done.changed += purged.size();
    co_return;
  }
  if (bulk.action == Action::kRetry) {
    const auto retried = co_await operators.RetryJobs(ids, from, actor, deadline, bulk.audit);
    for (const store::RetriedJob& job : retried) ++(job.held_by ? done.skipped : done.changed);
  } else {
    const auto canceled =
        co_await operators.CancelJobs(ids, actor, bulk.reason, deadline, bulk.audit);
    done.changed += static_cast<std::size_t>(
        std::count_if(canceled.begin(), canceled.end(), [](const store::CanceledJob& job) {
          return job.state == "canceled" || job.state == "requested";
        }));
  }
  context.watch.Touch(ids);
}

/// Counts `jobs` and, except in a dry run, acts on them.
asio::awaitable<void> ActOnChunk(ServerContext& context, const Request& request, Bulk& bulk,
                                 const std::vector<JobRecord>& jobs, Done& done) {
  std::vector<Uuid> ids;
  ids.reserve(jobs.size());
  for (const JobRecord& job : jobs) ids.push_back(job.id);
  done.matched += ids.size();
  if (ids.empty() || bulk.dry_run) co_return;
  if (!bulk.audit_opened) {
    // Named: gcc 12 destroys a temporary aggregate in a co_await twice.
    const store::BulkAction action{.action = std::string(NameOf(bulk.action)),
                                   .detail = AuditDetail(bulk),
                                   .audit = bulk.audit};
    bulk.audit =
        co_await context.stores.operators.OpenBulk(action, ActorOf(request), DeadlineOf(context));
    bulk.audit_opened = true;
  }
  co_await Act(context, bulk, ids, ActorOf(request), done);
}

/// Jobs that do not exist, that the caller may not touch, or that are not in a status for this
/// action do not match.
asio::awaitable<void> ActOnIds(ServerContext& context, const Request& request, Bulk& bulk,
                               Done& done) {
  const Statuses allowed = AllowedStatuses(bulk.action, bulk.run_again);
  for (std::size_t begin = 0; begin < bulk.ids.size(); begin += kChunk) {
    const std::size_t end = std::min(begin + kChunk, bulk.ids.size());
    const std::vector<Uuid> chunk(bulk.ids.begin() + static_cast<std::ptrdiff_t>(begin),
                                  bulk.ids.begin() + static_cast<std::ptrdiff_t>(end));
    auto jobs = co_await context.stores.lists.FindJobs(chunk, DeadlineOf(context));
    std::erase_if(jobs, [&](const JobRecord& job) {
      return !Holds(allowed, job.status) || !request.caller.MayUseJob(job.queue, job.type);
    });
    co_await ActOnChunk(context, request, bulk, jobs, done);
  }
}

/// Walks the list until the limit, its end, or the time limit; `bulk.walked.after` is the position
/// to continue from. It also stops after a page with too few matches: this bounds the jobs that one
/// call reads.
asio::awaitable<bool> ActOnFilter(ServerContext& context, const Request& request, Bulk& bulk,
                                  Done& done) {
  const Clock::time_point until = Clock::now() + kWorkTime;
  const auto limit = static_cast<std::size_t>(bulk.limit);
  while (done.matched < limit && Clock::now() < until) {
    bulk.walked.limit = static_cast<int>(std::min(kChunk, limit - done.matched));
    const store::ListPage page =
        co_await context.stores.lists.ListJobs(bulk.walked, DeadlineOf(context));
    co_await ActOnChunk(context, request, bulk, page.jobs, done);
    bulk.walked.after = page.next;
    if (!page.next || page.scan_ended) co_return page.next.has_value();
  }
  co_return true;
}

}  // namespace

asio::awaitable<HandlerResult> ActOnJobs(ServerContext& context, const Request& request) {
  auto bulk = ReadBulk(request.body());
  if (!bulk) co_return tl::unexpected(bulk.error());
  Done done;
  bool more = false;
  if (bulk->ids.empty()) {
    const store::JobFilter& filter = bulk->walked.filter;
    auto refused = ListProblem(request.caller, filter.queue, filter.type);
    if (refused) co_return tl::unexpected(*std::move(refused));
    more = co_await ActOnFilter(context, request, *bulk, done);
  } else {
    co_await ActOnIds(context, request, *bulk, done);
  }
  co_return Response{
      .body = fmt::format(
          R"({{"action":"{}","dry_run":{},"matched":{},"changed":{},"skipped":{},"audit":{},)"
          R"("next_cursor":{}}})",
          NameOf(bulk->action), bulk->dry_run, done.matched, done.changed, done.skipped,
          bulk->audit ? std::to_string(*bulk->audit) : "null",
          more ? '"' + NextCursor(*bulk) + '"' : "null")};
}

}  // namespace djps::server
