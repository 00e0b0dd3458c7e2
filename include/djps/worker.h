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

/// One claimed job, as a handler sees it.
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
  /// What an earlier attempt saved, JSON text.
  std::optional<std::string> checkpoint = {};
  std::shared_ptr<worker::JobNotes> notes = {};  ///< Where what follows goes.

  // What a handler says about the job while it runs. Each returns at once, from any thread: it is
  // sent within half a second, and before the outcome; where that fails it is lost.

  /// Shown with the job. `percent` 0..100; `message` is cut to 1 KiB.
  void ReportProgress(double percent, std::string_view message = {}) const;
  /// The next attempt gets the last one saved. Throws std::invalid_argument when `json` is not JSON
  /// or longer than 64 KiB.
  void SaveCheckpoint(std::string_view json) const;
  /// A line of the job's log, cut to 4 KiB; the last 1,000 of an attempt are kept.
  void Log(LogLevel level, std::string_view message) const;
};

/// Runs on a thread of its own pool; may block, may throw.
using Handler = std::function<Outcome(const Job&)>;

/// Runs on the worker's I/O thread; must not block it. May throw. `job` lives until it returns.
using CoroutineHandler = std::function<boost::asio::awaitable<Outcome>(const Job& job)>;

/// What holds for all jobs of one handler that do not say it themselves.
struct HandlerOptions {
  std::optional<RetryPolicy> retry = {};  ///< Empty: the type's policy, or the default.
  /// An attempt that runs longer ends as failed with the class "timeout". Empty: WorkerConfig's.
  std::optional<std::chrono::milliseconds> timeout = {};
};

struct WorkerConfig {
  /// A libpq connection string or URI. Empty: DATABASE_URL, else the PG* variables.
  std::string database_url = {};
  /// Shown to people and kept with failed attempts; no two workers may have the same. 1..128 bytes
  /// of UTF-8 without control characters. Empty: host name, process id, something random, and the
  /// queue if it is not the default one.
  std::string name = {};
  std::string queue{kDefaultQueue};  ///< Characters as in NewJob::queue.
  /// Jobs run at once, 1..10000.
  std::size_t concurrency = 16;
  /// How long a claim holds without a heartbeat, 1 s..24 h. Heartbeats go out every third of it.
  std::chrono::milliseconds lease{10'000};
  /// An attempt that runs longer ends as failed with the class "timeout". Zero: no limit.
  std::chrono::milliseconds timeout{0};
  /// How long Stop waits for running jobs before it stops them and hands them back, attempt not
  /// counted. A program that ignores SIGTERM takes 5 s more, so that by default all is written
  /// before the 30 s are over after which Kubernetes kills a container.
  std::chrono::milliseconds grace{20'000};
  /// The longest wait between two looks at an empty queue, 1 ms..1 min; up to 16 times that where
  /// other idle workers look for the same jobs.
  std::chrono::milliseconds poll_interval_max{500};
};

/// Why Worker::Run could not begin: the database is there, and would not do.
class WorkerError : public std::runtime_error {
 public:
  explicit WorkerError(Error error) : runtime_error(error.message), error_(std::move(error)) {}

  /// Its code is kUnavailable when the server refuses the role, the password or the database;
  /// kSchemaOutdated, kSchemaNewer or kSchemaChanged when the schema is not the one that this
  /// library was built for; kInternal for all else that Postgres says.
  const Error& error() const { return error_; }

 private:
  Error error_;
};

/// Claims jobs of the types it has handlers for, runs them, and reports the outcomes.
///
/// Execution is at least once: a worker that dies is noticed by the others when its lease expires.
/// Thread-safety: Handle before Run; Stop from any thread or from a handler, not from a signal
/// handler (Run takes care of SIGINT and SIGTERM itself).
class Worker {
 public:
  /// Throws std::invalid_argument naming the field when `config` is out of range.
  explicit Worker(WorkerConfig config = {});
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Registers what runs jobs of `type`. Throws std::invalid_argument for a type named twice, or
  /// one that no job can have (NewJob::type).
  void Handle(std::string type, Handler handler, HandlerOptions options = {});
  void HandleAsync(std::string type, CoroutineHandler handler, HandlerOptions options = {});

  /// Works until Stop, SIGINT or SIGTERM, then drains: running jobs get `grace` to finish, what is
  /// left then is handed back unharmed. A second signal ends the grace at once.
  ///
  /// A database that cannot be reached is waited for. Throws WorkerError when it can be reached at
  /// the start, and refuses this worker or has another schema; std::invalid_argument without a
  /// handler, or for a connection string that is not valid.
  void Run();

  /// Asks Run to drain and return. Safe to call more than once.
  void Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace djps
