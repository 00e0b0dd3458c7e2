#include "store/operator_store.h"

#include "core/check.h"
#include "store/job_rows.h"
#include "store/statements.h"

namespace djps::store {
namespace {

namespace asio = boost::asio;

/// The lane, the jobs and the statuses to touch: how several statements begin.
pg::Params JobsInStatus(const std::vector<Uuid>& ids, const std::vector<JobStatus>& from) {
  pg::Params params;
  params.Add(kLane);
  params.AddArray(ids, [](const Uuid& id) { return id; });
  params.AddArray(from, [](JobStatus status) { return StatusName(status); });
  return params;
}

}  // namespace

asio::awaitable<std::int64_t> OperatorStore::OpenBulk(const BulkAction& bulk,
                                                      const std::string& actor,
                                                      pg::Deadline deadline) {
  pg::Params params;
  params.Add(bulk.audit).Add(actor).Add(bulk.action).Add(pg::Json{bulk.detail});
  const pg::Rows rows = co_await pool_.Execute(sql::kOpenBulk, std::move(params), deadline);
  DJPS_CHECK(rows.size() == 1);
  const std::int64_t id = rows[0].Get(sql::open_bulk::kId);
  co_return id;
}

asio::awaitable<std::vector<CanceledJob>> OperatorStore::CancelJobs(
    const std::vector<Uuid>& ids, const std::string& actor,
    const std::optional<std::string>& reason, pg::Deadline deadline,
    std::optional<std::int64_t> audit) {
  pg::Params params;
  params.Add(kLane);
  params.AddArray(ids, [](const Uuid& id) { return id; });
  params.Add(actor).Add(reason).Add(audit);
  const pg::Rows rows = co_await waiting_.Execute(sql::kCancelJobs, std::move(params), deadline);
  std::vector<CanceledJob> canceled;
  for (const pg::Row row : rows)
    canceled.push_back({row.Get(sql::cancel_jobs::kId), row.Get(sql::cancel_jobs::kState)});
  co_return canceled;
}

asio::awaitable<std::vector<RetriedJob>> OperatorStore::RetryJobs(
    const std::vector<Uuid>& ids, const std::vector<JobStatus>& from, const std::string& actor,
    pg::Deadline deadline, std::optional<std::int64_t> audit) {
  pg::Params params = JobsInStatus(ids, from);
  params.Add(actor).Add(audit);
  namespace columns = sql::retry_jobs;
  const pg::Rows rows = co_await waiting_.Execute(sql::kRetryJobs, std::move(params), deadline);
  std::vector<RetriedJob> retried;
  for (const pg::Row row : rows)
    retried.push_back(
        {row.Get(columns::kId), ReadStatus(row, columns::kWas), row.Find(columns::kHeldBy)});
  co_return retried;
}

asio::awaitable<EditedJob> OperatorStore::EditJob(Uuid id, const JobEdit& edit,
                                                  const std::string& actor, pg::Deadline deadline) {
  pg::Params params;
  params.Add(kLane).Add(id).Add(edit.priority).Add(edit.run_at);
  params.Add(edit.payload ? std::optional(pg::Json{*edit.payload}) : std::nullopt);
  params.Add(edit.max_attempts ? std::optional(static_cast<std::int16_t>(*edit.max_attempts))
                               : std::nullopt);
  params.Add(actor);
  const pg::Rows rows = co_await waiting_.Execute(sql::kEditJob, std::move(params), deadline);
  co_return EditedJob{.changed = rows[0].Get(sql::edit_job::kChanged),
                      .held_by = rows[0].Find(sql::edit_job::kHeldBy)};
}

asio::awaitable<std::vector<Uuid>> OperatorStore::PurgeJobs(const std::vector<Uuid>& ids,
                                                            const std::vector<JobStatus>& from,
                                                            const std::string& actor,
                                                            pg::Deadline deadline,
                                                            std::optional<std::int64_t> audit) {
  pg::Params params = JobsInStatus(ids, from);
  params.Add(actor).Add(audit);
  co_return ReadIds(co_await waiting_.Execute(sql::kPurgeJobs, std::move(params), deadline),
                    sql::purge_jobs::kId);
}

asio::awaitable<std::vector<Uuid>> OperatorStore::BuryOverdue(int limit, pg::Deadline deadline) {
  pg::Params params;
  params.Add(kLane).Add(static_cast<std::int32_t>(limit));
  co_return ReadIds(co_await pool_.Execute(sql::kBuryOverdue, std::move(params), deadline),
                    sql::bury_overdue::kId);
}

asio::awaitable<bool> OperatorStore::SetQueuePaused(const std::string& queue, bool paused,
                                                    const std::string& actor,
                                                    pg::Deadline deadline) {
  pg::Params params;
  params.Add(kLane).Add(queue).Add(paused).Add(actor);
  const pg::Rows rows = co_await pool_.Execute(sql::kSetQueuePaused, std::move(params), deadline);
  const bool changed = rows[0].Get(sql::set_queue_paused::kChanged);
  co_return changed;
}

asio::awaitable<void> OperatorStore::SetQueueLimit(const std::string& queue,
                                                   std::optional<int> max_backlog,
                                                   const std::string& actor,
                                                   pg::Deadline deadline) {
  pg::Params params;
  params.Add(kLane).Add(queue);
  params.Add(max_backlog ? std::optional(static_cast<std::int32_t>(*max_backlog)) : std::nullopt);
  params.Add(actor);
  co_await pool_.Execute(sql::kSetQueueLimit, std::move(params), deadline);
}

asio::awaitable<std::vector<FullQueue>> OperatorStore::ListFullQueues(pg::Deadline deadline) {
  namespace columns = sql::list_full_queues;
  pg::Params params;
  params.Add(kLane);
  const pg::Rows rows = co_await pool_.Execute(sql::kListFullQueues, std::move(params), deadline);
  std::vector<FullQueue> full;
  for (const pg::Row row : rows)
    full.push_back({row.Get(columns::kName), row.Get(columns::kMaxBacklog)});
  co_return full;
}

asio::awaitable<bool> OperatorStore::SetRetryPolicy(const std::string& type,
                                                    const std::optional<std::string>& policy,
                                                    const std::string& actor,
                                                    pg::Deadline deadline) {
  pg::Params params;
  params.Add(type);
  params.Add(policy ? std::optional(pg::Json{*policy}) : std::nullopt).Add(actor);
  const pg::Rows rows = co_await pool_.Execute(sql::kSetRetryPolicy, std::move(params), deadline);
  const bool changed = rows[0].Get(sql::set_retry_policy::kChanged);
  co_return changed;
}

asio::awaitable<std::vector<RetryPolicyEntry>> OperatorStore::ListRetryPolicies(
    pg::Deadline deadline) {
  const pg::Rows rows = co_await pool_.Execute(sql::kListRetryPolicies, {}, deadline);
  std::vector<RetryPolicyEntry> policies;
  for (const pg::Row row : rows) {
    policies.push_back(
        {row.Get(sql::list_retry_policies::kType), row.Get(sql::list_retry_policies::kPolicy)});
  }
  co_return policies;
}

asio::awaitable<AuditPage> OperatorStore::ListAudit(const std::optional<std::string>& target,
                                                    std::optional<std::int64_t> before, int limit,
                                                    pg::Deadline deadline) {
  namespace columns = sql::list_audit;
  pg::Params params;
  params.Add(target).Add(target ? Uuid::Parse(*target) : std::nullopt);
  params.Add(before).Add(static_cast<std::int32_t>(limit)).Add(kAuditBytesMax);
  const pg::Rows rows = co_await pool_.Execute(sql::kListAudit, std::move(params), deadline);
  AuditPage page;
  for (const pg::Row row : rows) {
    page.entries.push_back({row.Get(columns::kId), row.Get(columns::kAt), row.Get(columns::kActor),
                            row.Get(columns::kAction), row.Get(columns::kTarget),
                            row.Get(columns::kDetail)});
    const auto found = row.Get(columns::kFound);
    page.more = found == limit || found > rows.size();
  }
  co_return page;
}

asio::awaitable<std::optional<std::vector<AuditedJob>>> OperatorStore::ListAuditJobs(
    std::int64_t audit, int after, int limit, pg::Deadline deadline) {
  namespace columns = sql::list_audit_jobs;
  pg::Params params;
  params.Add(audit).Add(std::int32_t{after}).Add(static_cast<std::int32_t>(limit));
  const pg::Rows rows = co_await pool_.Execute(sql::kListAuditJobs, std::move(params), deadline);
  std::vector<AuditedJob> jobs;
  for (const pg::Row row : rows) jobs.push_back({row.Get(columns::kId), row.Get(columns::kWas)});
  if (!jobs.empty()) co_return jobs;
  // None: the action changed none, or this is the end; else there is no such entry.
  const AuditPage page = co_await ListAudit(std::nullopt, audit + 1, 1, deadline);
  if (page.entries.empty() || page.entries.front().id != audit) co_return std::nullopt;
  co_return jobs;
}

}  // namespace djps::store
