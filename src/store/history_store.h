#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "djps/job.h"
#include "pg/pool.h"

namespace djps::store {

/// The name that stands for all queues without their own rule.
inline constexpr std::string_view kEveryQueue = "*";

/// How long ended jobs of one queue and status are kept.
struct RetentionRule {
  std::string queue;
  JobStatus status = JobStatus::kSucceeded;
  std::optional<std::chrono::milliseconds> keep;  ///< Since the job ended; nothing: for ever.
};

/// Retention rules, and the steps that delete expired jobs: typed calls over src/store/sql/history.
/// Calls throw pg::PgError.
class HistoryStore {
 public:
  explicit HistoryStore(pg::Pool& pool) : pool_(pool) {}

  /// One step of throwing away what is past its retention, over at most `jobs` jobs. What it did:
  /// "idle", "busy", "locked", ...: see djps.history_step.
  boost::asio::awaitable<std::string> RunStep(int jobs, pg::Deadline deadline);

  /// Deletes keys whose own lifetime is over, at most `limit` of each kind; gives back how many.
  boost::asio::awaitable<std::int64_t> PurgeExpiredKeys(int limit, pg::Deadline deadline);

  boost::asio::awaitable<std::vector<RetentionRule>> ListRetention(pg::Deadline deadline);

  /// Deletes entries of the audit that are past their retention, at most `limit`, and at most
  /// `limit` lists of their jobs; gives back how many rows, 0 where there are none.
  boost::asio::awaitable<std::int64_t> PurgeAudit(int limit, pg::Deadline deadline);

  /// How long entries of the audit are kept; nothing: for ever.
  boost::asio::awaitable<std::optional<std::chrono::milliseconds>> AuditRetention(
      pg::Deadline deadline);

  /// Whether it was a change.
  boost::asio::awaitable<bool> SetAuditRetention(std::optional<std::chrono::milliseconds> keep,
                                                 const std::string& actor, pg::Deadline deadline);

  /// Sets a rule, or with `inherit` takes a queue's own away. Whether it was a change.
  boost::asio::awaitable<bool> SetRetention(const RetentionRule& rule, bool inherit,
                                            const std::string& actor, pg::Deadline deadline);

 private:
  pg::Pool& pool_;
};

}  // namespace djps::store
