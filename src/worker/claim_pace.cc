#include "worker/claim_pace.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "store/claims/lease_store.h"

namespace djps::worker {
namespace {

using namespace std::chrono_literals;
using Seconds = ClaimPace::Seconds;

constexpr Seconds kAhead = 50ms;
/// The longest duration of a claim that is used: a claim that waits for a lock or an outage says
/// nothing about the next one.
constexpr ClaimPace::Clock::duration kClaimTakesMin = 250us;
constexpr ClaimPace::Clock::duration kClaimTakesMax = 4ms;
constexpr int kSmoothing = 4;
constexpr ClaimPace::Clock::duration kSpacingMax = 250ms;
constexpr Seconds kMeasureInterval = 10ms;
/// With fewer ends the rate is unreliable: one job that ended 10 ms after the last measurement does
/// not mean 100 a second. Then the interval is kLongInterval.
constexpr std::size_t kEndsEnough = 10;
constexpr Seconds kLongInterval = 100ms;
/// With this many ends the first rate is measured at once: a backlog is waiting.
constexpr std::size_t kEndsPlenty = 50;
constexpr Seconds kShortInterval = 2ms;
/// Two claims, which may run at the same time.
constexpr std::size_t kAheadMax = 2 * store::kClaimLimitMax;
/// A lease is rewritten each time part of it has ended, so those of slow jobs are kept short.
constexpr std::size_t kSlowLease = 64;

}  // namespace

ClaimPace::ClaimPace(std::size_t concurrency, Clock::time_point now)
    : concurrency_(concurrency), measured_at_(now), claim_takes_(kClaimTakesMin) {}

void ClaimPace::Measure(Clock::time_point now) {
  const Seconds passed = now - measured_at_;
  const bool known = rate_ > 0;
  Seconds least = ended_ < kEndsEnough ? kLongInterval : kMeasureInterval;
  if (!known && ended_ >= kEndsPlenty) least = kShortInterval;
  // The jobs of a claim often end together, so half a spacing measures too many or none.
  if (passed < std::max<Seconds>(least, spacing())) return;
  const double rate = std::min(static_cast<double>(ended_) / passed.count(), MostPossible());
  // Each measurement replaces half of the rate, or all of it after a pause.
  const bool paused = passed > std::max<Seconds>(kLongInterval, 2 * spacing());
  rate_ = known && !paused ? (rate_ + rate) / 2 : rate;
  Begin(now);
}

/// Jobs of a second that begin together end together: many at once, and then none.
double ClaimPace::MostPossible() const {
  if (ran_ <= Seconds(0)) return std::numeric_limits<double>::infinity();
  return static_cast<double>(concurrency_ * ended_) / ran_.count();
}

void ClaimPace::Begin(Clock::time_point now) {
  ended_ = 0;
  ran_ = Seconds(0);
  measured_at_ = now;
}

void ClaimPace::ShareWith(std::size_t workers) { others_ = std::max<std::size_t>(workers, 1) - 1; }

void ClaimPace::Claimed(Clock::duration took) {
  claim_takes_ += (std::clamp(took, kClaimTakesMin, kClaimTakesMax) - claim_takes_) / kSmoothing;
}

ClaimPace::Clock::duration ClaimPace::spacing() const {
  return std::min(static_cast<std::int64_t>(others_) * claim_takes_, kSpacingMax);
}

std::size_t ClaimPace::Want(std::size_t held, Clock::time_point now) {
  Measure(now);
  // Measuring starts with the first claim, not during idle time.
  if (held == 0 && ended_ == 0 && rate_ == 0) Begin(now);
  // Claim enough that no slot runs out of jobs before the next claim, one spacing later.
  const Seconds horizon = std::max<Seconds>(kAhead, 2 * spacing());
  const auto ahead =
      std::min(kAheadMax, static_cast<std::size_t>(std::floor(rate_ * horizon.count())));
  const std::size_t target = concurrency_ + ahead;
  if (held >= target) return 0;
  const std::size_t room = target - held;
  // While all slots are taken, a claim waits until it is worth its round trip.
  if (held >= concurrency_ && room < (ahead + 1) / 2) return 0;
  return std::min({room, std::max(kSlowLease, ahead), store::kClaimLimitMax});
}

}  // namespace djps::worker
