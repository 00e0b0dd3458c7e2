#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "djps/job.h"
#include "djps/job_filter.h"
#include "djps/past_attempt.h"
#include "djps/queue_state.h"
#include "djps/result.h"
#include "djps/uuid.h"

namespace djps {

struct ClientConfig {
  /// A libpq connection string or URI. Empty: DATABASE_URL, else the PG* variables.
  std::string database_url = {};
  /// The actor in the audit of jobs and queues. Empty: host name and process id.
  std::string name = {};
  /// The longest time of a call, 100 ms..30 s. Wait may take its own timeout in addition.
  std::chrono::milliseconds timeout{10'000};
  /// Connections to Postgres, 1..64. Each carries any number of calls at once. The first call that
  /// must wait for a lock of another transaction opens one more, for such calls.
  std::size_t connections = 1;
};

enum class CancelOutcome {
  kCanceled,   ///< The job waited, and will never run.
  kRequested,  ///< The job is running; its worker is told to stop.
  kHadEnded,   ///< Nothing was changed: the job had ended before.
};

/// Jobs, newest first.
struct JobPage {
  std::vector<JobRecord> jobs;
  /// ListOptions::after for the next page; nothing at the end of the list. A call examines at most
  /// 20,000 jobs, so a page may be short or empty and still have a next one.
  std::optional<Uuid> next = {};
};

struct ListOptions {
  std::optional<Uuid> after = {};  ///< JobPage::next of the previous page.
  int limit = 100;                 ///< 1..1000
  bool payload = false;            ///< Without it, payloads are "null".
};

/// Submits and manages jobs directly in Postgres. Each call blocks until it is answered.
///
/// Errors of every call: kUnavailable when Postgres cannot be reached or does not answer within
/// ClientConfig::timeout (the call may have been carried out: submit with an idempotency key, and
/// repeat it); kInvalidArgument, whose `field` names the wrong field, before anything is sent;
/// kSchemaOutdated and kSchemaNewer when the schema does not fit this library.
///
/// Thread-safety: any thread, any number of calls at once; the client has its own thread for I/O.
/// Destroy it when no call is under way. Do not use it after a fork.
class Client {
 public:
  /// Does not connect yet. Throws std::invalid_argument, naming the field, if `config` is wrong.
  explicit Client(ClientConfig config = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Stores the job; it is committed when this returns. With an idempotency key it may be repeated.
  Result<SubmittedJob> Submit(const NewJob& job);
  /// Stores all jobs or none, in the given order; at most 10,000.
  Result<std::vector<SubmittedJob>> SubmitBatch(const std::vector<NewJob>& jobs);

  /// Nothing if there is no such job.
  Result<std::optional<JobRecord>> Find(Uuid id);
  /// Returns the job once it has ended, or as it is after `timeout`; check HasEnded(job.status).
  /// Polls after 5 ms, then less and less often, up to every 250 ms.
  /// Errors: kNotFound.
  Result<JobRecord> Wait(Uuid id, std::chrono::milliseconds timeout);
  /// The failed attempts, oldest first; also empty if there is no such job.
  Result<std::vector<PastAttempt>> Attempts(Uuid id);
  Result<JobPage> List(const JobFilter& filter = {}, const ListOptions& options = {});

  /// Errors: kNotFound.
  Result<CancelOutcome> Cancel(Uuid id, std::string_view reason = {});
  /// Makes a job due at once. An ended job is queued again from attempt 0; a succeeded job only
  /// with `run_again`. Errors: kNotFound, kConflict for a job that is running or has succeeded, or
  /// that is unique while another job has its place.
  Result<JobRecord> Retry(Uuid id, bool run_again = false);
  /// Errors: kNotFound, kConflict for a job that is not waiting, or that is unique while another
  /// job has the place of the new payload.
  Result<JobRecord> Edit(Uuid id, const JobEdit& edit);
  /// Deletes an ended job. Errors: kNotFound, kConflict for a job that has not ended.
  Result<void> Purge(Uuid id);

  /// The queues that have waiting or running jobs, or a setting.
  Result<QueuePage> ListQueues(const QueueListOptions& options = {});
  /// Returns whether this changed anything. Running jobs continue; no job is claimed until
  /// ResumeQueue.
  Result<bool> PauseQueue(std::string_view queue);
  Result<bool> ResumeQueue(std::string_view queue);
  /// Limits how many jobs may wait; nothing: no limit. A full queue refuses submissions
  /// (kUnavailable).
  Result<void> SetQueueLimit(std::string_view queue, std::optional<int> max_backlog);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace djps
