#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>

#include "store/worker_census.h"
#include "store/worker_store.h"

namespace djps::worker {

/// Records that this worker is alive, every 5 s (with more than 50 others, up to 20 s), and counts
/// the others; removes its row at the end.
class Presence {
 public:
  using Counted = std::function<void(const store::WorkerCount& workers)>;

  /// `running` returns the number of running jobs; `counted` gets the number of workers after each
  /// count, including this one.
  Presence(const boost::asio::any_io_executor& executor, pg::Pool& pool, store::WorkerReport report,
           std::function<std::size_t()> running, Counted counted);

  boost::asio::awaitable<void> Run();
  void Stop();

 private:
  boost::asio::awaitable<std::chrono::milliseconds> Report();

  store::WorkerStore store_;
  store::WorkerReport report_;
  store::WorkerCensus census_;
  std::function<std::size_t()> running_;
  Counted counted_;
  boost::asio::steady_timer timer_;
  bool stopped_ = false;
};

}  // namespace djps::worker
