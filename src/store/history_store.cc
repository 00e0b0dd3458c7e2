#include "store/history_store.h"

#include "store/statements.h"

namespace djps::store {

namespace asio = boost::asio;
using std::chrono::microseconds;
using std::chrono::milliseconds;

asio::awaitable<std::string> HistoryStore::RunStep(int jobs, pg::Deadline deadline) {
  pg::Params params;
  params.Add(static_cast<std::int32_t>(jobs));
  const pg::Rows rows = co_await pool_.Execute(sql::kRunHistoryStep, std::move(params), deadline);
  co_return rows[0].Get(sql::run_history_step::kDone);
}

asio::awaitable<std::int64_t> HistoryStore::PurgeExpiredKeys(int limit, pg::Deadline deadline) {
  pg::Params params;
  params.Add(static_cast<std::int32_t>(limit));
  const pg::Rows rows = co_await pool_.Execute(sql::kPurgeExpiredKeys, std::move(params), deadline);
  const auto deleted = rows[0].Get(sql::purge_expired_keys::kDeleted);
  co_return deleted;
}

asio::awaitable<std::int64_t> HistoryStore::PurgeAudit(int limit, pg::Deadline deadline) {
  pg::Params params;
  params.Add(static_cast<std::int32_t>(limit));
  const pg::Rows rows = co_await pool_.Execute(sql::kPurgeAudit, std::move(params), deadline);
  const auto deleted = rows[0].Get(sql::purge_audit::kDeleted);
  co_return deleted;
}

asio::awaitable<std::optional<milliseconds>> HistoryStore::AuditRetention(pg::Deadline deadline) {
  const pg::Rows rows = co_await pool_.Execute(sql::kFindAuditRetention, {}, deadline);
  const auto keep_ms = rows[0].Find(sql::find_audit_retention::kKeepMs);
  co_return keep_ms ? std::optional(milliseconds(*keep_ms)) : std::nullopt;
}

asio::awaitable<bool> HistoryStore::SetAuditRetention(std::optional<milliseconds> keep,
                                                      const std::string& actor,
                                                      pg::Deadline deadline) {
  pg::Params params;
  params.Add(keep ? std::optional(microseconds(*keep)) : std::nullopt).Add(actor);
  const pg::Rows rows =
      co_await pool_.Execute(sql::kSetAuditRetention, std::move(params), deadline);
  const bool changed = rows[0].Get(sql::set_audit_retention::kChanged);
  co_return changed;
}

asio::awaitable<std::vector<RetentionRule>> HistoryStore::ListRetention(pg::Deadline deadline) {
  namespace columns = sql::list_retention;
  const pg::Rows rows = co_await pool_.Execute(sql::kListRetention, {}, deadline);
  std::vector<RetentionRule> rules;
  for (const pg::Row row : rows) {
    RetentionRule rule;
    rule.queue = row.Get(columns::kQueue);
    rule.status = ParseStatus(row.Get(columns::kStatus)).value_or(JobStatus::kSucceeded);
    const auto keep_ms = row.Find(columns::kKeepMs);
    if (keep_ms) rule.keep = milliseconds(*keep_ms);
    rules.push_back(std::move(rule));
  }
  co_return rules;
}

asio::awaitable<bool> HistoryStore::SetRetention(const RetentionRule& rule, bool inherit,
                                                 const std::string& actor, pg::Deadline deadline) {
  pg::Params params;
  params.Add(rule.queue).Add(StatusName(rule.status));
  params.Add(rule.keep ? std::optional(microseconds(*rule.keep)) : std::nullopt);
  params.Add(inherit).Add(actor);
  const pg::Rows rows = co_await pool_.Execute(sql::kSetRetention, std::move(params), deadline);
  const bool changed = rows[0].Get(sql::set_retention::kChanged);
  co_return changed;
}

}  // namespace djps::store
