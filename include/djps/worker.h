#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "djps/error.h"
#include "djps/job.h"
#include "djps/outcome.h"
#include "djps/retry_policy.h"
#include "djps/uuid.h"

namespace djps {

namespace worker {
class JobNotes;
}  // namespace worker

enum class LogLevel { kDebug, kInfo, kWarn, kError };

/// One claimed job, for its handler.
struct Job {
  Uuid id;
  std::string type;
  std::string queue;
  std::string payload;  ///< JSON text.
  std::int16_t priority = 0;
  int attempt = 1;  ///< 1 on the first run.
  int max_attempts = kDefaultMaxAttempts;
  std::optional<std::string> idempotency_key;
  std::optional<std::string> metadata;  ///< JSON text.
  std::vector<std::string> tags = {};
  Timestamp created_at{};
  Uuid lease_token;  ///< The fencing token under which this attempt may write.
  std::stop_token
      stop;  ///< Requested when the attempt must end: canceled, timeout, lost lease, stop.
  /// The checkpoint of an earlier attempt, JSON text.
  std::optional<std::string> checkpoint = {};
  std::shared_ptr<worker::JobNotes> notes = {};  ///< Receives the reports below.

  // Reports of a running handler. They return at once, from any thread. The worker sends them
  // within half a second, and before the outcome; if that fails, they are lost.

  /// Shown with the job. `percent` 0..100; `message` is cut to 1 KiB.
  void ReportProgress(double percent, std::string_view message = {}) const;
  /// The next attempt gets the last saved one. Throws std::invalid_argument when `json` is not JSON
  /// or longer than 64 KiB.
  void SaveCheckpoint(std::string_view json) const;
  /// A line of the job's log, cut to 4 KiB; the last 1,000 of an attempt are kept.
  void Log(LogLevel level, std::string_view message) const;
};

/// Runs on a thread of the worker's pool; may block, may throw.
using Handler = std::function<Outcome(const Job&)>;

/// Runs on the worker's I/O thread; must not block it. May throw. `job` lives until it returns.
using CoroutineHandler = std::function<boost::asio::awaitable<Outcome>(const Job& job)>;

/// Defaults for the jobs of one handler; a job's own settings take precedence.
struct HandlerOptions {
  std::optional<RetryPolicy> retry = {};  ///< Empty: the type's policy, or the default.
  /// An attempt that runs longer ends as failed with the class "timeout". Empty: WorkerConfig's.
  std::optional<std::chrono::milliseconds> timeout = {};
};

struct WorkerConfig {
  /// A libpq connection string or URI. Empty: DATABASE_URL, else the PG* variables.
  std::string database_url = {};
  /// Shown to people and stored with failed attempts; must be unique among workers. 1..128 bytes
  /// of UTF-8 without control characters. Empty: host name, process id, a random part, and the
  /// queue if it is not the default one.
  std::string name = {};
  std::string queue{kDefaultQueue};  ///< Characters as in NewJob::queue.
  /// Jobs run at once, 1..10000.
  std::size_t concurrency = 16;
  /// How long a claim holds without a heartbeat, 1 s..24 h. A heartbeat is sent every third of it.
  std::chrono::milliseconds lease{10'000};
  /// An attempt that runs longer ends as failed with the class "timeout". Zero: no limit.
  std::chrono::milliseconds timeout{0};
  /// How long Stop waits for running jobs before it stops them and hands them back; the attempts do
  /// not count. A program that ignores SIGTERM takes 5 s more. With the default, everything is
  /// written within the 30 s after which Kubernetes kills a container.
  std::chrono::milliseconds grace{20'000};
  /// The longest wait between two polls of an empty queue, 1 ms..1 min; up to 16 times that if
  /// other idle workers poll for the same jobs.
  std::chrono::milliseconds poll_interval_max{500};
};

/// Why Worker::Run could not begin although the database was reached.
class WorkerError : public std::runtime_error {
 public:
  explicit WorkerError(Error error) : runtime_error(error.message), error_(std::move(error)) {}

  /// Its code is kUnavailable when the server refuses the role, the password or the database;
  /// kSchemaOutdated, kSchemaNewer or kSchemaChanged when the schema is not the one that this
  /// library was built for; kInternal for other errors of Postgres.
  const Error& error() const { return error_; }

 private:
  Error error_;
};

/// Claims jobs of the types that it has handlers for, runs them, and reports the outcomes.
///
/// Execution is at least once: when a worker dies, its leases expire and other workers run its
/// jobs.
/// Thread-safety: Handle before Run; Stop from any thread or from a handler, not from a signal
/// handler (Run handles SIGINT and SIGTERM itself).
class Worker {
 public:
  /// Throws std::invalid_argument naming the field when `config` is out of range.
  explicit Worker(WorkerConfig config = {});
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Registers the handler for jobs of `type`. Throws std::invalid_argument if the type has a
  /// handler already, or if no job can have it (NewJob::type).
  void Handle(std::string type, Handler handler, HandlerOptions options = {});
  void HandleAsync(std::string type, CoroutineHandler handler, HandlerOptions options = {});

  /// Works until Stop, SIGINT or SIGTERM, then drains: running jobs get `grace` to finish, and the
  /// rest are handed back; their attempts do not count. A second signal ends the grace at once.
  ///
  /// Waits while the database cannot be reached. Throws WorkerError if, at the start, the database
  /// refuses this worker or has another schema; std::invalid_argument without a handler or with an
  /// invalid connection string.
  void Run();

  /// Asks Run to drain and return. Safe to call more than once.
  void Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace djps
