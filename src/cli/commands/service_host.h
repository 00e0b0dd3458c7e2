#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <future>
#include <mutex>
#include <optional>
#include <thread>

#include "cli/commands/services.h"

namespace djps::cli {

/// Runs Services on its own thread until SIGINT or SIGTERM, so that the thread that made it may
/// block: it starts and watches Postgres.
///
/// The first signal stops the services in order, the second ends their grace, and the third has its
/// default effect. Signals count from construction on.
///
/// Thread-safety: one thread; stop_requested from any.
class ServiceHost {
 public:
  ServiceHost();
  /// Stops the services and waits for their end.
  ~ServiceHost();
  ServiceHost(const ServiceHost&) = delete;
  ServiceHost& operator=(const ServiceHost&) = delete;

  /// Starts the services, once, and returns the port they listen on. If a signal came before, they
  /// stop again at once. Errors: as Services::Start.
  Result<std::uint16_t> Start(ServicesConfig config);

  /// Whether a signal has come.
  bool stop_requested() const { return stop_requested_; }

  /// Waits for a signal, at most that long.
  void WaitUntilStopRequested(std::chrono::milliseconds wait);

  /// Waits at most that long for the services to stop; true when they have. Rethrows the exception
  /// if a bug ended them.
  bool WaitUntilStopped(std::chrono::milliseconds wait);

 private:
  void AwaitSignal();
  void OnSignal();
  void RequestStop();
  Result<std::uint16_t> StartServices(ServicesConfig config);
  boost::asio::awaitable<void> Serve(ServicesConfig config,
                                     std::promise<Result<std::uint16_t>> started);
  void RunThread();

  boost::asio::io_context io_{1};
  // Keeps the thread's run() from returning before there is anything to serve.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> idle_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer stop_signal_;  // never expires; canceled by the first signal
  std::optional<Services> services_;       // on the thread
  std::atomic<bool> stop_requested_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;        // guarded by mutex_
  std::exception_ptr failure_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace djps::cli
