#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "djps/retry_policy.h"
#include "djps/uuid.h"

namespace djps {

/// A time of the database's clock, in microseconds since 1970-01-01 UTC, as Postgres stores it.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

/// The status of a job; docs/lifecycle.md has the transitions.
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

/// Whether the job has ended. An ended job changes only when it is retried.
constexpr bool HasEnded(JobStatus status) {
  return status == JobStatus::kSucceeded || status == JobStatus::kCanceled ||
         status == JobStatus::kDead;
}

inline constexpr std::string_view kDefaultQueue = "default";
inline constexpr int kDefaultMaxAttempts = 25;
inline constexpr int kMaxAttemptsLimit = 1000;

/// Makes a job unique: at most one at a time among jobs of one type whose payloads (or the parts of
/// it that `fields` names) are equal.
struct Uniqueness {
  enum class OnConflict {
    kExisting,    ///< Leave the existing job unchanged.
    kReplace,     ///< Give the existing job the new payload, if it still waits.
    kReschedule,  ///< Give it the new payload and time, if it still waits (debounce).
  };

  std::vector<std::string> fields = {};  ///< Paths into the payload: "customer.id". Up to 20.
  std::optional<std::string> key = {};   ///< Instead of the payload: 1..255 bytes.
  bool by_queue = false;                 ///< One per queue.
  /// A job counts this long from its submission; empty: as long as it is in one of `states`.
  std::optional<std::chrono::milliseconds> period = {};
  /// A job counts while it is in one of these. Empty: queued, running and failed; with a period
  /// succeeded too.
  std::vector<JobStatus> states = {};
  OnConflict on_conflict = OnConflict::kExisting;
};

/// A job to submit. Texts are UTF-8 without NUL.
struct NewJob {
  std::string type = {};                   ///< 1..128 bytes of A-Z a-z 0-9 _ . : / -
  std::string payload = "{}";              ///< Any JSON value, as text.
  std::string queue{kDefaultQueue};        ///< Same characters as `type`.
  std::int16_t priority = 0;               ///< Smaller numbers run first.
  std::optional<Timestamp> run_at = {};    ///< The earliest start; absent or past: at once.
  int max_attempts = kDefaultMaxAttempts;  ///< 1..kMaxAttemptsLimit.
  std::optional<std::string> idempotency_key =
      {};  ///< 1..255 bytes; the same (type, key) is the same job.

  // Options. A job without them takes the fastest path.
  std::optional<std::chrono::milliseconds> delay = {};  ///< From now, instead of `run_at`.
  /// How long the idempotency key is remembered; empty: as long as the job.
  std::optional<std::chrono::milliseconds> key_lifetime = {};
  std::vector<std::string> tags = {};        ///< Up to 20, of 1..128 bytes.
  std::optional<std::string> metadata = {};  ///< A JSON object, up to 64 KiB.
  std::optional<RetryPolicy> retry = {};     ///< Empty: the handler's, the type's, the default.
  std::optional<std::chrono::milliseconds> timeout = {};  ///< The longest run of an attempt.
  std::optional<Timestamp> finish_by = {};  ///< No attempt starts after this; the job is then dead.
  std::optional<Uniqueness> unique = {};

  /// Whether the job has any of the options.
  bool HasOptions() const {
    return delay || key_lifetime || !tags.empty() || metadata || retry || timeout || finish_by ||
           unique;
  }
};

/// The result of a submission.
struct SubmittedJob {
  /// What happened if the unique job existed already.
  enum class Conflict { kNone, kExisting, kReplaced, kRescheduled };

  Uuid id;
  bool replayed = false;         ///< The key was known: `id` is the existing job.
  bool payload_differs = false;  ///< The existing job has a different payload.
  Conflict conflict = Conflict::kNone;
  Timestamp run_at{};      ///< Only for new jobs: the time from which it is claimable.
  Timestamp created_at{};  ///< Only for new jobs.

  /// Whether it is a new job.
  bool created() const { return !replayed && conflict == Conflict::kNone; }

  /// Whether it is a new job that can be claimed at once. (Both times are from the database's
  /// clock.)
  bool due() const { return created() && run_at - created_at < std::chrono::milliseconds(1); }
};

/// A stored job, with the fields of the view djps.jobs.
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
  std::optional<std::string> idempotency_key = {};
  Timestamp created_at{};
  Timestamp updated_at{};
  std::optional<Timestamp> finished_at = {};
  std::optional<std::string> result = {};  ///< JSON text; only for succeeded jobs.
  std::optional<std::string> last_error =
      {};                                ///< JSON text: class, message, detail, attempt, worker.
  std::optional<std::string> tags = {};  ///< JSON text: an array of strings.
  std::optional<std::string> metadata = {};  ///< JSON text.
  std::optional<std::string> retry = {};     ///< JSON text: the job's own policy.
  std::optional<std::chrono::milliseconds> timeout = {};
  std::optional<Timestamp> finish_by = {};
  bool cancel_requested = false;             ///< It is running, and its worker is told to stop.
  std::optional<std::string> progress = {};  ///< JSON text: percent, message, updated_at.
};

/// Changes to a waiting job; empty members stay unchanged.
struct JobEdit {
  std::optional<std::int16_t> priority = {};
  std::optional<Timestamp> run_at = {};
  std::optional<std::string> payload = {};  ///< JSON text.
  std::optional<int> max_attempts = {};
};

}  // namespace djps
