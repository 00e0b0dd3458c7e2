#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/ids.h"
#include "djps/job.h"
#include "pg/pool.h"
#include "store/claims/claim_cursor.h"
#include "store/claims/lease_pools.h"

namespace djps::store {

class ClaimFetcher;
class LeaseReturner;

/// The most jobs one claim puts under one lease: a lease is rewritten each time part of it is done.
inline constexpr std::size_t kClaimLimitMax = 500;

/// The error class of a job whose deadline has passed.
inline constexpr std::string_view kOverdueMessage = "no attempt could be started before finish_by";

struct ClaimRequest {
  std::string queue;
  std::vector<std::string> types;
  std::size_t limit = 1;  ///< 1..kClaimLimitMax
  std::string worker;
  std::chrono::milliseconds lease{10'000};
};

/// The queue and the types as one text: claims with the same text share a claim cursor. Names
/// hold no NUL (core/validation.h).
std::string ClaimKey(const ClaimRequest& request);

struct ClaimedJob {
  Uuid id;
  int attempt = 1;
  std::string type;
  std::string payload;
  std::int16_t priority = 0;
  int max_attempts = 0;
  std::optional<std::string> idempotency_key;
  Timestamp created_at{};
  std::optional<std::string> metadata;  ///< JSON text.
  /// How long the attempt may take, where the job says so; a deadline may leave less.
  std::optional<std::chrono::milliseconds> time_limit;
  std::optional<std::string> checkpoint = {};  ///< JSON text, left by an earlier attempt.
  /// How long after the claim an attempt may still begin, where the job has a deadline.
  std::optional<std::chrono::milliseconds> begin_within = {};
  std::optional<std::string> tags = {};  ///< JSON text, an array of strings; none: it has none.
};

struct ClaimedBatch {
  Uuid lease;
  std::chrono::steady_clock::time_point begun{};  ///< Just before the claim was sent.
  Timestamp expires_at{};
  /// In the order in which they should run: by priority, then by the time at which they were due.
  /// Empty: nothing was due, and no lease was made.
  std::vector<ClaimedJob> jobs;
  /// An idle worker should claim again this soon: a part of the past is still to be searched, or
  /// there were jobs whose deadline has passed.
  std::optional<std::chrono::steady_clock::duration> again_within{};
};

struct CompletedJob {
  Uuid lease;
  Uuid job;
  std::string result = "null";  ///< JSON text.
};

struct FailedJob {
  Uuid lease;
  Uuid job;
  std::string error_class = {};
  std::string message = {};
  std::string detail = {};
  bool retryable = true;
  std::optional<std::chrono::milliseconds> retry_after = {};
  std::optional<std::string> policy = {};  ///< The handler's retry policy, JSON text.
};

/// The new state of a job whose attempt failed.
struct FailedAttempt {
  Uuid id;
  JobStatus status = JobStatus::kFailed;  ///< kFailed, kDead or kCanceled
  std::optional<Timestamp> run_at;        ///< Of the next attempt; none when there is none.
};

struct ReturnedJob {
  Uuid lease;
  Uuid job;
  /// Of a snooze, of which a job has a bounded number; none: handed back, to be run at once.
  std::optional<std::chrono::milliseconds> delay = {};
  std::optional<std::string> policy = {};  ///< As in FailedJob, for the snooze that is too many.
};

/// An attempt, and the lease that it began under.
struct AttemptRef {
  Uuid lease;
  Uuid job;
};

/// A job under a lease that is to be canceled.
struct Cancellation {
  Uuid lease;
  Uuid job;
};

struct ExtendedLease {
  Uuid id;
  Timestamp expires_at{};
};

struct RescuedJob {
  Uuid id;
  JobStatus status = JobStatus::kFailed;
  std::string worker;  ///< The one that lost it.
};

/// Claims, heartbeats and outcomes: typed calls over src/store/sql/ready and src/store/sql/leases.
///
/// Every call that ends attempts returns the ids that were still held under the given lease; for a
/// missing id nothing was changed (the fence). Throws pg::PgError when the database is away; if
/// outcome_unknown() is true, the call may be repeated.
class LeaseStore {
 public:
  explicit LeaseStore(const LeasePools& pools, LookPace pace = {});
  explicit LeaseStore(pg::Pool& pool, LookPace pace = {})
      : LeaseStore(LeasePools{pool, pool, pool}, pace) {}
  ~LeaseStore();

