#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <map>
#include <string>

#include "store/worker_store.h"

namespace djps::server {

/// Records the workers that work over HTTP: all of the last few seconds in one statement, so that a
/// worker with a thousand claims a second costs no more than one that waits.
///
/// Thread-safety: everything on one single-threaded executor.
class WorkerPresence {
 public:
  /// Names kept between two writes. Further names are dropped; the list is only for display.
  static constexpr std::size_t kNamesMax = 10'000;

  WorkerPresence(const boost::asio::any_io_executor& executor, store::WorkerStore& store);

  void Seen(store::WorkerReport worker);

  boost::asio::awaitable<void> Run();
  void Stop();

 private:
  boost::asio::awaitable<void> Write();

  store::WorkerStore& store_;
  std::map<std::string, store::WorkerReport> seen_;  // by name
  boost::asio::steady_timer wake_;
  bool idle_ = false;  // Run waits for the next worker
  bool stopped_ = false;
};

}  // namespace djps::server
