#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace djps::server {

/// What a claim waits for after it found nothing.
struct WorkNeed {
  const std::vector<std::string>& queues;
  const std::vector<std::string>& types;
  std::size_t jobs = 1;        ///< The most jobs that it would take.
  std::function<bool()> gone;  ///< Whether the client has disconnected. Then it gets nothing.
  std::uint64_t place = 0;     ///< The place in the line; kept over several waits. 0: at the end.
  std::string kind = {};       ///< Its queues and types as one text; set by Wait.
};

enum class WorkWake {
  kWork,     ///< Something may be due: claim, then call Finished with the need.
  kTimeout,  ///< Nothing came.
  kGone,     ///< The client has disconnected, or was dropped.
  kStopped,  ///< The server stops: answer now.
};

/// All claims that wait for jobs at this server. A submission through this server wakes at once as
/// many matching waiters as it has jobs. For other new jobs, one waiter of each kind (the same
/// queues and types) tries a claim for all waiters of that kind: after 5 ms, doubling to 250 ms
/// while it finds nothing. After a successful try two waiters try, then four.
///
/// The waiters that came first are woken first. While woken waiters of a kind claim, no other
/// waiter of that kind tries, so that a job is not offered twice.
///
/// Lifetime: Run must have ended, or never run again, before this is destroyed.
/// Thread-safety: everything on one single-threaded executor.
class JobWaiters {
 public:
  using Clock = std::chrono::steady_clock;

  explicit JobWaiters(boost::asio::any_io_executor executor);

  /// Waits until a job that `need` can take may be due. After kWork the caller must call Finished.
  boost::asio::awaitable<WorkWake> Wait(WorkNeed& need, Clock::time_point until);

  /// Ends the wait of `need` with kGone, if it is waiting.
  void Drop(const WorkNeed& need);

  /// The claim after a kWork has ended; `claimed`: it got jobs.
  void Finished(const WorkNeed& need, bool claimed);

  /// `jobs` of this queue and type were stored and are due.
  void Submitted(const std::string& queue, const std::string& type, std::size_t jobs);

  /// There may be new jobs in `queue`, stored by another process; empty: in any queue.
  void Wake(std::string_view queue);

  boost::asio::awaitable<void> Run();

  /// Ends all waits, also those that begin later.
  void Stop();

  std::size_t waiting() const;
  /// The number of known kinds.
  std::size_t kinds() const { return kinds_.size(); }

 private:
  struct Waiter {
    WorkNeed& need;
    boost::asio::steady_timer timer;
    WorkWake wake = WorkWake::kTimeout;
  };
  /// The waiters for the same queues and types.
  struct Kind {
    std::vector<std::string> queues;
    std::vector<std::string> types;
    std::map<std::uint64_t, Waiter*> line = {};  // by place: first come, first served
    std::size_t claiming = 0;                    // woken, and not Finished
    bool found = false;                          // one of those got jobs
    std::size_t tries = 1;                       // concurrent tries
    std::chrono::milliseconds interval{};
    Clock::time_point next_try{};

    bool Takes(const std::string& queue, const std::string& type) const;
  };

  void TryDue();
  /// Wakes the first waiter of a line whose client is connected. Returns how many jobs it would
  /// take; 0: none was woken.
  std::size_t WakeFirst(Kind& kind);
  void Leave(Kind& kind, Waiter& waiter, WorkWake wake);
  void TrySoon(Kind& kind);
  Clock::time_point NextTry() const;

  boost::asio::any_io_executor executor_;
  std::map<std::string, Kind> kinds_;  // the kinds of the last second
  std::uint64_t last_place_ = 0;
  boost::asio::steady_timer wake_;  // canceled when the loop must run again
  bool stopped_ = false;
};

}  // namespace djps::server
