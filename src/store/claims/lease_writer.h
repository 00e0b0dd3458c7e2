#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "store/batching/group_commit.h"
#include "store/claims/lease_store.h"

namespace djps::store {

/// A lease to extend.
struct Beat {
  Uuid lease;
  std::chrono::milliseconds duration{0};
};

/// The answer for a lease.
struct BeatAnswer {
  std::optional<Timestamp> expires_at;  ///< Empty: the lease is lost.
  std::vector<Uuid> canceled = {};      ///< The jobs under it that are to be canceled.
};

/// Group commit for reports of workers over HTTP: the calls of LeaseStore, with concurrent reports
/// of many workers written together.
///
/// Two callers that name the same job are never in one batch: one ends it, the other finds it
/// ended.
///
/// Lifetime: `leases` must outlive what is under way.
/// Thread-safety: everything on the pool's single-threaded executor.
class LeaseWriter {
 public:
  LeaseWriter(boost::asio::any_io_executor executor, LeaseStore& leases, BacklogLimits limits = {});

  // As in LeaseStore: they return what was held. Errors: as GroupCommit::Submit.
  boost::asio::awaitable<std::vector<Uuid>> CompleteJobs(std::vector<CompletedJob> jobs,
                                                         pg::Deadline deadline);
  boost::asio::awaitable<std::vector<FailedAttempt>> FailJobs(std::vector<FailedJob> jobs,
                                                              pg::Deadline deadline);
  boost::asio::awaitable<std::vector<Uuid>> ReturnJobs(std::vector<ReturnedJob> jobs,
                                                       pg::Deadline deadline);

  /// One answer per lease, in their order.
  boost::asio::awaitable<std::vector<BeatAnswer>> ExtendLeases(std::vector<Uuid> leases,
                                                               std::chrono::milliseconds duration,
                                                               pg::Deadline deadline);

  const Backlog& backlog() const { return *backlog_; }
  const GroupCommitCounts& completions() const { return completions_->counts(); }
  const GroupCommitCounts& heartbeats() const { return heartbeats_->counts(); }

 private:
  // The answers: what was held; empty if it was not.
  using Ended = GroupCommit<CompletedJob, std::optional<Uuid>>;
  using Failed = GroupCommit<FailedJob, std::optional<FailedAttempt>>;
  using Returned = GroupCommit<ReturnedJob, std::optional<Uuid>>;
  using Heartbeats = GroupCommit<Beat, BeatAnswer>;

  std::shared_ptr<Backlog> backlog_;
  std::shared_ptr<Ended> completions_;
  std::shared_ptr<Failed> failures_;
  std::shared_ptr<Returned> returns_;
  std::shared_ptr<Heartbeats> heartbeats_;
};

}  // namespace djps::store
