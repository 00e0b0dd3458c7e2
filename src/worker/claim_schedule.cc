#include "worker/claim_schedule.h"

#include <algorithm>
#include <utility>

namespace djps::worker {
namespace {

using std::chrono::milliseconds;

/// The first wait after an empty claim.
constexpr milliseconds kPollIntervalMin{5};
constexpr milliseconds kWakeBackoffMin{1};
constexpr milliseconds kWakeBackoffMax{64};
/// Each of several idle workers that can run the same jobs polls less often, by at most this
/// factor.
constexpr int kPollShare = 16;

}  // namespace

ClaimSchedule::ClaimSchedule(milliseconds poll_interval_max)
    : polling_(kPollIntervalMin, poll_interval_max),
      wake_backoff_(kWakeBackoffMin, kWakeBackoffMax) {}

void ClaimSchedule::Wake(Clock::time_point now, Clock::duration spacing) {
  if (std::exchange(woken_, true)) return;
  // All workers are notified: spread over the spacing, their claims come one at a time.
  const auto turn = std::chrono::duration_cast<Clock::duration>(random_.Fraction() * spacing);
  not_before_ = std::max(not_before_, now + turn);
}

void ClaimSchedule::Begin(Clock::time_point now, Clock::duration spacing) {
  claim_was_woken_ = std::exchange(woken_, false);
  if (claim_was_woken_) polling_.Reset();
  not_before_ = now + spacing;
}

void ClaimSchedule::End(bool found_jobs, std::optional<Clock::duration> again_within,
                        Clock::time_point now) {
  if (found_jobs) {
    polling_.Reset();
    wake_backoff_.Reset();
    rest_until_ = now;
    return;
  }
  // A notification wakes every idle worker, and the first one takes the job. A worker that came too
  // late waits longer the next time.
  if (claim_was_woken_) not_before_ = std::max(not_before_, now + wake_backoff_.Next());
  // Each finds what others miss, so together they poll as often as one alone.
  Clock::duration rest = polling_.Next() * std::clamp(free_workers_, 1, kPollShare);
  if (again_within) rest = std::min(rest, *again_within);
  rest_until_ = now + rest;
}

ClaimSchedule::Clock::time_point ClaimSchedule::Next() const {
  return woken_ ? not_before_ : std::max(not_before_, rest_until_);
}

}  // namespace djps::worker
