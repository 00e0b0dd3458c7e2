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

/// Sends the reports of running jobs: every half second the progress of all jobs in one statement,
/// and the log lines of each. Costs nothing while there are no reports.
///
/// What cannot be sent is dropped: the next report replaces it, and logs may have gaps.
///
/// Thread-safety: everything on the I/O thread, except that jobs may note from anywhere.
class NoteSender {
 public:
  NoteSender(boost::asio::any_io_executor executor, pg::Pool& pool);

  /// Makes the notes of an attempt that starts now.
  std::shared_ptr<JobNotes> Open(Uuid lease, Uuid job);

  /// Closes them and returns what is not sent yet.
  JobNotes::Unsent Close(const std::shared_ptr<JobNotes>& notes);
  /// Whether a part of it is being sent.
  bool Sending(const std::shared_ptr<JobNotes>& notes) const { return sending_.contains(notes); }
  /// Returns when `unsent` and what is being sent are written. Call it before reporting the
  /// outcome, which ends the lease.
  boost::asio::awaitable<void> SendLast(std::shared_ptr<JobNotes> notes, JobNotes::Unsent unsent);

  boost::asio::awaitable<void> Run();
  void Stop();

 private:
  /// Called from handlers' threads. Outlives the sender if a handler outlives the worker.
  struct Waker {
    boost::asio::any_io_executor executor;
    std::function<void()> wake;  // on the I/O thread; empty once the sender is destroyed
  };

  boost::asio::awaitable<void> SendAll();
  boost::asio::awaitable<void> Send(std::vector<JobNotes::Unsent> unsent);
  boost::asio::awaitable<void> SendProgress(const std::vector<store::JobProgress>& progress);

  store::ProgressStore store_;
  std::shared_ptr<Waker> waker_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer sent_;  // canceled when a send has ended
  std::unordered_set<std::shared_ptr<JobNotes>> open_;
  std::unordered_set<std::shared_ptr<JobNotes>> sending_;  // of the round under way
  bool unsent_ = false;
  bool stopped_ = false;
};

}  // namespace djps::worker
