#pragma once

#include <chrono>
#include <optional>

#include "core/backoff.h"
#include "core/random.h"

namespace djps::worker {

/// Decides when a worker sends its next claim. ClaimPace decides how many jobs it asks for.
///
/// - After a claim that brought jobs: as soon as the spacing between claims has passed.
/// - After an empty one: 5 ms later, then after twice that, up to the longest poll interval. Idle
/// workers that can run the same jobs share the polling: each waits that many times longer.
/// - When notified of new jobs: at once, or at a random moment of the spacing, since all workers
/// are notified. A worker that then came too late waits a little longer after each such miss.
///
/// Reads no clock: every call passes the time.
/// Thread-safety: one thread at a time.
class ClaimSchedule {
 public:
  using Clock = std::chrono::steady_clock;

  /// `poll_interval_max`: the longest wait after an empty claim, for a single worker.
  explicit ClaimSchedule(std::chrono::milliseconds poll_interval_max);

  /// There may be new jobs. `spacing`: ClaimPace::spacing(), here and below.
  void Wake(Clock::time_point now, Clock::duration spacing);

  /// The number of workers with a free slot that can run the same jobs, including this one.
  void OnWorkerCount(int free_workers) { free_workers_ = free_workers; }

  /// Call it when a claim is sent.
  void Begin(Clock::time_point now, Clock::duration spacing);

  /// Call it when that claim was answered or failed. `again_within`: as in ClaimedBatch.
  void End(bool found_jobs, std::optional<Clock::duration> again_within, Clock::time_point now);

  /// No claim is sent before this.
  Clock::time_point Next() const;

 private:
  Backoff polling_;       // grows with each empty claim
  Backoff wake_backoff_;  // grows while others are faster
  RandomSource random_;
  int free_workers_ = 1;
  bool woken_ = false;            // since the last claim began
  bool claim_was_woken_ = false;  // the last claim
  Clock::time_point not_before_{};
  Clock::time_point rest_until_{};  // unless notified of new jobs
};

}  // namespace djps::worker
