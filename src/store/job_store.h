#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>
#include <vector>

#include "core/ids.h"
#include "djps/job.h"
#include "pg/pool.h"

namespace djps::store {

/// The ways of submitting, from the shortest on; a call takes the shortest that all its jobs can
/// go.
enum class SubmissionKind { kPlain, kKeyed, kWithOptions };
SubmissionKind KindOf(const std::vector<NewJob>& jobs);

/// Submitting and reading jobs: typed calls over src/store/sql/jobs.
/// Every call throws pg::PgError when the database is away, and does nothing by halves.
class JobStore {
 public:
  using Behind = std::optional<pg::Call>;

  explicit JobStore(pg::Pool& pool) : pool_(pool) {}

  /// Stores all of `jobs` in one transaction, or none. Answers in the order given; an item whose
  /// (type, idempotency key) is known is a replay and stores nothing.
  ///
  /// Jobs must be valid (core/validation.h). Throws PgError with bad_value() for a payload that
  /// jsonb cannot hold (a number beyond its range, say).
  /// Idempotency: safe to repeat for jobs that have a key.
  ///
  /// `behind` is sent right after it, as Pool::Execute says.
  boost::asio::awaitable<std::vector<SubmittedJob>> EnqueueJobs(const std::vector<NewJob>& jobs,
                                                                pg::Deadline deadline,
                                                                Behind behind = {});

  boost::asio::awaitable<std::optional<JobRecord>> FindJob(Uuid id, pg::Deadline deadline);

 private:
  boost::asio::awaitable<std::vector<SubmittedJob>> StoreJobs(const std::vector<NewJob>& jobs,
                                                              const std::vector<Uuid>& ids,
                                                              pg::Deadline deadline, Behind behind);
  boost::asio::awaitable<std::vector<SubmittedJob>> StoreJobsWithOptions(
      const std::vector<NewJob>& jobs, const std::vector<Uuid>& ids, pg::Deadline deadline,
      Behind behind);
  boost::asio::awaitable<Timestamp> DatabaseTime(pg::Deadline deadline);
  void LearnClock(Timestamp database_now);

  pg::Pool& pool_;
  IdGenerator ids_;
  // What to add to this machine's clock to get the database's: ids are stamped on that one.
  std::optional<std::chrono::microseconds> clock_offset_;
};

}  // namespace djps::store
