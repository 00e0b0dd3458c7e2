#include "store/state_store.h"

#include <utility>

#include "core/check.h"
#include "core/ids.h"
#include "store/statements.h"

namespace djps::store {
namespace {

namespace asio = boost::asio;

JobStatus ReadStatus(std::string_view name) {
  const auto status = ParseStatus(name);
  DJPS_CHECK(status.has_value());
  return *status;
}

}  // namespace

asio::awaitable<std::vector<PastAttempt>> StateStore::ListAttempts(Uuid id, pg::Deadline deadline) {
  pg::Params params;
  params.Add(id).Add(std::int32_t{kAttemptsShownMax});
  const pg::Rows rows = co_await pool_.Execute(sql::kListAttempts, std::move(params), deadline);
  std::vector<PastAttempt> attempts;
  for (const pg::Row row : rows) {
    attempts.push_back({.number = row.Get<std::int16_t>(0),
                        .worker = row.Get<std::string>(1),
                        .started_at = row.Get<Timestamp>(2),
                        .ended_at = row.Get<Timestamp>(3),
                        .error_class = row.Get<std::string>(4),
                        .message = row.Get<std::string>(5),
                        .detail = row.Get<std::string>(6)});
  }
  co_return attempts;
}

asio::awaitable<std::vector<WatchedJob>> StateStore::WatchJobs(const std::vector<Uuid>& ids,
                                                               pg::Deadline deadline) {
  pg::Params params;
  params.Add(kLane);
  params.AddArray(ids, [](const Uuid& id) { return id; });
  const pg::Rows rows = co_await pool_.Execute(sql::kWatchJobs, std::move(params), deadline);
  std::vector<WatchedJob> jobs;
  jobs.reserve(static_cast<std::size_t>(rows.size()));
  for (const pg::Row row : rows) {
    jobs.push_back(
        {row.Get<Uuid>(0), {ReadStatus(row.Get<std::string_view>(1)), row.Get<std::int16_t>(2)}});
  }
  co_return jobs;
}

asio::awaitable<std::optional<JobReason>> StateStore::ExplainJob(Uuid id, pg::Deadline deadline) {
  pg::Params params;
  params.Add(kLane).Add(id).Add(std::int32_t{kAheadCountMax});
  const pg::Rows rows = co_await pool_.Execute(sql::kExplainJob, std::move(params), deadline);
  if (rows.empty()) co_return std::nullopt;
  const pg::Row row = rows[0];
  JobReason reason;
  reason.reason = row.Get<std::string>(0);
  reason.status = ReadStatus(row.Get<std::string_view>(1));
  reason.queue = row.Get<std::string>(2);
  reason.type = row.Get<std::string>(3);
  reason.attempt = row.Get<std::int16_t>(4);
  reason.worker = row.Find<std::string>(5).value_or("");
  reason.until = row.Find<Timestamp>(6);
  reason.ahead = row.Find<std::int64_t>(7);
  reason.ahead_exact = row.Find<bool>(8).value_or(true);
  reason.estimate_ms = row.Find<std::int64_t>(9);
  co_return reason;
}

}  // namespace djps::store
