#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "core/ids.h"
#include "djps/job.h"
#include "pg/pool.h"

namespace djps::store {

/// The ways of submitting, fastest first; a call uses the fastest one that fits all its jobs.
enum class SubmissionKind {
  kPlain,
  kKeyed,             ///< Idempotency keys, and nothing else.
  kWithOptions,       ///< Tags, delays and the like.
  kKeyedWithOptions,  ///< The same, and keys or uniqueness.
};
SubmissionKind SubmissionKindOf(const std::vector<NewJob>& jobs);

/// Whether it may have to wait until another transaction ends.
inline bool MayWait(SubmissionKind kind) {
  return kind == SubmissionKind::kKeyed || kind == SubmissionKind::kKeyedWithOptions;
}

/// How long a submission waits for a lock of another transaction.
enum class Patience {
  kShort,  ///< As long as a commit takes, since other submissions are in the same batch or wait
           ///< behind it.
  kLong,   ///< Half a second.
};

/// The connections for submissions, so that a statement that waits for a lock is never in front of
/// one that does not. All may be the same pool.
struct SubmissionPools {
  pg::Pool& plain;
  pg::Pool& keyed;    ///< MayWait, with Patience::kShort.
  pg::Pool& waiting;  ///< MayWait, with Patience::kLong.
};

/// Which jobs that are there already a submission may not be answered with.
struct ReplayGuard {
  bool strict = false;                   ///< A known key's, when its payload is another one.
  std::vector<std::string> queues = {};  ///< Those of other queues than these; empty: of none.

  bool guards() const { return strict || !queues.empty(); }
};

/// Why a guarded submission was not stored: its first item that led to such a job.
struct RefusedReplay {
  enum class Reason { kHidden, kPayloadDiffers };

  Reason reason = Reason::kHidden;
  std::size_t item = 0;
  std::optional<std::string> key = {};  ///< Of the item.
  Uuid job;                             ///< The one that is there.
  /// An earlier item of the same submission has the key too; then there is no such job.
  std::optional<std::size_t> earlier_item = {};
};

/// Submitting and reading jobs: typed calls over src/store/sql/jobs.
/// Every call is atomic, and throws pg::PgError when the database is away.
class JobStore {
 public:
  using FollowUp = std::optional<pg::Call>;

  explicit JobStore(pg::Pool& pool) : JobStore(SubmissionPools{pool, pool, pool}) {}
  explicit JobStore(const SubmissionPools& pools) : pools_(pools) {}

  /// Stores all of `jobs` in one transaction, or none. Answers in the order given; an item whose
  /// (type, idempotency key) is known is a replay and stores nothing.
  ///
  /// Jobs must be valid (core/validation.h). Throws PgError with bad_value() for a payload that
  /// jsonb cannot hold (a number beyond its range, say).
  /// Idempotency: safe to repeat for jobs that have a key.
  ///
  /// Throws PgError with kLockNotAvailable if another transaction holds a key, or the place of a
  /// unique job, for longer than `patience`.
  ///
  /// `follow_up` is sent right after it, as Pool::Execute says.
  boost::asio::awaitable<std::vector<SubmittedJob>> EnqueueJobs(
      const std::vector<NewJob>& jobs, pg::Deadline deadline, FollowUp follow_up = {},
      Patience patience = Patience::kLong);

  /// The same, but nothing is stored when `guard` refuses the job that an item leads to. Slower:
  /// for submissions in which something may be refused.
  boost::asio::awaitable<tl::expected<std::vector<SubmittedJob>, RefusedReplay>> EnqueueGuarded(
      const std::vector<NewJob>& jobs, const ReplayGuard& guard, pg::Deadline deadline,
      FollowUp follow_up = {}, Patience patience = Patience::kLong);

  boost::asio::awaitable<std::optional<JobRecord>> FindJob(Uuid id, pg::Deadline deadline);

 private:
  boost::asio::awaitable<std::vector<SubmittedJob>> StoreJobs(const std::vector<NewJob>& jobs,
                                                              const std::vector<Uuid>& ids,
                                                              pg::Deadline deadline,
                                                              FollowUp follow_up,
                                                              Patience patience);
  boost::asio::awaitable<std::vector<SubmittedJob>> StoreJobsWithOptions(
      pg::Pool& pool, const std::vector<NewJob>& jobs, const std::vector<Uuid>& ids,
      pg::Deadline deadline, FollowUp follow_up, Patience patience);
  std::vector<Uuid> MakeIds(std::size_t count, Timestamp now);
  pg::Pool& PoolFor(SubmissionKind kind, Patience patience);
  boost::asio::awaitable<Timestamp> DatabaseTime(pg::Deadline deadline);
  void LearnClock(Timestamp database_now);

  SubmissionPools pools_;
  IdGenerator ids_;
  // What to add to this machine's clock to get the database's: ids are stamped on that one.
  std::optional<std::chrono::microseconds> clock_offset_;
};

}  // namespace djps::store
