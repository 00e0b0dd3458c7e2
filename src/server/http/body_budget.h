#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

namespace djps::server {

/// The memory for the bodies of all connections together: what has come of them counts, not what
/// was announced. Nobody has more than a share of it, so that nobody's bodies keep those of others
/// out. Where there is no room, the slowest body that is still coming makes way for a faster one.
///
/// Thread-safety: everything on one single-threaded executor.
class BodyBudget {
 public:
  using Clock = std::chrono::steady_clock;

  struct Limits {
    std::size_t total = 256U << 20U;
    std::size_t share = 128U << 20U;  ///< Of one sender.
    std::chrono::milliseconds slow_after{1'000};
  };

  explicit BodyBudget(Limits limits) : limits_(limits) {}

  /// One body, from when it asks for memory until it has been answered.
  class Place {
   public:
    /// `owner`: who sends it. `drop` frees its memory; it is called at most once, and while the
    /// body is still coming.
    Place(std::shared_ptr<BodyBudget> budget, std::string owner, std::function<void()> drop);
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    /// Asks for `bytes` in all. False: there is no room. A body that is alone, or its sender's only
    /// one, is not held to the total, or to the share.
    bool Grow(std::size_t bytes);

    /// All of it has come: it is not slow any more.
    void Complete();

   private:
    friend class BodyBudget;

    /// How fast `bytes` of it have come, in bytes a second; infinite for one that has just begun.
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
  /// Drops the slowest body, of the owner if its share is what is used up; false: none is slower
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
