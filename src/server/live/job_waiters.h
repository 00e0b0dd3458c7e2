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

/// What a claim that found nothing waits for.
struct WorkNeed {
  const std::vector<std::string>& queues;
  const std::vector<std::string>& types;
  std::size_t jobs = 1;        ///< It would take this many.
  std::function<bool()> gone;  ///< Has the client left? Then nothing is kept for it.
  std::uint64_t place = 0;     ///< In the line; kept over several waits. 0: at its end.
  std::string kind = {};       ///< Its queues and types, as one word; made by Wait.
};

enum class WorkWake {
  kWork,     ///< Something may be due: claim, then call Finished with the need.
  kTimeout,  ///< Nothing came.
  kGone,     ///< The client has left, or was dropped.
  kStopped,  ///< The server stops: answer now.
};

/// Everybody who waits for jobs at this server. A submission that passes through it wakes as many
/// of those who take it as there are jobs, at once. For all others one waiter of each kind (the
/// same queues and types) tries a claim on behalf of its like, however many they are: after 5 ms,
/// doubling to 250 ms while nothing comes. One that gets something makes two try, then four.
///
/// Those who came first are woken first; while woken ones of a kind claim, nobody else of it is
/// sent to try, so that a job is not offered twice.
///
/// Lifetime: Run must have ended, or never run again, before this is destroyed.
/// Thread-safety: everything on one single-threaded executor.
class JobWaiters {
 public:
  using Clock = std::chrono::steady_clock;

  explicit JobWaiters(boost::asio::any_io_executor executor);

  /// Waits until something that `need` can use is due. After kWork the caller must call Finished.
  boost::asio::awaitable<WorkWake> Wait(WorkNeed& need, Clock::time_point until);

  /// Ends the wait of `need` with kGone, if it waits now.
  void Drop(const WorkNeed& need);

  /// The claim after a kWork has ended; `claimed`: it got something.
  void Finished(const WorkNeed& need, bool claimed);

  /// `jobs` of this queue and type were stored and are due.
  void Submitted(const std::string& queue, const std::string& type, std::size_t jobs);

  /// There may be new jobs in `queue`, stored by somebody else; empty: in any.
  void Wake(std::string_view queue);

  boost::asio::awaitable<void> Run();

  /// Wakes everybody, now and from now on.
  void Stop();

  std::size_t waiting() const;
  /// Of how many kinds it knows.
  std::size_t kinds() const { return kinds_.size(); }

 private:
  struct Waiter {
    WorkNeed& need;
    boost::asio::steady_timer timer;
    WorkWake wake = WorkWake::kTimeout;
  };
  /// Those who wait for the same queues and types.
  struct Kind {
    std::vector<std::string> queues;
    std::vector<std::string> types;
    std::map<std::uint64_t, Waiter*> line = {};  // by place: first come, first served
    std::size_t claiming = 0;                    // woken, and not Finished
    bool found = false;                          // one of those got something
    std::size_t tries = 1;                       // at a time
    std::chrono::milliseconds interval{};
    Clock::time_point next_try{};

    bool Takes(const std::string& queue, const std::string& type) const;
  };

  void TryDue();
  /// Wakes the first of a line that has not left, and gives back how many jobs it would take; 0:
  /// nobody was woken.
  std::size_t WakeFirst(Kind& kind);
  void Leave(Kind& kind, Waiter& waiter, WorkWake wake);
  void TrySoon(Kind& kind);
  Clock::time_point NextTry() const;

  boost::asio::any_io_executor executor_;
  std::map<std::string, Kind> kinds_;  // those of the last second
  std::uint64_t last_place_ = 0;
  boost::asio::steady_timer wake_;  // canceled when the loop has to think again
  bool stopped_ = false;
};

}  // namespace djps::server
