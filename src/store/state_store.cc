#include "store/state_store.h"

#include <utility>

#include "core/ids.h"
#include "store/job_rows.h"
#include "store/statements.h"

namespace djps::store {

namespace asio = boost::asio;

asio::awaitable<std::vector<PastAttempt>> StateStore::ListAttempts(Uuid id, pg::Deadline deadline) {
  namespace columns = sql::list_attempts;
  pg::Params params;
  params.Add(id).Add(std::int32_t{kAttemptsShownMax}).Add(kAttemptsBytesMax);
  const pg::Rows rows = co_await pool_.Execute(sql::kListAttempts, std::move(params), deadline);
  std::vector<PastAttempt> attempts;
  for (const pg::Row row : rows) {
    attempts.push_back({.number = row.Get(columns::kAttempt),
                        .worker = row.Get(columns::kWorker),
                        .started_at = row.Get(columns::kStartedAt),
                        .ended_at = row.Get(columns::kEndedAt),
                        .error_class = row.Get(columns::kErrorClass),
                        .message = row.Get(columns::kMessage),
                        .detail = row.Get(columns::kDetail)});
  }
  co_return attempts;
}

asio::awaitable<std::vector<WatchedJob>> StateStore::WatchJobs(const std::vector<Uuid>& ids,
                                                               pg::Deadline deadline) {
  namespace columns = sql::watch_jobs;
  pg::Params params;
  params.Add(kLane);
  params.AddArray(ids, [](const Uuid& id) { return id; });
  const pg::Rows rows = co_await pool_.Execute(sql::kWatchJobs, std::move(params), deadline);
  std::vector<WatchedJob> jobs;
  jobs.reserve(static_cast<std::size_t>(rows.size()));
  for (const pg::Row row : rows) {
    jobs.push_back(
        {row.Get(columns::kId), {ReadStatus(row, columns::kStatus), row.Get(columns::kAttempts)}});
  }
  co_return jobs;
}

asio::awaitable<std::optional<JobReason>> StateStore::ExplainJob(Uuid id, pg::Deadline deadline) {
  namespace columns = sql::explain_job;
  pg::Params params;
  params.Add(kLane).Add(id).Add(std::int32_t{kAheadCountMax});
  const pg::Rows rows = co_await pool_.Execute(sql::kExplainJob, std::move(params), deadline);
  if (rows.empty()) co_return std::nullopt;
  const pg::Row row = rows[0];
  JobReason reason;
  reason.reason = row.Get(columns::kReason);
  reason.status = ReadStatus(row, columns::kStatus);
  reason.queue = row.Get(columns::kQueue);
  reason.type = row.Get(columns::kType);
  reason.attempt = row.Get(columns::kAttempt);
  reason.worker = row.Find(columns::kWorker).value_or("");
  reason.until = row.Find(columns::kUntil);
  reason.ahead = row.Find(columns::kAhead);
  reason.ahead_exact = row.Find(columns::kAheadExact).value_or(true);
  reason.estimate_ms = row.Find(columns::kEstimateMs);
  co_return reason;
}

}  // namespace djps::store
