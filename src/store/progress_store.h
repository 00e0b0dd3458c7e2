#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "djps/job.h"
#include "djps/uuid.h"
#include "pg/pool.h"

namespace djps::store {

/// Limits per job. Store larger data elsewhere, and its address here.
inline constexpr std::size_t kProgressMessageBytesMax = 1024;
inline constexpr std::size_t kCheckpointBytesMax = std::size_t{64} << 10U;
inline constexpr std::size_t kLogLinesMax = 1'000;  ///< A call, and kept per attempt.
inline constexpr std::size_t kLogLineBytesMax = std::size_t{4} << 10U;

/// The progress of a running job. Empty members stay unchanged.
struct JobProgress {
  Uuid lease;
  Uuid job;
  std::optional<double> percent = {};  ///< 0..100
  std::optional<std::string> message = {};
  std::optional<std::string> checkpoint = {};  ///< JSON text, for the next attempt.
};

struct LogLine {
  std::string level;  ///< debug, info, warn or error
  std::string message;
};

struct LogPosition {
  int attempt = 0;
  int last_line = 0;
};

/// The messages of one page of a log have so many bytes as JSON, or it has one line.
inline constexpr std::int32_t kLogPageBytesMax = 4 << 20;

struct StoredLogLine {
  int attempt = 0;
  int line = 0;
  Timestamp at{};
  std::string level;
  std::string message;
};

struct LogPage {
  std::vector<StoredLogLine> lines = {};
  bool more = false;  ///< There are lines behind these.
};

/// Progress and logs of running jobs: typed calls over src/store/sql/progress. Writes are fenced
/// like outcomes. Calls throw pg::PgError.
class ProgressStore {
 public:
  explicit ProgressStore(pg::Pool& pool) : pool_(pool) {}

  /// No job twice. Gives back the ids that were still held. Throws PgError with bad_value() for a
  /// checkpoint that jsonb cannot hold.
  boost::asio::awaitable<std::vector<Uuid>> WriteProgress(const std::vector<JobProgress>& jobs,
                                                          pg::Deadline deadline);

  /// Nothing: the lease is lost.
  boost::asio::awaitable<std::optional<LogPosition>> WriteLogLines(
      Uuid lease, Uuid job, const std::vector<LogLine>& lines, pg::Deadline deadline);

  /// The lines after `after` of an attempt; by default of the latest attempt with lines. Up to
  /// `limit`, or fewer where they have kLogPageBytesMax.
  boost::asio::awaitable<LogPage> ListLogLines(Uuid job, std::optional<int> attempt, int after,
                                               int limit, pg::Deadline deadline);

  /// Deletes what finished jobs older than `age` left, up to `limit` rows of a table; gives back
  /// how many went.
  boost::asio::awaitable<int> PurgeProgress(std::chrono::milliseconds age, int limit,
                                            pg::Deadline deadline);

 private:
  pg::Pool& pool_;
};

}  // namespace djps::store
