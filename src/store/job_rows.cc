#include "store/job_rows.h"

#include "core/check.h"
#include "store/statements.h"

namespace djps::store {

static_assert(pg::StartWith(sql::find_jobs::kColumns, sql::find_job::kColumns));

JobRecord ReadJob(const pg::Row& row) {
  namespace columns = sql::find_job;
  JobRecord job;
  job.id = row.Get(columns::kId);
  job.type = row.Get(columns::kType);
  job.queue = row.Get(columns::kQueue);
  job.payload = row.Get(columns::kPayload);
  job.status = ReadStatus(row, columns::kStatus);
  job.priority = row.Get(columns::kPriority);
  job.run_at = row.Get(columns::kRunAt);
  job.attempts = row.Get(columns::kAttempts);
  job.max_attempts = row.Get(columns::kMaxAttempts);
  job.idempotency_key = row.Find(columns::kIdempotencyKey);
  job.created_at = row.Get(columns::kCreatedAt);
  job.updated_at = row.Get(columns::kUpdatedAt);
  job.finished_at = row.Find(columns::kFinishedAt);
  job.result = row.Find(columns::kResult);
  job.last_error = row.Find(columns::kLastError);
  job.tags = row.Find(columns::kTags);
  job.metadata = row.Find(columns::kMetadata);
  job.retry = row.Find(columns::kRetry);
  if (const auto ms = row.Find(columns::kTimeoutMs)) job.timeout = std::chrono::milliseconds(*ms);
  job.finish_by = row.Find(columns::kFinishBy);
  job.cancel_requested = row.Get(columns::kCancelRequested);
  return job;
}

JobStatus ReadStatus(const pg::Row& row, pg::ColumnAt<std::string> column) {
  const auto status = ParseStatus(row.Get(column));
  DJPS_CHECK(status.has_value());
  return *status;
}

std::vector<Uuid> ReadIds(const pg::Rows& rows, pg::ColumnAt<Uuid> column) {
  std::vector<Uuid> ids;
  ids.reserve(static_cast<std::size_t>(rows.size()));
  for (const pg::Row row : rows) ids.push_back(row.Get(column));
  return ids;
}

}  // namespace djps::store
