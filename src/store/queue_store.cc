#include "store/queue_store.h"

#include <utility>

#include "core/check.h"
#include "core/ids.h"
#include "store/statements.h"

namespace djps::store {
namespace {

namespace asio = boost::asio;

/// Sorts after every name: no name has a character beyond 'z' (core/validation.h).
constexpr std::string_view kAfterEveryName = "~";
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

asio::awaitable<std::vector<QueueState>> QueueStore::ListQueues(pg::Deadline deadline) {
  co_return co_await List("", kAfterEveryName, deadline);
}

asio::awaitable<QueueState> QueueStore::GetQueue(const std::string& name, pg::Deadline deadline) {
  std::vector<QueueState> queues = co_await List(name, name, deadline);
  DJPS_CHECK(queues.size() == 1);
  co_return std::move(queues.front());
}

asio::awaitable<std::vector<QueueState>> QueueStore::List(std::string_view first,
                                                          std::string_view last,
                                                          pg::Deadline deadline) {
  pg::Params params;
  params.Add(kLane).Add(first).Add(last);
  params.Add(std::int32_t{kCountExactMax}).Add(std::int32_t{kQueuesShownMax});
  const pg::Rows rows = co_await pool_.Execute(sql::kListQueues, std::move(params), deadline);
  std::vector<QueueState> queues;
  queues.reserve(static_cast<std::size_t>(rows.size()));
  for (const pg::Row row : rows) queues.push_back(ReadQueue(row));
  co_return queues;
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
