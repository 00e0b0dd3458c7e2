#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "store/worker_store.h"

namespace djps::store {

/// Counts the workers. Many processes do this now and then.
///
/// While a snapshot is held open, each count walks over all reports since then and takes longer and
/// longer. So all processes together spend at most a fiftieth of a core on it, and use an older
/// number meanwhile. Thread-safety: one call at a time.
class WorkerCensus {
 public:
  using Clock = std::chrono::steady_clock;

  /// `alike` counts workers of `queue` that can run all `types`. A number younger than `fresh` is
  /// reused.
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

/// How long to wait until the next count, after counting `workers` in `took`.
std::chrono::steady_clock::duration CensusPause(std::chrono::steady_clock::duration took,
                                                int workers);

}  // namespace djps::store
