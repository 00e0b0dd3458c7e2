#include "worker/claim_pace.h"

#include <algorithm>
#include <cmath>

#include "store/lease_store.h"

namespace djps::worker {
namespace {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

constexpr Seconds kAhead = 20ms;
constexpr Seconds kMeasureInterval = 10ms;
/// Two claims, which may be under way side by side.
constexpr std::size_t kAheadMax = 2 * store::kClaimLimitMax;
/// A lease is rewritten each time part of it has ended, so those of slow jobs are kept short.
constexpr std::size_t kSlowLease = 64;

}  // namespace

ClaimPace::ClaimPace(std::size_t concurrency, Clock::time_point now)
    : concurrency_(concurrency), measured_at_(now) {}

void ClaimPace::Measure(Clock::time_point now) {
  const Seconds passed = now - measured_at_;
  if (passed < kMeasureInterval) return;
  const double rate = static_cast<double>(ended_) / passed.count();
  // Half of what is known is forgotten with each measure, all of it after a pause.
  rate_ = passed > 10 * kMeasureInterval ? rate : (rate_ + rate) / 2;
  ended_ = 0;
  measured_at_ = now;
}

std::size_t ClaimPace::Want(std::size_t held, Clock::time_point now) {
  Measure(now);
  const auto ahead =
      std::min(kAheadMax, static_cast<std::size_t>(std::floor(rate_ * kAhead.count())));
  const std::size_t target = concurrency_ + ahead;
  if (held >= target) return 0;
  const std::size_t room = target - held;
  // While every slot is taken, a claim waits until it is worth its round trip.
  if (held >= concurrency_ && room < (ahead + 1) / 2) return 0;
  return std::min({room, std::max(kSlowLease, ahead), store::kClaimLimitMax});
}

}  // namespace djps::worker
