#include "store/list_store.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/ids.h"
#include "store/job_rows.h"
#include "store/statements.h"

namespace djps::store {
namespace {

namespace asio = boost::asio;

constexpr std::uint8_t kLastByte = 0xff;
/// Ids are stamped when a submission arrives, jobs when they are stored. The difference is the
/// duration of a submission, plus changes of clocks.
constexpr std::chrono::minutes kStampSlack{1};
/// Sorts after every name: no name has a character beyond 'z' (core/validation.h).
constexpr std::string_view kAfterEveryName = "~";
/// Means no bound; the year 2255.
constexpr Timestamp kFarAway{std::chrono::seconds(9'000'000'000)};
constexpr std::int16_t kFirstPriority = INT16_MIN;

/// The smallest UUID whose first 48 bits are this moment in milliseconds.
Uuid FloorOf(Timestamp moment) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(moment.time_since_epoch()).count();
  Uuid id;
  constexpr int kStampBytes = 6;
  for (int i = 0; i < kStampBytes; ++i) {
    id.bytes[static_cast<std::size_t>(i)] =
        static_cast<std::uint8_t>(std::max<std::int64_t>(ms, 0) >> (8 * (kStampBytes - 1 - i)));
  }
  return id;
}

/// The range of ids of the requested jobs, both ends excluded.
struct IdRange {
  Uuid above;
  Uuid below;
};

IdRange RangeOf(const ListRequest& request) {
  IdRange range;
  range.below.bytes.fill(kLastByte);
  const JobFilter& filter = request.filter;
  if (filter.created_from) range.above = FloorOf(*filter.created_from - kStampSlack);
  if (filter.created_until) range.below = FloorOf(*filter.created_until + kStampSlack);
  if (!request.after) return range;
  if (request.order == ListOrder::kOldest) {
    range.above = std::max(range.above, request.after->id);
  } else {
    range.below = std::min(range.below, request.after->id);
  }
  return range;
}

bool Fits(const JobFilter& filter, const JobRecord& job) {
  const auto same = [](const std::string& wanted, const std::string& have) {
    return wanted.empty() || wanted == have;
  };
  return same(filter.type, job.type) && same(filter.queue, job.queue) &&
         (filter.statuses.empty() || std::find(filter.statuses.begin(), filter.statuses.end(),
                                               job.status) != filter.statuses.end()) &&
         (!filter.created_from || job.created_at >= *filter.created_from) &&
         (!filter.created_until || job.created_at < *filter.created_until);
}

/// The requested status, if it is only one.
std::optional<JobStatus> OnlyStatus(const JobFilter& filter) {
  return filter.statuses.size() == 1 ? std::optional(filter.statuses.front()) : std::nullopt;
}

void AddNames(pg::Params& params, const JobFilter& filter) {
  params.Add(filter.type).Add(filter.queue);
}

void AddCreated(pg::Params& params, const JobFilter& filter) {
  params.Add(filter.created_from.value_or(Timestamp::min()));
  params.Add(filter.created_until.value_or(kFarAway));
}

/// The lane and the range: how the statements begin that go by ids.
pg::Params RangeParams(const ListRequest& request) {
  const IdRange range = RangeOf(request);
  pg::Params params;
  params.Add(kLane).Add(range.above).Add(range.below);
  return params;
}

struct Call {
  const pg::Statement& statement;
  pg::Params params;
};

Call CallForQueued(const ListRequest& request, int limit) {
  const JobFilter& filter = request.filter;
  const ListPosition first{
      .id = {}, .queue = filter.queue, .priority = kFirstPriority, .visible_at = Timestamp::min()};
  const ListPosition& after = request.after ? *request.after : first;
  pg::Params params;
  params.Add(kLane).Add(after.queue).Add(after.priority).Add(after.visible_at).Add(after.id);
  params.Add(filter.queue.empty() ? kAfterEveryName : std::string_view(filter.queue));
  params.Add(request.scan).Add(limit).Add(filter.type);
  AddCreated(params, filter);
  return {sql::kListQueued, std::move(params)};
}

Call CallByCreation(const ListRequest& request, int limit) {
  pg::Params params = RangeParams(request);
  params.Add(request.order != ListOrder::kOldest).Add(request.scan).Add(limit);
  AddNames(params, request.filter);
  params.AddArray(request.filter.statuses, [](JobStatus status) { return StatusName(status); });
  AddCreated(params, request.filter);
  return {sql::kListByCreation, std::move(params)};
}

/// The statuses are filtered afterwards: few jobs have a tag.
Call CallByTag(const ListRequest& request, int limit) {
  pg::Params params = RangeParams(request);
  params.Add(request.filter.tag).Add(request.scan).Add(limit);
  AddNames(params, request.filter);
  AddCreated(params, request.filter);
  return {sql::kListTagged, std::move(params)};
}

/// Chooses the list that reads the fewest rows.
Call ChooseCall(const ListRequest& request, int limit) {
  if (!request.filter.tag.empty()) return CallByTag(request, limit);
  if (request.order == ListOrder::kNext) return CallForQueued(request, limit);
  const auto status = OnlyStatus(request.filter);
  if (!status || *status == JobStatus::kQueued || request.order == ListOrder::kOldest) {
    return CallByCreation(request, limit);
  }
  pg::Params params = RangeParams(request);
  const pg::Statement* statement = &sql::kListEnded;
  if (*status == JobStatus::kRunning) {
    statement = &sql::kListRunning;
    params.Add(limit);
  } else if (*status == JobStatus::kFailed) {
    statement = &sql::kListFailed;
    params.Add(request.scan).Add(limit);
  } else {
    params.Add(StatusName(*status)).Add(request.scan).Add(limit);
  }
  AddNames(params, request.filter);
  AddCreated(params, request.filter);
  return {*statement, std::move(params)};
}

}  // namespace

// Walk reads the rows of each.
static_assert(pg::StartWith(sql::list_queued::kColumns, sql::list_ended::kColumns));
static_assert(pg::StartWith(sql::list_tagged::kColumns, sql::list_ended::kColumns));
static_assert(pg::StartWith(sql::list_failed::kColumns, sql::list_ended::kColumns));
static_assert(pg::StartWith(sql::list_running::kColumns, sql::list_ended::kColumns));
static_assert(pg::StartWith(sql::list_by_creation::kColumns, sql::list_ended::kColumns));

struct ListStore::Found {
  std::vector<ListPosition> matched;
  std::optional<ListPosition> stop;  ///< Where the scan ended before the page was full.
};

asio::awaitable<ListStore::Found> ListStore::Walk(const ListRequest& request,
                                                  pg::Deadline deadline) {
  namespace columns = sql::list_queued;
  // One more than asked for tells whether the list goes on.
  Call call = ChooseCall(request, request.limit + 1);
  const pg::Rows rows = co_await pool_.Execute(call.statement, std::move(call.params), deadline);
  Found found;
  for (const pg::Row row : rows) {
    ListPosition position{.id = row.Get(columns::kId)};
    if (request.order == ListOrder::kNext) {
      position.queue = row.Get(columns::kQueue);
      position.priority = row.Get(columns::kPriority);
      position.visible_at = row.Get(columns::kVisibleAt);
    }
    if (row.Get(columns::kMatched)) {
      found.matched.push_back(std::move(position));
    } else {
      found.stop = std::move(position);
    }
  }
  co_return found;
}

/// What FindJobs read of the ids it was given.
struct ListStore::Read {
  std::vector<JobRecord> jobs;
  std::size_t ids = 0;  ///< So many of them, from the first: the bytes of a page ended there.
};

asio::awaitable<ListPage> ListStore::ListJobs(const ListRequest& request, pg::Deadline deadline) {
  DJPS_CHECK(request.limit >= 1 && request.limit <= kListLimitMax && request.scan >= 1);
  ListPage page;
  Found found;
  std::vector<Uuid> ids;
  if (!request.filter.idempotency_key.empty()) {
    pg::Params params;
    params.Add(kLane).Add(request.filter.type).Add(request.filter.idempotency_key);
    const pg::Rows rows = co_await pool_.Execute(sql::kFindKeyedJob, std::move(params), deadline);
    // A list of one has no second page.
    if (!rows.empty() && !request.after) ids.push_back(rows[0].Get(sql::find_keyed_job::kId));
  } else {
    found = co_await Walk(request, deadline);
    page.next = found.stop;
    page.scan_ended = found.stop.has_value();
    const auto limit = static_cast<std::size_t>(request.limit);
    if (found.matched.size() > limit) {
      found.matched.resize(limit);
      page.next = found.matched.back();
      page.scan_ended = false;
    }
    for (const ListPosition& position : found.matched) ids.push_back(position.id);
  }
  Read read = co_await ReadJobs(ids, request.detail, deadline);
  if (read.ids < ids.size() && !found.matched.empty()) {
    page.next = found.matched[read.ids - 1];
    page.scan_ended = false;
  }
  page.jobs = std::move(read.jobs);
  // Between the two statements jobs may have changed; those with another status are dropped.
  std::erase_if(page.jobs, [&](const JobRecord& job) { return !Fits(request.filter, job); });
  co_return page;
}

asio::awaitable<std::vector<JobRecord>> ListStore::FindJobs(const std::vector<Uuid>& ids,
                                                            pg::Deadline deadline) {
  Read read = co_await ReadJobs(ids, ListDetail::kBrief, deadline);
  co_return std::move(read.jobs);
}

asio::awaitable<ListStore::Read> ListStore::ReadJobs(const std::vector<Uuid>& ids,
                                                     ListDetail detail, pg::Deadline deadline) {
  Read read;
  if (ids.empty()) co_return read;
  pg::Params params;
  params.Add(kLane);
  params.AddArray(ids, [](const Uuid& id) { return id; });
  params.Add(detail == ListDetail::kAll).Add(detail == ListDetail::kBrief).Add(kListBytesMax);
  const pg::Rows rows = co_await pool_.Execute(sql::kFindJobs, std::move(params), deadline);
  // By place; an id that names no job leaves a gap.
  std::vector<int> row_of(ids.size(), -1);
  for (int row = 0; row < rows.size(); ++row) {
    const auto place = static_cast<std::size_t>(rows[row].Get(sql::find_jobs::kPlace));
    row_of[place - 1] = row;
    read.ids = std::max(read.ids, place);
  }
  read.jobs.reserve(static_cast<std::size_t>(rows.size()));
  for (const int row : row_of) {
    if (row >= 0) read.jobs.push_back(ReadJob(rows[row]));
  }
  // If none of them exists any more, nothing was omitted.
  if (rows.empty()) read.ids = ids.size();
  co_return read;
}

}  // namespace djps::store