  boost::asio::awaitable<ClaimedBatch> ClaimJobs(const ClaimRequest& request,
                                                 pg::Deadline deadline);
  /// The same for many workers with the queue and the types of the first, in one transaction: a
  /// batch for each, in order. The first ones are served first if there are not enough jobs.
  boost::asio::awaitable<std::vector<ClaimedBatch>> ClaimForMany(std::vector<ClaimRequest> requests,
                                                                 pg::Deadline deadline);
  boost::asio::awaitable<std::vector<Uuid>> CompleteJobs(const std::vector<CompletedJob>& jobs,
                                                         pg::Deadline deadline);
  boost::asio::awaitable<std::vector<FailedAttempt>> FailJobs(const std::vector<FailedJob>& jobs,
                                                              pg::Deadline deadline);
  boost::asio::awaitable<std::vector<Uuid>> ReturnJobs(const std::vector<ReturnedJob>& jobs,
                                                       pg::Deadline deadline);

  /// Gives back all jobs of a lease, none of which has started; the attempts do not count. Returns
  /// at once, and retries until the database has done it. Claims with a lost answer are given back
  /// in this way automatically.
  void ReturnLease(Uuid lease);
  /// Waits for that until the deadline; what is left then is given up for good.
  boost::asio::awaitable<void> FinishReturns(pg::Deadline deadline);

  /// The heartbeat. Returns the leases that are still held.
  boost::asio::awaitable<std::vector<ExtendedLease>> ExtendLeases(
      const std::vector<Uuid>& leases, std::chrono::milliseconds duration, pg::Deadline deadline);

  /// Which jobs under these leases are to be canceled.
  boost::asio::awaitable<std::vector<Cancellation>> FindCancellations(
      const std::vector<Uuid>& leases, pg::Deadline deadline);

  /// Which of these attempts, no longer held, were ended under their own lease, such as by their
  /// handler in SQL. The others have lost the lease.
  boost::asio::awaitable<std::unordered_set<Uuid>> FindEndedAttempts(
      const std::vector<AttemptRef>& attempts, pg::Deadline deadline);

  /// Ends attempts whose lease has expired, at most `leases_max` leases of them. After a recent
  /// call it checks only the last seconds, and all leases now and then: a lease that was locked by
  /// a transaction until long after its expiry is found then.
  boost::asio::awaitable<std::vector<RescuedJob>> RescueExpiredLeases(int leases_max,
                                                                      pg::Deadline deadline);

 private:
  /// Jobs by the lease they were claimed under.
  boost::asio::awaitable<void> FailOverdue(std::map<Uuid, std::vector<Uuid>> overdue,
                                           pg::Deadline deadline);
  using SharedFetcher = std::shared_ptr<ClaimFetcher>;

  struct Claim {
    std::vector<ClaimedBatch> batches;
    bool overdue = false;  // the deadline of some of the found jobs has passed
    bool empty() const;
  };

  SharedFetcher FetcherFor(const ClaimRequest& request);
  /// Jobs that cannot be read end here as dead, so that they do not block others.
  boost::asio::awaitable<Claim> ClaimByPlan(const std::vector<ClaimRequest>& requests,
                                            SharedFetcher fetcher, ClaimPlan plan,
                                            pg::Deadline deadline);
  boost::asio::awaitable<Claim> TryClaim(const std::vector<ClaimRequest>& requests,
                                         ClaimFetcher& fetcher, const ClaimPlan& plan,
                                         pg::Deadline deadline);

  LeasePools pools_;
  LookPace pace_;
  std::shared_ptr<LeaseReturner> returner_;
  IdGenerator ids_;
  std::chrono::steady_clock::time_point rescue_all_at_{};  // at the latest
  std::chrono::steady_clock::time_point rescued_at_{};  // when the last look began that succeeded
  std::map<std::string, SharedFetcher> fetchers_;       // by queue and types
};

}  // namespace djps::store
