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
  for (const pg::Row row : rows) written.push_back(row.Get(sql::write_progress::kId));
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
  co_return LogPosition{row.Get(sql::write_log_lines::kAttempt),
                        row.Get(sql::write_log_lines::kLastLine)};
}

asio::awaitable<LogPage> ProgressStore::ListLogLines(Uuid job, std::optional<int> attempt,
                                                     int after, int limit, pg::Deadline deadline) {
  namespace columns = sql::list_log_lines;
  pg::Params params;
  params.Add(kLane).Add(job);
  params.Add(static_cast<std::int16_t>(attempt.value_or(0)));
  params.Add(static_cast<std::int32_t>(after)).Add(static_cast<std::int32_t>(limit));
  params.Add(kLogPageBytesMax);
  const pg::Rows rows = co_await pool_.Execute(sql::kListLogLines, std::move(params), deadline);
  LogPage page;
  for (const pg::Row row : rows) {
    page.lines.push_back({row.Get(columns::kAttempt), row.Get(columns::kLine),
                          row.Get(columns::kAt), row.Get(columns::kLevel),
                          row.Get(columns::kMessage)});
    page.more = row.Get(columns::kFound) > rows.size();
  }
  co_return page;
}

asio::awaitable<int> ProgressStore::PurgeProgress(std::chrono::milliseconds age, int limit,
                                                  pg::Deadline deadline) {
  pg::Params params;
  params.Add(kLane).Add(microseconds(age)).Add(static_cast<std::int32_t>(limit));
  const pg::Rows rows = co_await pool_.Execute(sql::kPurgeProgress, std::move(params), deadline);
  co_return rows[0].Get(sql::purge_progress::kDeleted);
}

}  // namespace djps::store
