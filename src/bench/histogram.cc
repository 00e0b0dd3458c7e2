#include "bench/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace djps::bench {
namespace {

/// There is one writer, so this needs no locked instruction.
void Add(std::atomic<std::uint64_t>& counter, std::uint64_t more) {
  counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

}  // namespace

// Below 2 * kSteps each value has a bucket of its own; from there on a bucket is twice as wide with
// each doubling.
std::size_t Histogram::BucketOf(std::uint64_t value) {
  const auto bits = static_cast<unsigned>(std::bit_width(value));
  const unsigned shift = bits > kPrecisionBits + 1 ? bits - kPrecisionBits - 1 : 0;
  return shift * kSteps + static_cast<std::size_t>(value >> shift);
}

std::uint64_t Histogram::HighestIn(std::size_t bucket) {
  const std::uint64_t shift = bucket < 2 * kSteps ? 0 : bucket / kSteps - 1;
  const std::uint64_t step = bucket - shift * kSteps;
  return ((step + 1) << shift) - 1;
}

void Histogram::Record(std::chrono::nanoseconds value) {
  const auto ns =
      std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(value.count(), 0)), kValueMax);
  Add(buckets_.at(BucketOf(ns)), 1);
  Add(count_, 1);
  max_.store(std::max(max_.load(std::memory_order_relaxed), static_cast<std::int64_t>(ns)),
             std::memory_order_relaxed);
}

void Histogram::Merge(const Histogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) {
    Add(buckets_.at(i), other.buckets_.at(i).load(std::memory_order_relaxed));
  }
  Add(count_, other.count());
  max_.store(std::max(max().count(), other.max().count()), std::memory_order_relaxed);
}

std::chrono::nanoseconds Histogram::Quantile(double share) const {
  const std::uint64_t total = count();
  const auto wanted = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(total))));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets && total > 0; ++i) {
    seen += buckets_.at(i).load(std::memory_order_relaxed);
    // Nothing is above the highest value there was.
    if (seen >= wanted) {
      return std::min(std::chrono::nanoseconds(static_cast<std::int64_t>(HighestIn(i))), max());
    }
  }
  return max();
}

}  // namespace djps::bench
