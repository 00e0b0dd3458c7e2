#include "bench/workers.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <random>
#include <stdexcept>

#include "bench/payload.h"
#include "bench/process_memory.h"
#include "djps/worker.h"

namespace djps::bench {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

constexpr milliseconds kPatience{20'000};
constexpr milliseconds kGrace{10'000};

/// Runs a job as the settings say, and records the result.
class BenchHandler {
 public:
  BenchHandler(const WorkSettings& settings, WorkerSlot& slot)
      : settings_(settings), slot_(slot), fails_(settings.failure_rate), random_(1) {}

  asio::awaitable<Outcome> Run(const Job& job) {
    const auto now = std::chrono::steady_clock::now();
    if (slot_.calls.fetch_add(1, std::memory_order_relaxed) == 0) {
      slot_.first_ns = now.time_since_epoch().count();
    }
    const auto due = ReadDueTime(job.payload);
    if (due && job.attempt == 1) slot_.pickup.Record(now - *due);
    if (settings_.handler.count() > 0) {
      asio::steady_timer timer(co_await asio::this_coro::executor, settings_.handler);
      co_await timer.async_wait(asio::use_awaitable);
    }
    if (settings_.failure_rate > 0 && fails_(random_)) {
      slot_.failures.fetch_add(1, std::memory_order_relaxed);
      co_return Failed{.error_class = "bench",
                       .message = "one of those that were asked for",
                       .retry_after = milliseconds(1)};
    }
    slot_.finished.fetch_add(1, std::memory_order_relaxed);
    co_return Succeeded{};
  }

 private:
  const WorkSettings& settings_;
  WorkerSlot& slot_;
  std::bernoulli_distribution fails_;
  std::minstd_rand random_;
};

int Work(const std::string& conninfo, const WorkSettings& settings, WorkerSlot& slot, int begin) {
  char byte = 0;
  if (read(begin, &byte, 1) < 0) return 1;  // at the end of the file, too: the writer has begun
  spdlog::set_level(spdlog::level::err);
  BenchHandler handler(settings, slot);
  Worker worker({.database_url = conninfo,
                 .queue = kQueue,
                 .concurrency = settings.concurrency,
                 .grace = kGrace});
  worker.HandleAsync(kType, [&handler](const Job& job) { return handler.Run(job); });
  worker.Run();
  return 0;
}

}  // namespace

Workers::Workers(const std::string& conninfo, const WorkSettings& settings, Board& board) {
  os::Pipe begin = os::MakePipe();
  for (std::size_t i = 0; i < settings.workers; ++i) {
    WorkerSlot& slot = board[i];
    children_.push_back(os::Fork([&] {
      begin.write.Reset();
      return Work(conninfo, settings, slot, begin.read.Get());
    }));
  }
  begin_ = std::move(begin.write);
}

void Workers::Begin() { begin_.Reset(); }

void Workers::Check() {
  const bool ended = std::any_of(children_.begin(), children_.end(),
                                 [](os::Child& child) { return child.Reap().has_value(); });
  if (ended) throw std::runtime_error("a worker process has ended by itself");
}

std::optional<std::uint64_t> Workers::PeakMemory() const {
  std::optional<std::uint64_t> largest;
  for (const os::Child& child : children_) {
    const auto peak = bench::PeakMemory(child.pid());
    if (peak && (!largest || *peak > *largest)) largest = peak;
  }
  return largest;
}

void Workers::Stop() {
  for (const os::Child& child : children_) child.Signal(SIGTERM);
  const auto deadline = os::Clock::now() + kPatience;
  for (os::Child& child : children_) child.ReapBy(deadline);
  children_.clear();
}

}  // namespace djps::bench
