#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

namespace djps::server {

/// The memory for the bodies of all connections. It counts received bytes, not announced ones. Each
/// sender has at most a share of it, so that one sender cannot keep others out. If there is no
/// room, the slowest body that is still arriving is dropped for a faster one.
///
/// Thread-safety: everything on one single-threaded executor.
class BodyBudget {
 public:
  using Clock = std::chrono::steady_clock;

  struct Limits {
    std::size_t total = 256U << 20U;
    std::size_t share = 128U << 20U;  ///< Per sender.
    std::chrono::milliseconds slow_after{1'000};
  };

  explicit BodyBudget(Limits limits) : limits_(limits) {}

  /// One body, from its first request for memory until it has been answered.
  class Place {
   public:
    /// `owner`: the sender. `drop` frees its memory; it is called at most once, while the body is
    /// still arriving.
    Place(std::shared_ptr<BodyBudget> budget, std::string owner, std::function<void()> drop);
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    /// Asks for `bytes` in total. False: there is no room. The total does not apply to a body that
    /// is alone, nor the share to its sender's only body.
    bool Grow(std::size_t bytes);

    /// The whole body has arrived: it does not count as slow any more.
    void Complete();

   private:
    friend class BodyBudget;

    /// The speed at which `bytes` have arrived, in bytes a second; infinite for a body that has
    /// just begun.
    double Pace(std::size_t bytes, Clock::time_point now) const;

    std::shared_ptr<BodyBudget> budget_;
    std::string owner_;
    std::function<void()> drop_;
    Clock::time_point began_ = Clock::now();
    std::size_t bytes_ = 0;
    std::list<Place*>::iterator coming_;
    bool complete_ = false;
  };

 private:
  bool Fits(const Place& place, std::size_t bytes) const;
  /// Drops the slowest body; one of the same owner if its share is used up. False: none is slower
  /// than `place`.
  bool DropSlower(const Place& place, std::size_t bytes);
  bool WithinShare(const Place& place, std::size_t bytes) const;
  void Count(const Place& place, std::size_t bytes);

  Limits limits_;
  std::size_t total_ = 0;
  std::unordered_map<std::string, std::size_t> by_owner_;
  std::list<Place*> coming_;
};

}  // namespace djps::server
