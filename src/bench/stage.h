#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "bench/settings.h"

namespace djps::bench {

/// The thread on which a benchmark runs: its coroutines, the progress line, and the interruption.
class Stage {
 public:
  explicit Stage(const Watcher& watcher) : watcher_(watcher) {}
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  boost::asio::io_context& io() { return io_; }

  /// The progress of a phase. `look` is called about fifty times a second and may throw to end it.
  struct Phase {
    std::string name;
    std::function<std::uint64_t()> jobs;
    std::function<void()> look = [] {};
  };

  /// Runs all of `works` to their end. After the first exception the others are asked to end
  /// (`stopping`), and it is thrown.
  void Run(const Phase& phase, std::vector<boost::asio::awaitable<void>> works);

  /// The same with `count` clients, each made by its number.
  template <typename MakeClient>
  void Run(const Phase& phase, std::size_t count, MakeClient make) {
    std::vector<boost::asio::awaitable<void>> clients;
    clients.reserve(count);
    for (std::size_t i = 0; i < count; ++i) clients.push_back(make(i));
    Run(phase, std::move(clients));
  }

  /// Polls until `done`, or until interrupted.
  void Wait(const Phase& phase, const std::function<bool()>& done);

  /// Coroutines end soon once this is true.
  bool stopping() const { return interrupted_ || failure_ != nullptr; }
  bool interrupted() const { return interrupted_; }

 private:
  using Clock = std::chrono::steady_clock;

  void Tick(const Phase& phase, Clock::time_point begin);
  void Fail(std::exception_ptr error);

  const Watcher& watcher_;
  boost::asio::io_context io_{1};
  bool interrupted_ = false;
  std::exception_ptr failure_;
  Clock::time_point stop_at_{};      // when stopping began
  Clock::time_point progress_at_{};  // of the next progress line
};

}  // namespace djps::bench
