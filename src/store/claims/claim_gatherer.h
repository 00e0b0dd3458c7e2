#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "store/batching/group_commit.h"
#include "store/claims/lease_store.h"

namespace djps::store {

/// Gathers claims of many workers over HTTP: claims with the same queue and types that arrive while
/// another one is under way are carried out together, by one statement and one commit. A single
/// claim is carried out at once, as by LeaseStore. Each worker gets its own lease.
///
/// A statement returns a few megabytes, or what one worker asked for; one worker gets at most 8 MiB
/// at once. The number of claims per statement and of jobs per claim depends on the recent size of
/// these jobs. While it is unknown, one worker gets at most kFirstJobsMax, and a statement returns
/// at most kFirstSharedJobs.
///
/// Lifetime: `leases` must outlive what is under way.
/// Thread-safety: everything on the pool's single-threaded executor.
class ClaimGatherer {
 public:
  /// A job has up to some 1.7 MiB as it is sent (a payload of 1 MiB, its metadata, its checkpoint,
  /// and the spaces that jsonb adds): 34 MiB for one worker, 110 MiB for a statement.
  static constexpr std::size_t kFirstJobsMax = 20;
  static constexpr std::size_t kFirstSharedJobs = 64;

  ClaimGatherer(boost::asio::any_io_executor executor, LeaseStore& leases,
                BacklogLimits limits = {});

  /// As LeaseStore::ClaimJobs. Errors: as GroupCommit::Submit.
  boost::asio::awaitable<ClaimedBatch> ClaimJobs(ClaimRequest request, pg::Deadline deadline);

  /// The line for claims like `request`.
  GroupCommitCounts counts(const ClaimRequest& request) const;

 private:
  using Line = GroupCommit<ClaimRequest, ClaimedBatch>;

  /// Claims that one statement may carry out together.
  struct Kind {
    std::shared_ptr<Line> line;
    // Of a job: the average of the last claim, or half of what it was before where that is more,
    // so that small jobs between large ones do not hide them. Nothing: none was claimed yet.
    std::optional<std::size_t> job_bytes;
  };

  std::shared_ptr<Kind> FindKind(const ClaimRequest& request);

  boost::asio::any_io_executor executor_;
  LeaseStore& leases_;
  std::shared_ptr<Backlog> backlog_;
  std::map<std::string, std::shared_ptr<Kind>> kinds_;
};

}  // namespace djps::store
