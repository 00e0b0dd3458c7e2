#include "store/progress_store.h"

#include "core/ids.h"
#include "store/statements.h"

namespace djps::store {

namespace asio = boost::asio;
using std::chrono::microseconds;

asio::awaitable<std::vector<Uuid>> ProgressStore::WriteProgress(
    const std::vector<JobProgress>& jobs, pg::Deadline deadline) {
  pg::Params params;
  params.Add(kLane);
  params.AddArray(jobs, [](const JobProgress& job) { return job.lease; });
  params.AddArray(jobs, [](const JobProgress& job) { return job.job; });
  params.AddArray(jobs, [](const JobProgress& job) { return job.percent; });
  params.AddArray(jobs, [](const JobProgress& job) { return job.message; });
  params.AddArray(jobs, [](const JobProgress& job) -> std::optional<pg::Json> {
    if (!job.checkpoint) return std::nullopt;
    return pg::Json{*job.checkpoint};
  });
  const pg::Rows rows = co_await pool_.Execute(sql::kWriteProgress, std::move(params), deadline);
  std::vector<Uuid> written;
  for (const pg::Row row : rows) written.push_back(row.Get<Uuid>(0));
  co_return written;
}

asio::awaitable<std::optional<LogPosition>> ProgressStore::WriteLogLines(
    Uuid lease, Uuid job, const std::vector<LogLine>& lines, pg::Deadline deadline) {
  pg::Params params;
  params.Add(kLane).Add(lease).Add(job);
  params.AddArray(lines, [](const LogLine& line) { return std::string_view(line.level); });
  params.AddArray(lines, [](const LogLine& line) { return std::string_view(line.message); });
  const pg::Rows rows = co_await pool_.Execute(sql::kWriteLogLines, std::move(params), deadline);
  if (rows.empty()) co_return std::nullopt;
  const pg::Row row = rows[0];
  co_return LogPosition{row.Get<std::int16_t>(0), row.Get<std::int32_t>(1)};
}

asio::awaitable<std::vector<StoredLogLine>> ProgressStore::ListLogLines(Uuid job,
                                                                        std::optional<int> attempt,
                                                                        int after, int limit,
                                                                        pg::Deadline deadline) {
  pg::Params params;
  params.Add(kLane).Add(job);
  params.Add(static_cast<std::int16_t>(attempt.value_or(0)));
  params.Add(static_cast<std::int32_t>(after)).Add(static_cast<std::int32_t>(limit));
  const pg::Rows rows = co_await pool_.Execute(sql::kListLogLines, std::move(params), deadline);
  std::vector<StoredLogLine> lines;
  for (const pg::Row row : rows) {
    lines.push_back({row.Get<std::int16_t>(0), row.Get<std::int32_t>(1), row.Get<Timestamp>(2),
                     row.Get<std::string>(3), row.Get<std::string>(4)});
  }
  co_return lines;
}

asio::awaitable<int> ProgressStore::PurgeProgress(std::chrono::milliseconds age, int limit,
                                                  pg::Deadline deadline) {
  pg::Params params;
  params.Add(kLane).Add(microseconds(age)).Add(static_cast<std::int32_t>(limit));
  const pg::Rows rows = co_await pool_.Execute(sql::kPurgeProgress, std::move(params), deadline);
  co_return rows[0].Get<std::int32_t>(0);
}

}  // namespace djps::store
