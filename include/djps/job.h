#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "djps/uuid.h"

namespace djps {

/// A moment on the database's clock, in microseconds since 1970-01-01 UTC: what Postgres stores.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

/// Where a job stands in its life; docs/lifecycle.md draws the arrows between these.
enum class JobStatus {
  kQueued,     ///< Waiting; claimable once `run_at` has come.
  kRunning,    ///< Held by one worker under a lease.
  kSucceeded,  ///< Terminal; the result is kept.
  kFailed,     ///< An attempt failed; the next one is due at `run_at`.
  kCanceled,   ///< Terminal; stopped by a person, a client or the handler.
  kDead,       ///< Terminal; attempts used up or not worth retrying: the dead-letter queue.
};

/// "queued", "running", ...: the text used in SQL, HTTP and on screen.
std::string_view StatusName(JobStatus status);
std::optional<JobStatus> ParseStatus(std::string_view name);

inline constexpr std::string_view kDefaultQueue = "default";
inline constexpr int kDefaultMaxAttempts = 25;
inline constexpr int kMaxAttemptsLimit = 1000;

/// A job to submit. Texts are UTF-8 without NUL.
struct NewJob {
  std::string type = {};                   ///< 1..128 bytes of A-Z a-z 0-9 _ . : / -
  std::string payload = "{}";              ///< Any JSON value, as text.
  std::string queue{kDefaultQueue};        ///< Same characters as `type`.
  std::int16_t priority = 0;               ///< A smaller number runs first.
  std::optional<Timestamp> run_at = {};    ///< Not before this; absent or past: at once.
  int max_attempts = kDefaultMaxAttempts;  ///< 1..kMaxAttemptsLimit.
  std::optional<std::string> idempotency_key =
      {};  ///< 1..255 bytes; one (type, key) names one job.
};

/// What a submission came to.
struct SubmittedJob {
  Uuid id;
  bool replayed = false;         ///< The key was known: `id` is the job it named already.
  bool payload_differs = false;  ///< A replay whose payload is not the first one's.
  Timestamp run_at{};            ///< Only for new jobs: the moment from which it is claimable.
  Timestamp created_at{};        ///< Only for new jobs.
};

/// A job as stored, with the fields of the view djps.jobs.
struct JobRecord {
  Uuid id;
  std::string type;
  std::string queue;
  std::string payload;  ///< JSON text.
  JobStatus status = JobStatus::kQueued;
  std::int16_t priority = 0;
  Timestamp run_at{};
  int attempts = 0;
  int max_attempts = 0;
  std::optional<std::string> idempotency_key;
  Timestamp created_at{};
  Timestamp updated_at{};
  std::optional<Timestamp> finished_at;
  std::optional<std::string> result;      ///< JSON text; only for succeeded jobs.
  std::optional<std::string> last_error;  ///< JSON text: class, message, detail, attempt, worker.
};

}  // namespace djps
