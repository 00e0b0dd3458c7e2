#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstddef>
#include <exception>
#include <utility>

namespace djps::worker {

/// Concurrent coroutines that are joined at the end.
///
/// Lifetime: Join must have returned before this is destroyed.
/// Thread-safety: everything on one single-threaded executor.
class TaskGroup {
 public:
  explicit TaskGroup(boost::asio::any_io_executor executor)
      : executor_(std::move(executor)),
        ended_(executor_, boost::asio::steady_timer::time_point::max()) {}

  void Spawn(boost::asio::awaitable<void> task) {
    ++running_;
    boost::asio::co_spawn(executor_, std::move(task), [this](const std::exception_ptr& error) {
      // Tasks handle a failing database themselves; anything here is a bug.
      if (error) std::rethrow_exception(error);
      if (--running_ == 0) ended_.cancel();
    });
  }

  /// Returns when all have ended.
  boost::asio::awaitable<void> Join() {
    while (running_ > 0) {
      co_await ended_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
  }

 private:
  boost::asio::any_io_executor executor_;
  std::size_t running_ = 0;
  boost::asio::steady_timer ended_;  // never expires; canceled when the last one has ended
};

}  // namespace djps::worker
