#include "bench/board.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace djps::bench {

Board::Board(std::size_t workers) : workers_(workers) {
  void* const memory = mmap(nullptr, workers * sizeof(WorkerSlot), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  slots_ = static_cast<WorkerSlot*>(memory);
  for (std::size_t i = 0; i < workers; ++i) new (&slots_[i]) WorkerSlot{};
}

Board::~Board() { munmap(slots_, workers_ * sizeof(WorkerSlot)); }

std::uint64_t Board::Sum(std::atomic<std::uint64_t> WorkerSlot::* counter) const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < workers_; ++i) {
    sum += (slots_[i].*counter).load(std::memory_order_relaxed);
  }
  return sum;
}

std::chrono::steady_clock::time_point Board::FirstStart() const {
  std::int64_t first = 0;
  for (std::size_t i = 0; i < workers_; ++i) {
    const std::int64_t start = slots_[i].first_ns.load(std::memory_order_relaxed);
    if (start != 0 && (first == 0 || start < first)) first = start;
  }
  return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(first));
}

}  // namespace djps::bench
