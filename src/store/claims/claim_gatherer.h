#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>
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
/// these jobs. The first claim of large jobs measures it.
///
/// Lifetime: `leases` must outlive what is under way.
/// Thread-safety: everything on the pool's single-threaded executor.
class ClaimGatherer {
 public:
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
    std::size_t job_bytes = 0;  // of the jobs that were claimed last, on average
  };

  std::shared_ptr<Kind> FindKind(const ClaimRequest& request);

  boost::asio::any_io_executor executor_;
  LeaseStore& leases_;
  std::shared_ptr<Backlog> backlog_;
  std::map<std::string, std::shared_ptr<Kind>> kinds_;
};

}  // namespace djps::store
