#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "store/worker_store.h"

namespace djps::store {

/// How many workers there are, as one of many who ask now and then.
///
/// While somebody holds a snapshot, each count walks over all reports since, so that the count
/// takes longer and longer: all who ask together spend at most a fiftieth of a core on it, and hear
/// an older number meanwhile. Thread-safety: one call at a time.
class WorkerCensus {
 public:
  using Clock = std::chrono::steady_clock;

  /// Alike are those that work on `queue` and can run all `types`.
  /// A number younger than `fresh` is given again.
  WorkerCensus(pg::Pool& pool, std::string queue, std::vector<std::string> types,
               Clock::duration fresh = {})
      : store_(pool), queue_(std::move(queue)), types_(std::move(types)), fresh_(fresh) {}

  /// Throws PgError.
  boost::asio::awaitable<WorkerCount> Count(pg::Deadline deadline);

 private:
  WorkerStore store_;
  std::string queue_;
  std::vector<std::string> types_;
  Clock::duration fresh_;
  WorkerCount last_;
  Clock::duration takes_ = std::chrono::milliseconds(1);  // a count
  Clock::time_point again_at_{};
};

/// How long those who counted `workers` in `took` wait before they count again.
std::chrono::steady_clock::duration CensusPause(std::chrono::steady_clock::duration took,
                                                int workers);

}  // namespace djps::store
