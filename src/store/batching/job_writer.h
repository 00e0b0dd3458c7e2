#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <tl/expected.hpp>
#include <vector>

#include "djps/job.h"
#include "store/batching/group_commit.h"
#include "store/job_store.h"
#include "store/work_signal.h"

namespace djps::store {

/// Submits jobs by group commit: concurrent submissions of many callers are written together.
///
/// There is a line for each way of submitting (SubmissionKind), so that plain jobs never pay for
/// options of others. Large batches gain nothing from sharing and are written alone. Jobs that need
/// a lock of another transaction, such as on their key, wait in a separate line.
///
/// Workers in other processes are notified of due jobs after the commit.
///
/// Lifetime: `jobs` and `signal` must outlive what is under way.
/// Thread-safety: everything on the pool's single-threaded executor.
class JobWriter {
 public:
  using Line = GroupCommit<NewJob, SubmittedJob>;

  /// A call with at least this many jobs or bytes is written alone.
  static constexpr std::size_t kLargeJobs = 500;
  static constexpr std::size_t kLargeBytes = 1U << 20U;

  JobWriter(boost::asio::any_io_executor executor, JobStore& jobs, WorkSignal& signal,
            BacklogLimits limits = {});

  /// As JobStore::EnqueueJobs: all of `jobs` or none. Returns them with the answers.
  /// Errors: as GroupCommit::Submit.
  boost::asio::awaitable<Line::Written> EnqueueJobs(std::vector<NewJob> jobs,
                                                    pg::Deadline deadline);

  /// As JobStore::EnqueueGuarded. What has neither keys nor uniqueness goes with all others; the
  /// rest goes by itself, so that a refusal costs nobody else a second try.
  boost::asio::awaitable<tl::expected<Line::Written, RefusedReplay>> EnqueueGuarded(
      std::vector<NewJob> jobs, ReplayGuard guard, pg::Deadline deadline);

  const Backlog& backlog() const { return *backlog_; }
  const GroupCommitCounts& counts(SubmissionKind kind) const { return LineOf(kind)->counts(); }

 private:
  class Store;

  boost::asio::awaitable<Line::Written> WriteAlone(std::vector<NewJob> jobs, std::size_t bytes,
                                                   pg::Deadline deadline);
  const std::shared_ptr<Line>& LineOf(SubmissionKind kind) const;

  std::shared_ptr<Store> store_;
  std::shared_ptr<Backlog> backlog_;
  std::shared_ptr<Line> plain_;
  std::shared_ptr<Line> keyed_;
  std::shared_ptr<Line> with_options_;
  std::shared_ptr<Line> keyed_with_options_;
  std::shared_ptr<Line> waiting_;
};

}  // namespace djps::store
