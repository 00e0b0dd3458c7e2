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
  co_return rows[0].Get<std::string>(0);
}

asio::awaitable<std::int64_t> HistoryStore::PurgeExpiredKeys(int limit, pg::Deadline deadline) {
  pg::Params params;
  params.Add(static_cast<std::int32_t>(limit));
  const pg::Rows rows = co_await pool_.Execute(sql::kPurgeExpiredKeys, std::move(params), deadline);
  const auto deleted = rows[0].Get<std::int64_t>(0);
  co_return deleted;
}

asio::awaitable<std::vector<RetentionRule>> HistoryStore::ListRetention(pg::Deadline deadline) {
  const pg::Rows rows = co_await pool_.Execute(sql::kListRetention, {}, deadline);
  std::vector<RetentionRule> rules;
  for (const pg::Row row : rows) {
    RetentionRule rule;
    rule.queue = row.Get<std::string>(0);
    rule.status = ParseStatus(row.Get<std::string_view>(1)).value_or(JobStatus::kSucceeded);
    const auto keep_ms = row.Find<std::int64_t>(2);
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
  const bool changed = rows[0].Get<bool>(0);
  co_return changed;
}

}  // namespace djps::store
