#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "djps/job.h"
#include "pg/pool.h"

namespace djps::store {

/// A report of a worker about itself. Empty members stay unchanged.
struct WorkerReport {
  std::string name;
  std::string kind;  ///< "http" or "native"
  std::optional<std::string> host = {};
  std::optional<std::int32_t> pid = {};
  std::vector<std::string> queues = {};
  std::vector<std::string> types = {};
  std::optional<std::int32_t> capacity = {};
  std::optional<std::int32_t> running = {};
  std::string version = {};
};

/// A worker, for display.
struct WorkerRecord {
  std::string name;
  std::string kind;
  std::optional<std::string> host;
  std::optional<int> pid;
  std::string queues;  ///< JSON text, as types and jobs.
  std::string types;
  std::optional<int> capacity;
  int running = 0;
  std::string version;
  Timestamp started_at{};
  Timestamp last_seen_at{};
  std::string jobs;
};

/// The number of native workers that reported within the last half minute.
struct WorkerCount {
  int everywhere = 0;
  int alike = 0;  ///< Those that can run all types of the caller.
  int free = 0;   ///< Those of them that had a free slot.
};

/// The list of workers: typed calls over src/store/sql/workers. They throw pg::PgError.
class WorkerStore {
 public:
  explicit WorkerStore(pg::Pool& pool) : pool_(pool) {}

  boost::asio::awaitable<void> ReportWorkers(const std::vector<WorkerReport>& workers,
                                             pg::Deadline deadline);
  boost::asio::awaitable<WorkerCount> CountWorkers(const std::string& queue,
                                                   const std::vector<std::string>& types,
                                                   pg::Deadline deadline);
  boost::asio::awaitable<void> RemoveWorker(const WorkerReport& worker, pg::Deadline deadline);
  /// Gives back how many.
  boost::asio::awaitable<int> ForgetWorkers(std::chrono::milliseconds silence,
                                            pg::Deadline deadline);
  boost::asio::awaitable<std::vector<WorkerRecord>> ListWorkers(std::chrono::milliseconds within,
                                                                int limit, pg::Deadline deadline);

 private:
  pg::Pool& pool_;
};

}  // namespace djps::store
