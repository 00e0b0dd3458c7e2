#include "store/queue_store.h"

#include <utility>

#include "core/check.h"
#include "core/ids.h"
#include "store/statements.h"

namespace djps::store {
namespace {

namespace asio = boost::asio;

/// The latest outcomes that are looked at for the last minute: 333 jobs/s fit.
constexpr std::int32_t kRecentScanMax = 20'000;

QueueState ReadQueue(const pg::Row& row) {
  namespace columns = sql::list_queues;
  return {.name = row.Get(columns::kQueue),
          .queued = row.Get(columns::kQueued),
          .scheduled = row.Get(columns::kScheduled),
          .failed = row.Get(columns::kFailed),
          .running = row.Get(columns::kRunning),
          .dead = row.Get(columns::kDead),
          .oldest_due_at = row.Find(columns::kOldestDueAt),
          .oldest_due_age_ms = row.Find(columns::kAgeMs),
          .exact = row.Get(columns::kExact),
          .paused_at = row.Find(columns::kPausedAt),
          .paused_by = row.Find(columns::kPausedBy),
          .max_backlog = row.Find(columns::kMaxBacklog)};
}

}  // namespace

asio::awaitable<QueuePage> QueueStore::ListQueues(const QueueListOptions& options,
                                                  const std::vector<std::string>& only,
                                                  pg::Deadline deadline) {
  co_return co_await List(options, only, Empty::kLeftOut, deadline);
}

asio::awaitable<QueueState> QueueStore::GetQueue(const std::string& name, pg::Deadline deadline) {
  const std::vector<std::string> only(1, name);
  const QueueListOptions options{.limit = 1};
  QueuePage page = co_await List(options, only, Empty::kListed, deadline);
  DJPS_CHECK(page.queues.size() == 1);
  co_return std::move(page.queues.front());
}

asio::awaitable<QueuePage> QueueStore::List(const QueueListOptions& options,
                                            const std::vector<std::string>& only, Empty empty,
                                            pg::Deadline deadline) {
  DJPS_CHECK(options.limit >= 1 && options.limit <= kQueuesListedMax);
  pg::Params params;
  params.Add(kLane).Add(options.after);
  params.AddArray(only, [](const std::string& name) { return name; });
  params.Add(empty == Empty::kListed).Add(static_cast<std::int32_t>(options.limit));
  params.Add(std::int32_t{kCountExactMax}).Add(std::int32_t{kQueueWalkMax});
  const pg::Rows rows = co_await pool_.Execute(sql::kListQueues, std::move(params), deadline);
  QueuePage page;
  page.queues.reserve(static_cast<std::size_t>(rows.size()));
  for (const pg::Row row : rows) page.queues.push_back(ReadQueue(row));
  if (!rows.empty() && rows[rows.size() - 1].Get(sql::list_queues::kMore)) {
    page.next = page.queues.back().name;
  }
  co_return page;
}

asio::awaitable<LiveCounts> QueueStore::CountLive(pg::Deadline deadline) {
  namespace columns = sql::count_live;
  pg::Params params;
  params.Add(kLane).Add(std::int32_t{kTotalExactMax});
  const pg::Rows rows = co_await pool_.Execute(sql::kCountLive, std::move(params), deadline);
  DJPS_CHECK(rows.size() == 1);
  const pg::Row row = rows[0];
  co_return LiveCounts{.queued = row.Get(columns::kQueued),
                       .scheduled = row.Get(columns::kScheduled),
                       .failed = row.Get(columns::kFailed),
                       .running = row.Get(columns::kRunning),
                       .exact = row.Get(columns::kExact)};
}

asio::awaitable<OutcomeState> QueueStore::CountOutcomes(pg::Deadline deadline) {
  namespace columns = sql::count_outcomes;
  pg::Params params;
  params.Add(kLane).Add(std::int32_t{kCountExactMax}).Add(kRecentScanMax);
  const pg::Rows rows = co_await pool_.Execute(sql::kCountOutcomes, std::move(params), deadline);
  DJPS_CHECK(rows.size() == 1);
  const pg::Row row = rows[0];
  co_return OutcomeState{.total = {.succeeded = row.Get(columns::kSucceeded),
                                   .canceled = row.Get(columns::kCanceled),
                                   .dead = row.Get(columns::kDead)},
                         .exact = row.Get(columns::kExact),
                         .recent = {.succeeded = row.Get(columns::kRecentSucceeded),
                                    .canceled = row.Get(columns::kRecentCanceled),
                                    .dead = row.Get(columns::kRecentDead)},
                         .recent_ms = row.Get(columns::kRecentMs)};
}

}  // namespace djps::store
