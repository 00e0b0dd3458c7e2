#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <functional>

#include "store/worker_store.h"

namespace djps::worker {

/// Tells people that this worker is there, every 5 s, and says goodbye at the end.
class Presence {
 public:
  /// `running` gives the number of jobs that run now.
  Presence(const boost::asio::any_io_executor& executor, pg::Pool& pool, store::WorkerReport report,
           std::function<std::size_t()> running);

  boost::asio::awaitable<void> Run();
  void Stop();

 private:
  store::WorkerStore store_;
  store::WorkerReport report_;
  std::function<std::size_t()> running_;
  boost::asio::steady_timer timer_;
  bool stopped_ = false;
};

}  // namespace djps::worker
