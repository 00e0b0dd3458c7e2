#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "djps/job.h"
#include "djps/queue_state.h"
#include "pg/pool.h"

namespace djps::store {

/// Counts are exact up to this number; above it they are the planner's estimates.
inline constexpr int kCountExactMax = 10'000;
/// Maximum number of queues on a page.
inline constexpr int kQueuesListedMax = 1'000;
/// A page of queues ends early after counting this many waiting jobs.
inline constexpr int kQueueWalkMax = 100'000;
/// Totals of all queues are exact up to this number of waiting jobs.
inline constexpr int kTotalExactMax = 50'000;

using djps::QueueListOptions;
using djps::QueuePage;
using djps::QueueState;

/// The jobs of all queues that have not ended.
struct LiveCounts {
  std::int64_t queued = 0;
  std::int64_t scheduled = 0;
  std::int64_t failed = 0;
  std::int64_t running = 0;
  bool exact = true;
};

struct OutcomeCounts {
  std::int64_t succeeded = 0;
  std::int64_t canceled = 0;
  std::int64_t dead = 0;
};

struct OutcomeState {
  OutcomeCounts total;
  bool exact = true;
  OutcomeCounts recent;  ///< Within the time before now that `recent_ms` says.
  std::int64_t recent_ms = 60'000;
};

/// Queues and totals. Calls look at a bounded number of rows, and throw pg::PgError.
class QueueStore {
 public:
  explicit QueueStore(pg::Pool& pool) : pool_(pool) {}

  /// A page of the queues that have jobs or a setting; only those of `only`, unless it is empty.
  boost::asio::awaitable<QueuePage> ListQueues(const QueueListOptions& options,
                                               const std::vector<std::string>& only,
                                               pg::Deadline deadline);

  /// One queue, also where it is empty.
  boost::asio::awaitable<QueueState> GetQueue(const std::string& name, pg::Deadline deadline);

  boost::asio::awaitable<LiveCounts> CountLive(pg::Deadline deadline);

  boost::asio::awaitable<OutcomeState> CountOutcomes(pg::Deadline deadline);

 private:
  enum class Empty { kLeftOut, kListed };

  boost::asio::awaitable<QueuePage> List(const QueueListOptions& options,
                                         const std::vector<std::string>& only, Empty empty,
                                         pg::Deadline deadline);

  pg::Pool& pool_;
};

}  // namespace djps::store
