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

/// Notices changes of jobs for all waiters in this process: one loop polls the state of all watched
/// jobs in one statement. It polls often after a change, then less and less often, and not at all
/// without waiters.
///
///     JobWatch::Subscription job(watch, id, state_known);
///     const auto state = co_await job.Next(deadline);
///
/// Thread-safety: everything on one single-threaded executor.
class JobWatch {
 public:
  using Clock = std::chrono::steady_clock;

  /// The time between two polls: `min` after a change, doubling to `max`.
  struct Pace {
    std::chrono::milliseconds min{10};
    std::chrono::milliseconds max{250};
  };

  /// `states` must outlive it; one poll may take `ask_timeout`.
  JobWatch(const boost::asio::any_io_executor& executor, store::StateStore& states,
           std::chrono::milliseconds ask_timeout, Pace pace);
  JobWatch(const JobWatch&) = delete;
  JobWatch& operator=(const JobWatch&) = delete;

  /// The loop. Ends after Stop.
  boost::asio::awaitable<void> Run();

  /// Ends every wait at once, also those that begin later.
  void Stop();
  bool stopping() const { return stopping_; }

  /// Says that these jobs have just changed, so that their waiters need not wait for the next poll.
  void Touch(std::span<const Uuid> ids);

  /// One waiter for one job.
  class Subscription {
   public:
    /// `known`: the state that the subscriber has seen already.
    Subscription(JobWatch& watch, Uuid id, store::JobState known);
    ~Subscription();
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

    /// The job's state as soon as it differs from the known one; nothing at the deadline, after
    /// End, and when the server stops. States that ended between two polls are not seen.
    boost::asio::awaitable<std::optional<store::JobState>> Next(Clock::time_point deadline);

    /// Ends the wait at once, also a wait that begins later.
    void End();
    bool ended() const { return ended_; }

    /// Updates the known state.
    void SetKnown(store::JobState known) { known_ = known; }

   private:
    friend class JobWatch;

    JobWatch& watch_;
    Uuid id_;
    store::JobState known_;
    bool ended_ = false;
    boost::asio::steady_timer changed_;  // canceled when there may be a change
  };

 private:
  struct Watched {
    std::optional<store::JobState> state;  // at the latest poll
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
  bool look_now_ = false;  // something has changed since the last poll began
  bool stopping_ = false;
};

}  // namespace djps::server
