#include "store/worker_census.h"

#include <algorithm>

namespace djps::store {
namespace {

/// Of one core.
constexpr int kShare = 50;

}  // namespace

std::chrono::steady_clock::duration CensusPause(std::chrono::steady_clock::duration took,
                                                int workers) {
  return took * kShare * static_cast<std::int64_t>(std::max(workers, 1));
}

boost::asio::awaitable<WorkerCount> WorkerCensus::Count(pg::Deadline deadline) {
  const auto begun = Clock::now();
  if (begun < again_at_) co_return last_;
  last_ = co_await store_.CountWorkers(queue_, types_, deadline);
  const auto ended = Clock::now();
  // One that had to wait for a core says little: what a count takes is believed to double at most.
  takes_ = std::min(ended - begun, 2 * takes_);
  again_at_ = ended + std::max(fresh_, CensusPause(takes_, last_.everywhere));
  co_return last_;
}

}  // namespace djps::store
