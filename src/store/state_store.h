#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

#include "djps/job.h"
#include "djps/past_attempt.h"
#include "pg/pool.h"

namespace djps::store {

/// How many failed attempts of a job are shown, the latest ones.
inline constexpr int kAttemptsShownMax = 1'000;
/// Bytes of their messages and details.
inline constexpr std::int32_t kAttemptsBytesMax = 4 << 20;
/// How far the jobs ahead of one are counted.
inline constexpr int kAheadCountMax = 10'000;

using djps::PastAttempt;

/// The state of a job.
struct JobState {
  JobStatus status = JobStatus::kQueued;
  int attempts = 0;

  bool operator==(const JobState&) const = default;
};

struct WatchedJob {
  Uuid id;
  JobState state;
};

/// Why a job is not running now. db/functions/jobs/explain_job.sql says what each reason means and
/// which of the members it comes with.
struct JobReason {
  std::string reason = {};
  JobStatus status = JobStatus::kQueued;
  std::string queue = {};
  std::string type = {};
  int attempt = 0;
  std::string worker = {};
  std::optional<Timestamp> until = {};
  std::optional<std::int64_t> ahead = {};
  bool ahead_exact = true;
  std::optional<std::int64_t> estimate_ms = {};
};

/// The state and history of single jobs. Calls throw pg::PgError.
class StateStore {
 public:
  explicit StateStore(pg::Pool& pool) : pool_(pool) {}

  /// Oldest first; also empty if there is no such job.
  boost::asio::awaitable<std::vector<PastAttempt>> ListAttempts(Uuid id, pg::Deadline deadline);

  /// Those that exist, in no promised order.
  boost::asio::awaitable<std::vector<WatchedJob>> WatchJobs(const std::vector<Uuid>& ids,
                                                            pg::Deadline deadline);

  /// Nothing when there is no such job.
  boost::asio::awaitable<std::optional<JobReason>> ExplainJob(Uuid id, pg::Deadline deadline);

 private:
  pg::Pool& pool_;
};

}  // namespace djps::store
