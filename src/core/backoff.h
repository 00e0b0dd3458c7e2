#pragma once

#include <chrono>

#include "core/random.h"

namespace djps {

/// Waiting times between attempts to reach a service that is away: exponential with full jitter, so
/// that many clients do not retry at the same instant. (The retries of jobs are decided in SQL:
/// djps.backoff_ceiling.)
/// Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015).
class Backoff {
 public:
  Backoff(std::chrono::milliseconds base, std::chrono::milliseconds cap) : base_(base), cap_(cap) {}

  /// The next wait, in [ceiling/10, ceiling]; the ceiling doubles from `base` to `cap`.
  std::chrono::milliseconds Next();

  /// After a success: the next wait starts from `base` again.
  void Reset() { failures_ = 0; }

 private:
  std::chrono::milliseconds base_;
  std::chrono::milliseconds cap_;
  int failures_ = 0;
  RandomSource random_;
};

}  // namespace djps
