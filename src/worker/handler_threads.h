#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "worker/attempt.h"

namespace djps::worker {

/// An attempt whose handler has returned, or that was stopped before its handler began.
struct EndedAttempt {
  std::shared_ptr<Attempt> attempt;
  std::optional<Outcome> returned;  ///< By the handler; empty: it never began.
};

/// Runs plain handlers, which may block, on threads that are made when needed. Many short handlers
/// cost the I/O thread one wake-up: all that ended while it was busy are passed together.
///
/// Thread-safety: Start and the destructor belong to the I/O thread. The destructor waits for the
/// handlers that still run; what they return is dropped.
class HandlerThreads {
 public:
  /// Called on the I/O thread.
  using OnEnded = std::function<void(std::vector<EndedAttempt> ended)>;

  HandlerThreads(boost::asio::any_io_executor executor, std::size_t threads_max, OnEnded on_ended);
  ~HandlerThreads();
  HandlerThreads(const HandlerThreads&) = delete;
  HandlerThreads& operator=(const HandlerThreads&) = delete;

  /// At most `threads_max` attempts may be under way at once. Their handlers must be plain ones.
  void Start(std::vector<std::shared_ptr<Attempt>> attempts);

 private:
  class Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace djps::worker
