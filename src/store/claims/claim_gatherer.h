#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>
#include <string>

#include "store/batching/group_commit.h"
#include "store/claims/lease_store.h"

namespace djps::store {

/// Claims of many workers over HTTP: those that ask the same queue for the same types while a claim
/// is under way are claimed for together, by one statement and one commit. Who comes alone is
/// served at once, as by LeaseStore. Each gets a lease of its own.
///
/// One statement brings a few megabytes, or what one worker asked for, and one worker gets at most
/// 8 MiB at once: how many share a statement, and how many jobs are claimed, depends on how large
/// the jobs of such claims were lately. A first claim of large jobs finds that out.
///
/// Lifetime: `leases` must outlive what is under way.
/// Thread-safety: everything on the pool's single-threaded executor.
class ClaimGatherer {
 public:
  ClaimGatherer(boost::asio::any_io_executor executor, LeaseStore& leases,
                BacklogLimits limits = {});

  /// As LeaseStore::ClaimJobs. Errors: as GroupCommit::Submit.
  boost::asio::awaitable<ClaimedBatch> ClaimJobs(ClaimRequest request, pg::Deadline deadline);

  /// Of those who claim as `request` does.
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
