#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <unordered_set>
#include <vector>

#include "store/progress_store.h"
#include "worker/job_notes.h"

namespace djps::worker {

/// Sends what running jobs have said: the progress of all of them in one statement every half
/// second, and the lines of each. Costs nothing while nobody says anything.
///
/// What cannot be sent is dropped: the next word replaces it, and a log is no ledger.
///
/// Thread-safety: everything on the I/O thread, except that jobs may note from anywhere.
class NoteSender {
 public:
  NoteSender(boost::asio::any_io_executor executor, pg::Pool& pool);

  /// The notes of an attempt that starts now.
  std::shared_ptr<JobNotes> Open(Uuid lease, Uuid job);

  /// Closes them and gives back what is left to be sent.
  JobNotes::Unsent Close(const std::shared_ptr<JobNotes>& notes);
  /// Is something of it on its way?
  bool Sending(const std::shared_ptr<JobNotes>& notes) const { return sending_.contains(notes); }
  /// Returns when what is on its way and `unsent` are written: before the outcome of the job, since
  /// the lease ends with that.
  boost::asio::awaitable<void> SendLast(std::shared_ptr<JobNotes> notes, JobNotes::Unsent unsent);

  boost::asio::awaitable<void> Run();
  void Stop();

 private:
  /// Called from handlers' threads. Outlives the sender where a handler outlives the worker.
  struct Waker {
    boost::asio::any_io_executor executor;
    std::function<void()> wake;  // on the I/O thread; empty when the sender is gone
  };

  boost::asio::awaitable<void> SendAll();
  boost::asio::awaitable<void> Send(std::vector<JobNotes::Unsent> unsent);
  boost::asio::awaitable<void> SendProgress(const std::vector<store::JobProgress>& progress);

  store::ProgressStore store_;
  std::shared_ptr<Waker> waker_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer sent_;  // canceled when what was on its way has arrived
  std::unordered_set<std::shared_ptr<JobNotes>> open_;
  std::unordered_set<std::shared_ptr<JobNotes>> sending_;  // of the round under way
  bool unsent_ = false;
  bool stopped_ = false;
};

}  // namespace djps::worker
