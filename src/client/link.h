#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <exception>
#include <future>
#include <string>
#include <thread>
#include <utility>

#include "djps/client.h"
#include "djps/result.h"
#include "pg/pool.h"

namespace djps::client {

/// A pool with its own thread, on which calls of other threads run.
///
/// The first call checks the database and its schema before it starts the pool, so that the error
/// for a wrong schema says what to do.
class Link {
 public:
  Link(std::string conninfo, std::size_t connections);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  pg::Pool& pool() { return pool_; }
  /// One connection, opened when needed, for statements that wait for a lock.
  pg::Pool& waiting_pool() { return waiting_pool_; }

  /// Ends running calls and the thread. Call it before the objects that calls use are destroyed.
  void Stop();

  /// Runs `call` on the link's thread and waits for it. An exception becomes an error; so does a
  /// missing answer a little after `deadline`. `call` then continues alone, so it must own what it
  /// uses.
  template <typename T>
  Result<T> Run(boost::asio::awaitable<Result<T>> call, pg::Deadline deadline) {
    std::future<Result<T>> answer = boost::asio::co_spawn(
        io_, Guard(*this, std::move(call), deadline), boost::asio::use_future);
    if (answer.wait_until(deadline + kSlack) != std::future_status::ready) {
      return Failure(ErrorCode::kUnavailable, "no connection to Postgres was made in time");
    }
    return answer.get();
  }

 private:
  /// For a call that checks its deadline itself, which nearly every call does.
  static constexpr std::chrono::milliseconds kSlack{250};

  template <typename T>
  static boost::asio::awaitable<Result<T>> Guard(Link& link, boost::asio::awaitable<Result<T>> call,
                                                 pg::Deadline deadline) {
    const Result<void> opened = link.Open(deadline);
    if (!opened) co_return tl::unexpected<Error>(opened.error());
    try {
      co_return co_await std::move(call);
    } catch (const std::exception& error) {
      co_return tl::unexpected<Error>(Explain(error));
    }
  }

  Result<void> Open(pg::Deadline deadline);
  static Error Explain(const std::exception& error);

  std::string conninfo_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  pg::Pool pool_;
  pg::Pool waiting_pool_;
  bool open_ = false;  // touched on the link's thread only
  std::thread thread_;
};

}  // namespace djps::client
