#include "store/job_rows.h"

#include "core/check.h"

namespace djps::store {

JobRecord ReadJob(const pg::Row& row) {
  JobRecord job;
  job.id = row.Get<Uuid>(0);
  job.type = row.Get<std::string>(1);
  job.queue = row.Get<std::string>(2);
  job.payload = row.Get<pg::Json>(3).text;
  const auto status = ParseStatus(row.Get<std::string_view>(4));
  DJPS_CHECK(status.has_value());
  job.status = *status;
  job.priority = row.Get<std::int16_t>(5);
  job.run_at = row.Get<Timestamp>(6);
  job.attempts = row.Get<std::int16_t>(7);
  job.max_attempts = row.Get<std::int16_t>(8);
  job.idempotency_key = row.Find<std::string>(9);
  job.created_at = row.Get<Timestamp>(10);
  job.updated_at = row.Get<Timestamp>(11);
  job.finished_at = row.Find<Timestamp>(12);
  if (const auto result = row.Find<pg::Json>(13)) job.result = result->text;
  if (const auto error = row.Find<pg::Json>(14)) job.last_error = error->text;
  if (const auto tags = row.Find<pg::Json>(15)) job.tags = tags->text;
  if (const auto metadata = row.Find<pg::Json>(16)) job.metadata = metadata->text;
  if (const auto retry = row.Find<pg::Json>(17)) job.retry = retry->text;
  if (const auto ms = row.Find<std::int32_t>(18)) job.timeout = std::chrono::milliseconds(*ms);
  job.finish_by = row.Find<Timestamp>(19);
  job.cancel_requested = row.Get<bool>(20);
  return job;
}

std::vector<Uuid> ReadIds(const pg::Rows& rows) {
  std::vector<Uuid> ids;
  ids.reserve(static_cast<std::size_t>(rows.size()));
  for (const pg::Row row : rows) ids.push_back(row.Get<Uuid>(0));
  return ids;
}

}  // namespace djps::store
