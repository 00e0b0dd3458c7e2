#include "bench/stage.h"

#include <boost/asio/co_spawn.hpp>
#include <stdexcept>
#include <thread>
#include <utility>

namespace djps::bench {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTick{20};
constexpr milliseconds kProgressInterval{200};
/// For calls under way when a benchmark ends early.
constexpr milliseconds kPatience{35'000};
/// Short against what is measured, and cheap.
constexpr std::chrono::microseconds kLook{500};

}  // namespace

void Stage::Fail(std::exception_ptr error) {
  if (stop_at_ == Clock::time_point{}) stop_at_ = Clock::now();
  if (!failure_) failure_ = std::move(error);
}

void Stage::Tick(const Phase& phase, Clock::time_point begin) {
  const auto now = Clock::now();
  if (watcher_.interrupted() && !interrupted_) {
    interrupted_ = true;
    stop_at_ = now;
  }
  if (now >= progress_at_) {
    progress_at_ = now + kProgressInterval;
    watcher_.progress(phase.name, std::chrono::duration_cast<milliseconds>(now - begin),
                      phase.jobs());
  }
}

void Stage::Run(const Phase& phase, std::vector<boost::asio::awaitable<void>> works) {
  std::size_t left = works.size();
  const auto begin = Clock::now();
  for (auto& work : works) {
    boost::asio::co_spawn(io_, std::move(work), [this, &left](const std::exception_ptr& error) {
      --left;
      if (error) Fail(error);
    });
  }
  while (left > 0) {
    io_.restart();
    // Not run_for: with the last coroutine the phase ends, though a pool goes on.
    const auto until = Clock::now() + kTick;
    while (left > 0 && Clock::now() < until && io_.run_one_until(until) > 0) {
    }
    try {
      phase.look();
    } catch (const std::exception&) {
      Fail(std::current_exception());
    }
    Tick(phase, begin);
    if (stopping() && Clock::now() > stop_at_ + kPatience) {
      throw std::runtime_error("submissions that were under way got no answer");
    }
  }
  if (failure_) std::rethrow_exception(failure_);
}

void Stage::Wait(const Phase& phase, const std::function<bool()>& done) {
  const auto begin = Clock::now();
  auto look_at = begin;
  while (!done() && !interrupted_) {
    if (Clock::now() >= look_at) {
      look_at = Clock::now() + kTick;
      phase.look();
      Tick(phase, begin);
    }
    std::this_thread::sleep_for(kLook);
  }
}

}  // namespace djps::bench
