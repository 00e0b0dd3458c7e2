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
  /// Who did it, in the audit trail of jobs and queues. Empty: host name and process id.
  std::string name = {};
  /// No call takes longer, 100 ms..30 s; but Wait, which takes as long as it is told besides.
  std::chrono::milliseconds timeout{10'000};
  /// Connections to Postgres, 1..64. Each carries any number of calls at once. There is one more
  /// for calls that have to wait for somebody's transaction, from the first such call on.
  std::size_t connections = 1;
};

enum class CancelOutcome {
  kCanceled,   ///< It waited, and will never run.
  kRequested,  ///< It runs; its worker is being told to stop.
  kHadEnded,   ///< Nothing was changed: it had ended before.
};

/// Jobs, the newest first.
struct JobPage {
  std::vector<JobRecord> jobs;
  /// ListOptions::after of the next page; nothing at the end of the list. A page may be short, or
  /// empty, and have a next one: a call looks at 20,000 jobs at most.
  std::optional<Uuid> next = {};
};

struct ListOptions {
  std::optional<Uuid> after = {};  ///< JobPage::next of the page before.
  int limit = 100;                 ///< 1..1000
  bool payload = false;            ///< Without it, payloads are "null".
};

/// Submits jobs and looks after them, straight in Postgres. Each call blocks until it is answered.
///
/// Errors of every call: kUnavailable when Postgres cannot be reached or does not answer within
/// ClientConfig::timeout (then what was asked for may have been done all the same: submit with an
/// idempotency key, and repeat it); kInvalidArgument, whose `field` names what is wrong, before
/// anything is sent; kSchemaOutdated and kSchemaNewer when the database is not this library's.
///
/// Thread-safety: any thread, any number at once; a thread of the client's own does the sending.
/// Destroy it when no call is under way. Not to be used across a fork.
class Client {
 public:
  /// Does not connect yet. Throws std::invalid_argument naming the field when `config` is wrong.
  explicit Client(ClientConfig config = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Stores the job: with the answer it is committed. With an idempotency key it may be repeated.
  Result<SubmittedJob> Submit(const NewJob& job);
  /// All of them or none, in the order given; at most 10,000.
  Result<std::vector<SubmittedJob>> SubmitBatch(const std::vector<NewJob>& jobs);

  /// Nothing: there is no such job.
  Result<std::optional<JobRecord>> Find(Uuid id);
  /// Returns when the job has ended, or as it is after `timeout`: HasEnded(job.status) tells.
  /// Looks 5 ms after it began, then ever more seldom, each 250 ms at last.
  /// Errors: kNotFound.
  Result<JobRecord> Wait(Uuid id, std::chrono::milliseconds timeout);
  /// The failed attempts, oldest first; none also where there is no such job.
  Result<std::vector<PastAttempt>> Attempts(Uuid id);
  Result<JobPage> List(const JobFilter& filter = {}, const ListOptions& options = {});

  /// Errors: kNotFound.
  Result<CancelOutcome> Cancel(Uuid id, std::string_view reason = {});
  /// Due at once; a job that had ended begins again from attempt 0, one that succeeded only with
  /// `run_again`. Errors: kNotFound, kConflict for one that runs or succeeded, or is unique while
  /// another job has its place.
  Result<JobRecord> Retry(Uuid id, bool run_again = false);
  /// Errors: kNotFound, kConflict for a job that does not wait, or is unique while another job has
  /// the place of the new payload.
  Result<JobRecord> Edit(Uuid id, const JobEdit& edit);
  /// Deletes a job that has ended. Errors: kNotFound, kConflict for one that has not.
  Result<void> Purge(Uuid id);

  /// The queues that have waiting or running jobs, or a setting.
  Result<QueuePage> ListQueues(const QueueListOptions& options = {});
  /// Whether it was a change. Jobs that run go on; none is claimed until ResumeQueue.
  Result<bool> PauseQueue(std::string_view queue);
  Result<bool> ResumeQueue(std::string_view queue);
  /// How many jobs may wait before servers refuse more; nothing: any number. Submissions through
  /// a Client, as through SQL, are not refused.
  Result<void> SetQueueLimit(std::string_view queue, std::optional<int> max_backlog);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace djps
