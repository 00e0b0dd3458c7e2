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
/// Maximum number of queues in one answer.
inline constexpr int kQueuesShownMax = 1'000;

using djps::QueueState;

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

  /// The first kQueuesShownMax by name.
  boost::asio::awaitable<std::vector<QueueState>> ListQueues(pg::Deadline deadline);

  /// One queue, also where it is empty.
  boost::asio::awaitable<QueueState> GetQueue(const std::string& name, pg::Deadline deadline);

  boost::asio::awaitable<OutcomeState> CountOutcomes(pg::Deadline deadline);

 private:
  boost::asio::awaitable<std::vector<QueueState>> List(std::string_view first,
                                                       std::string_view last,
                                                       pg::Deadline deadline);

  pg::Pool& pool_;
};

}  // namespace djps::store
