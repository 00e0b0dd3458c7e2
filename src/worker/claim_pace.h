#pragma once

#include <chrono>
#include <cstddef>

namespace djps::worker {

/// How many jobs to claim next, so that short jobs do not wait for claims and long ones are not
/// hoarded. Besides the running jobs, a worker holds as many as end in 50 ms at the current rate.
/// If its jobs take longer than that, it claims only what it can start.
///
/// Workers that share a queue space their claims, so that on average one of them claims at a time,
/// and gets more jobs at once. Otherwise each notification of new jobs would wake 64 workers, which
/// would claim two or three jobs each at the cost of fifty: docs/decisions/0009-many-workers.md.
///
/// Thread-safety: one thread at a time.
class ClaimPace {
 public:
  using Clock = std::chrono::steady_clock;
  using Seconds = std::chrono::duration<double>;

  ClaimPace(std::size_t concurrency, Clock::time_point now);

  /// `jobs` have ended, after a total running time of `ran`.
  void Ended(std::size_t jobs, Clock::duration ran) {
    ended_ += jobs;
    ran_ += ran;
  }

  /// The number of workers that claim the same jobs, including this one.
  void ShareWith(std::size_t workers);

  /// A claim, from sending it to its answer.
  void Claimed(Clock::duration took);

  /// The shortest time from the start of one claim to the start of the next. 0 for a single worker.
  Clock::duration spacing() const;

  /// How many jobs to claim while `held` jobs run or wait for a slot. 0: none now.
  std::size_t Want(std::size_t held, Clock::time_point now);

  /// Jobs per second.
  double rate() const { return rate_; }

 private:
  void Measure(Clock::time_point now);
  void Begin(Clock::time_point now);
  double MostPossible() const;

  const std::size_t concurrency_;
  Clock::time_point measured_at_;
  std::size_t ended_ = 0;  // since then
  Seconds ran_{0};         // since then
  double rate_ = 0;
  std::size_t others_ = 0;
  Clock::duration claim_takes_;  // smoothed
};

}  // namespace djps::worker
