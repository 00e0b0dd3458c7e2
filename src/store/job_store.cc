#include "store/job_store.h"

#include <algorithm>

#include "core/check.h"
#include "core/job_options.h"
#include "store/job_rows.h"
#include "store/statements.h"

namespace djps::store {
namespace {

namespace asio = boost::asio;

/// For Postgres. Short is longer than most commits take, which is what the second of two
/// submissions with the same key waits for.
std::string_view LockTimeout(Patience patience) {
  return patience == Patience::kShort ? "20ms" : "500ms";
}

Timestamp LocalNow() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

/// The parameters that both ways of submitting share, in the order of their statements.
pg::Params SubmissionParams(const std::vector<NewJob>& jobs, const std::vector<Uuid>& ids) {
  pg::Params params;
  params.Add(kLane);
  params.AddArray(ids, [](const Uuid& id) { return id; });
  params.AddArray(jobs, [](const NewJob& job) { return std::string_view(job.queue); });
  params.AddArray(jobs, [](const NewJob& job) { return std::string_view(job.type); });
  params.AddArray(jobs, [](const NewJob& job) { return pg::Json{job.payload}; });
  params.AddArray(jobs, [](const NewJob& job) { return job.priority; });
  params.AddArray(jobs, [](const NewJob& job) { return job.run_at; });
  params.AddArray(jobs,
                  [](const NewJob& job) { return static_cast<std::int16_t>(job.max_attempts); });
  return params;
}

std::vector<SubmittedJob> ReadNewJobs(const pg::Rows& rows, const std::vector<Uuid>& ids) {
  // The rows come in no promised order; the ids were made in ascending order.
  std::vector<SubmittedJob> submitted(ids.size());
  DJPS_CHECK(rows.size() == static_cast<int>(ids.size()));
  for (const pg::Row row : rows) {
    const Uuid id = row.Get(sql::enqueue_jobs::kId);
    const auto place = std::lower_bound(ids.begin(), ids.end(), id);
    DJPS_CHECK(place != ids.end() && *place == id);
    submitted[static_cast<std::size_t>(place - ids.begin())] = {
        .id = id,
        .run_at = row.Get(sql::enqueue_jobs::kRunAt),
        .created_at = row.Get(sql::enqueue_jobs::kCreatedAt)};
  }
  return submitted;
}

std::vector<SubmittedJob> ReadKeyedJobs(const pg::Rows& rows) {
  namespace columns = sql::enqueue_keyed_jobs;
  std::vector<SubmittedJob> submitted;
  submitted.reserve(static_cast<std::size_t>(rows.size()));
  for (const pg::Row row : rows) {
    submitted.push_back({.id = row.Get(columns::kId),
                         .replayed = row.Get(columns::kReplayed),
                         .payload_differs = row.Get(columns::kPayloadDiffers),
                         .run_at = row.Find(columns::kRunAt).value_or(Timestamp{}),
                         .created_at = row.Find(columns::kCreatedAt).value_or(Timestamp{})});
  }
  return submitted;
}

/// The parameters of submissions with options.
pg::Params OptionParams(const std::vector<NewJob>& jobs, const std::vector<Uuid>& ids,
                        Patience patience) {
  std::vector<std::string> texts;
  texts.reserve(jobs.size());
  for (const NewJob& job : jobs) texts.push_back(WriteNewJob(job));
  pg::Params params;
  params.Add(kLane);
  params.AddArray(ids, [](const Uuid& id) { return id; });
  params.AddArray(texts, [](const std::string& text) { return pg::Json{text}; });
  params.Add(LockTimeout(patience));
  return params;
}

static_assert(pg::StartWith(sql::enqueue_guarded_jobs::kColumns,
                            sql::enqueue_jobs_with_options::kColumns));

SubmittedJob ReadSubmission(const pg::Row& row) {
  namespace columns = sql::enqueue_jobs_with_options;
  SubmittedJob job{.id = row.Get(columns::kId),
                   .payload_differs = row.Get(columns::kPayloadDiffers),
                   .run_at = row.Find(columns::kRunAt).value_or(Timestamp{}),
                   .created_at = row.Find(columns::kCreatedAt).value_or(Timestamp{})};
  const auto outcome = row.Get(columns::kOutcome);
  job.replayed = outcome == "replayed";
  if (outcome == "existing") job.conflict = SubmittedJob::Conflict::kExisting;
  if (outcome == "replaced") job.conflict = SubmittedJob::Conflict::kReplaced;
  if (outcome == "rescheduled") job.conflict = SubmittedJob::Conflict::kRescheduled;
  return job;
}

/// The one row that says that nothing was stored.
std::optional<RefusedReplay> FindRefused(const pg::Rows& rows, const std::vector<NewJob>& jobs,
                                         const std::vector<Uuid>& ids) {
  namespace columns = sql::enqueue_guarded_jobs;
  if (rows.size() != 1) return std::nullopt;
  const auto outcome = rows[0].Get(columns::kOutcome);
  if (outcome != "hidden" && outcome != "differs") return std::nullopt;
  RefusedReplay refused{.reason = outcome == "hidden" ? RefusedReplay::Reason::kHidden
                                                      : RefusedReplay::Reason::kPayloadDiffers,
                        .item = static_cast<std::size_t>(rows[0].Get(columns::kN) - 1),
                        .job = rows[0].Get(columns::kId)};
  refused.key = jobs.at(refused.item).idempotency_key;
  const auto own = std::find(ids.begin(), ids.end(), refused.job);
  if (own != ids.end()) refused.earlier_item = static_cast<std::size_t>(own - ids.begin());
  return refused;
}

}  // namespace

SubmissionKind SubmissionKindOf(const std::vector<NewJob>& jobs) {
  const auto any = [&jobs](auto has) { return std::any_of(jobs.begin(), jobs.end(), has); };
  const bool keyed = any([](const NewJob& job) { return job.idempotency_key || job.unique; });
  if (any([](const NewJob& job) { return job.HasOptions(); })) {
    return keyed ? SubmissionKind::kKeyedWithOptions : SubmissionKind::kWithOptions;
  }
  return keyed ? SubmissionKind::kKeyed : SubmissionKind::kPlain;
}

pg::Pool& JobStore::PoolFor(SubmissionKind kind, Patience patience) {
  if (!MayWait(kind)) return pools_.plain;
  return patience == Patience::kShort ? pools_.keyed : pools_.waiting;
}

asio::awaitable<std::vector<SubmittedJob>> JobStore::EnqueueJobs(const std::vector<NewJob>& jobs,
                                                                 pg::Deadline deadline,
                                                                 FollowUp follow_up,
                                                                 Patience patience) {
  if (jobs.empty()) co_return std::vector<SubmittedJob>{};
  const Timestamp now = co_await DatabaseTime(deadline);
  const std::vector<Uuid> ids = MakeIds(jobs.size(), now);

  std::vector<SubmittedJob> submitted =
      co_await StoreJobs(jobs, ids, deadline, std::move(follow_up), patience);
  DJPS_CHECK(submitted.size() == jobs.size());
  for (const SubmittedJob& job : submitted) {
    if (job.created()) LearnClock(job.created_at);
  }
  co_return submitted;
}

std::vector<Uuid> JobStore::MakeIds(std::size_t count, Timestamp now) {
  std::vector<Uuid> ids;
  ids.reserve(count);
  for (std::size_t i = 0; i < count; ++i) ids.push_back(ids_.NextJobId(now));
  return ids;
}

asio::awaitable<std::vector<SubmittedJob>> JobStore::StoreJobs(const std::vector<NewJob>& jobs,
                                                               const std::vector<Uuid>& ids,
                                                               pg::Deadline deadline,
                                                               FollowUp follow_up,
                                                               Patience patience) {
  const SubmissionKind kind = SubmissionKindOf(jobs);
  pg::Pool& pool = PoolFor(kind, patience);
  if (kind == SubmissionKind::kWithOptions || kind == SubmissionKind::kKeyedWithOptions) {
    co_return co_await StoreJobsWithOptions(pool, jobs, ids, deadline, std::move(follow_up),
                                            patience);
  }
  pg::Params params = SubmissionParams(jobs, ids);
  if (kind == SubmissionKind::kKeyed) {
    params.AddArray(jobs, [](const NewJob& job) { return job.idempotency_key; });
    params.Add(LockTimeout(patience));
    co_return ReadKeyedJobs(co_await pool.Execute(sql::kEnqueueKeyedJobs, std::move(params),
                                                  deadline, std::move(follow_up)));
  }
  co_return ReadNewJobs(
      co_await pool.Execute(sql::kEnqueueJobs, std::move(params), deadline, std::move(follow_up)),
      ids);
}

asio::awaitable<std::vector<SubmittedJob>> JobStore::StoreJobsWithOptions(
    pg::Pool& pool, const std::vector<NewJob>& jobs, const std::vector<Uuid>& ids,
    pg::Deadline deadline, FollowUp follow_up, Patience patience) {
  const pg::Rows rows =
      co_await pool.Execute(sql::kEnqueueJobsWithOptions, OptionParams(jobs, ids, patience),
                            deadline, std::move(follow_up));
  std::vector<SubmittedJob> submitted;
  for (const pg::Row row : rows) submitted.push_back(ReadSubmission(row));
  co_return submitted;
}

asio::awaitable<tl::expected<std::vector<SubmittedJob>, RefusedReplay>> JobStore::EnqueueGuarded(
    const std::vector<NewJob>& jobs, const ReplayGuard& guard, pg::Deadline deadline,
    FollowUp follow_up, Patience patience) {
  const Timestamp now = co_await DatabaseTime(deadline);
  const std::vector<Uuid> ids = MakeIds(jobs.size(), now);
  pg::Params params = OptionParams(jobs, ids, patience);
  params.Add(guard.strict);
  params.AddArray(guard.queues, [](const std::string& queue) { return std::string_view(queue); });
  const pg::Rows rows =
      co_await PoolFor(SubmissionKind::kKeyedWithOptions, patience)
          .Execute(sql::kEnqueueGuardedJobs, std::move(params), deadline, std::move(follow_up));
  if (const auto refused = FindRefused(rows, jobs, ids)) co_return tl::unexpected(*refused);
  std::vector<SubmittedJob> submitted;
  submitted.reserve(jobs.size());
  for (const pg::Row row : rows) submitted.push_back(ReadSubmission(row));
  DJPS_CHECK(submitted.size() == jobs.size());
  co_return submitted;
}

asio::awaitable<std::optional<JobRecord>> JobStore::FindJob(Uuid id, pg::Deadline deadline) {
  const pg::Rows rows =
      co_await pools_.plain.Execute(sql::kFindJob, std::move(pg::Params().Add(id)), deadline);
  if (rows.empty()) co_return std::nullopt;
  JobRecord job = ReadJob(rows[0]);
  job.progress = rows[0].Find(sql::find_job::kProgress);
  co_return job;
}

asio::awaitable<Timestamp> JobStore::DatabaseTime(pg::Deadline deadline) {
  if (!clock_offset_) {
    const pg::Rows rows = co_await pools_.plain.Execute(sql::kClock, {}, deadline);
    LearnClock(rows[0].Get(sql::clock::kNow));
  }
  co_return LocalNow() + *clock_offset_;
}

void JobStore::LearnClock(Timestamp database_now) { clock_offset_ = database_now - LocalNow(); }

}  // namespace djps::store
