#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "djps/uuid.h"
#include "store/state_store.h"

namespace djps::server {

/// Notices when jobs change, for everybody in this process who waits for one: a single loop asks
/// the database about all of them in one statement. It asks often after a change and ever more
/// seldom while there is none, and not at all while nobody waits.
///
///     JobWatch::Subscription job(watch, id, state_known);
///     const auto state = co_await job.Next(deadline);
///
/// Thread-safety: everything on one single-threaded executor.
class JobWatch {
 public:
  using Clock = std::chrono::steady_clock;

  /// How long from one look to the next: `min` after a change, doubling to `max`.
  struct Pace {
    std::chrono::milliseconds min{10};
    std::chrono::milliseconds max{250};
  };

  /// `states` must outlive it; one question to the database may take `ask_timeout`.
  JobWatch(const boost::asio::any_io_executor& executor, store::StateStore& states,
           std::chrono::milliseconds ask_timeout, Pace pace);
  JobWatch(const JobWatch&) = delete;
  JobWatch& operator=(const JobWatch&) = delete;

  /// The loop. Ends after Stop.
  boost::asio::awaitable<void> Run();

  /// Ends every wait at once, also those that begin later.
  void Stop();
  bool stopping() const { return stopping_; }

  /// Tells that these jobs have just changed, so that their waiters need not wait for the next
  /// look.
  void Touch(std::span<const Uuid> ids);

  /// One who waits for one job.
  class Subscription {
   public:
    /// `known`: what the subscriber has seen already.
    Subscription(JobWatch& watch, Uuid id, store::JobState known);
    ~Subscription();
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

    /// The job's state as soon as it is another than the one known; nothing at the deadline,
    /// after End, and when the server stops. States that passed between two looks are not seen.
    boost::asio::awaitable<std::optional<store::JobState>> Next(Clock::time_point deadline);

    /// Ends the wait at once, also one that begins later.
    void End();
    bool ended() const { return ended_; }

    /// Changes what is known.
    void SetKnown(store::JobState known) { known_ = known; }

   private:
    friend class JobWatch;

    JobWatch& watch_;
    Uuid id_;
    store::JobState known_;
    bool ended_ = false;
    boost::asio::steady_timer changed_;  // canceled when there may be something to see
  };

 private:
  struct Watched {
    std::optional<store::JobState> state;  // as the loop saw it last
    std::vector<Subscription*> subscriptions;
  };

  boost::asio::awaitable<bool> Look();
  boost::asio::awaitable<void> Pause();

  store::StateStore& states_;
  std::chrono::milliseconds ask_timeout_;
  Pace pace_;
  boost::asio::steady_timer pause_;
  std::unordered_map<Uuid, Watched> watched_;
  std::chrono::milliseconds interval_;
  Clock::time_point looked_at_ = Clock::time_point::min();
  Clock::duration look_took_{};
  bool look_now_ = false;  // something has happened since the last look began
  bool stopping_ = false;
};

}  // namespace djps::server
