#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "bench/histogram.h"

namespace djps::bench {

/// The counters of one worker process; only that process writes them. All zero at the start.
struct WorkerSlot {
  std::atomic<std::uint64_t> calls;     ///< Attempts that began.
  std::atomic<std::uint64_t> failures;  ///< Attempts that were made to fail.
  std::atomic<std::uint64_t> finished;  ///< Attempts that ended well.
  std::atomic<std::int64_t> first_ns;   ///< When the first attempt began (CLOCK_MONOTONIC).
  Histogram pickup;                     ///< From the time a job was due to be sent to its handler.
};

/// Memory that this process shares with its forked children.
class Board {
 public:
  /// Throws std::bad_alloc.
  explicit Board(std::size_t workers);
  ~Board();
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;

  std::size_t size() const { return workers_; }
  WorkerSlot& operator[](std::size_t worker) { return slots_[worker]; }
  const WorkerSlot& operator[](std::size_t worker) const { return slots_[worker]; }

  std::uint64_t Sum(std::atomic<std::uint64_t> WorkerSlot::* counter) const;
  std::uint64_t finished() const { return Sum(&WorkerSlot::finished); }

  /// When the first attempt of all began; the epoch when none has.
  std::chrono::steady_clock::time_point FirstStart() const;

 private:
  std::size_t workers_;
  WorkerSlot* slots_;
};

}  // namespace djps::bench
