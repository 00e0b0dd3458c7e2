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
  return {.name = row.Get<std::string>(0),
          .queued = row.Get<std::int64_t>(1),
          .scheduled = row.Get<std::int64_t>(2),
          .failed = row.Get<std::int64_t>(3),
          .running = row.Get<std::int64_t>(4),
          .dead = row.Get<std::int64_t>(5),
          .oldest_due_at = row.Find<Timestamp>(6),
          .oldest_due_age_ms = row.Find<std::int64_t>(7),
          .exact = row.Get<bool>(8),
          .paused_at = row.Find<Timestamp>(9),
          .paused_by = row.Find<std::string>(10),
          .max_backlog = row.Find<std::int32_t>(11)};
}

OutcomeCounts ReadCounts(const pg::Row& row, int column) {
  return {.succeeded = row.Get<std::int64_t>(column),
          .canceled = row.Get<std::int64_t>(column + 1),
          .dead = row.Get<std::int64_t>(column + 2)};
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
  pg::Params params;
  params.Add(kLane).Add(std::int32_t{kCountExactMax}).Add(kRecentScanMax);
  const pg::Rows rows = co_await pool_.Execute(sql::kCountOutcomes, std::move(params), deadline);
  DJPS_CHECK(rows.size() == 1);
  const pg::Row row = rows[0];
  co_return OutcomeState{.total = ReadCounts(row, 0),
                         .exact = row.Get<bool>(3),
                         .recent = ReadCounts(row, 4),
                         .recent_ms = row.Get<std::int64_t>(7)};
}

}  // namespace djps::store
