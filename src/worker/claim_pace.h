#pragma once

#include <chrono>
#include <cstddef>

namespace djps::worker {

/// How many jobs to claim next, so that short jobs do not wait for claims and long ones are not
/// hoarded: beyond those that run, as many are held as end in 50 ms at the present rate. A worker
/// whose jobs take longer than that claims just what it can start.
///
/// Workers that share a queue leave each other time, so that on average one of them claims at a
/// time, and that much more at once. Else 64 of them, who are all awake at each word of new jobs,
/// claim two or three jobs each at the price of fifty: docs/decisions/0009-many-workers.md.
///
/// Thread-safety: one thread at a time.
class ClaimPace {
 public:
  using Clock = std::chrono::steady_clock;
  using Seconds = std::chrono::duration<double>;

  ClaimPace(std::size_t concurrency, Clock::time_point now);

  /// So many jobs have ended, which ran for so long, all together.
  void Ended(std::size_t jobs, Clock::duration ran) {
    ended_ += jobs;
    ran_ += ran;
  }

  /// So many workers, this one included, claim from the same jobs.
  void ShareWith(std::size_t workers);

  /// A claim, from sending it to its answer.
  void Claimed(Clock::duration took);

  /// From the beginning of one claim to that of the next, at least. 0 for a worker alone.
  Clock::duration spacing() const;

  /// How many to claim, while `held` are held (running, or waiting for a slot). 0: none now.
  std::size_t Want(std::size_t held, Clock::time_point now);

  /// Jobs a second.
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
