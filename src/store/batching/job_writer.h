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

/// Submits jobs by group commit: what many callers submit at the same time is written together.
///
/// There is a line for each way of submitting (SubmissionKind), so that plain jobs never pay for
/// what others have. Large batches gain nothing from company and go by themselves. Jobs that need
/// what somebody's transaction holds, such as their key, wait in a line of their own.
///
/// Workers elsewhere hear of what is due, once it is committed.
///
/// Lifetime: `jobs` and `signal` must outlive what is under way.
/// Thread-safety: everything on the pool's single-threaded executor.
class JobWriter {
 public:
  using Line = GroupCommit<NewJob, SubmittedJob>;

  /// A call with at least so many jobs, or bytes, is written by itself.
  static constexpr std::size_t kLargeJobs = 500;
  static constexpr std::size_t kLargeBytes = 1U << 20U;

  JobWriter(boost::asio::any_io_executor executor, JobStore& jobs, WorkSignal& signal,
            BacklogLimits limits = {});

  /// As JobStore::EnqueueJobs: all of `jobs` or none. Gives them back with the answers.
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
