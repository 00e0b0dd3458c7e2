#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace djps::bench {

/// How often each duration occurred, in buckets whose width grows with the value: 128 to each
/// doubling, so that a quantile is at most 1/128 above the truth, from a nanosecond to 73 minutes.
///
/// All zero bytes are an empty one, so it may lie in memory that processes share.
/// Source: the layout of HdrHistogram (Gil Tene).
/// Thread-safety: one thread (or process) records, any number read meanwhile.
class Histogram {
 public:
  /// Negative values count as zero, values above the range as its end.
  void Record(std::chrono::nanoseconds value);

  /// Adds the counts of `other`.
  void Merge(const Histogram& other);

  std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }
  std::chrono::nanoseconds max() const {
    return std::chrono::nanoseconds(max_.load(std::memory_order_relaxed));
  }

  /// The value that a `share` (0..1) of what was recorded does not exceed; zero when empty.
  std::chrono::nanoseconds Quantile(double share) const;

 private:
  static constexpr unsigned kPrecisionBits = 7;
  static constexpr std::uint64_t kSteps = 1U << kPrecisionBits;
  static constexpr unsigned kRangeBits = 42;
  static constexpr std::uint64_t kValueMax = (std::uint64_t{1} << kRangeBits) - 1;
  static constexpr std::size_t kBuckets = (kRangeBits - kPrecisionBits + 1) * kSteps;

  static std::size_t BucketOf(std::uint64_t value);
  static std::uint64_t HighestIn(std::size_t bucket);

  std::array<std::atomic<std::uint64_t>, kBuckets> buckets_{};
  std::atomic<std::uint64_t> count_{0};
  std::atomic<std::int64_t> max_{0};
};

}  // namespace djps::bench
