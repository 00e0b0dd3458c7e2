#pragma once

#include <chrono>
#include <optional>
#include <vector>

namespace djps {

/// The wait between a failed attempt and the next one. The default is that of all jobs: exponential
/// with full jitter, from 1 s, doubling, at most 1 h.
///
/// Source of the jitter: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015).
struct RetryPolicy {
  enum class Kind {
    kExponential,  ///< base * factor^(attempts used - 1), at most cap.
    kLinear,       ///< delay * attempts used, at most cap.
    kFixed,        ///< delay, every time.
    kList,         ///< delays, one after the other; the last one repeats.
  };

  Kind kind = Kind::kExponential;
  std::chrono::milliseconds base{1'000};               ///< For kExponential; up to 366 days.
  double factor = 2;                                   ///< For kExponential; 1..100.
  std::chrono::milliseconds cap{3'600'000};            ///< For kExponential and kLinear.
  std::chrono::milliseconds delay{0};                  ///< For kLinear and kFixed.
  std::vector<std::chrono::milliseconds> delays = {};  ///< For kList; 1..1000 of them.
  /// Choose the wait at random between zero and the computed wait, so that jobs that failed
  /// together do not run again together. Empty: true only for kExponential.
  std::optional<bool> jitter = {};

  bool operator==(const RetryPolicy&) const = default;
};

}  // namespace djps
