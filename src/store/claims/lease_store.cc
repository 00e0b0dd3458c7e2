#include "store/claims/lease_store.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "store/claims/claim_fetcher.h"
#include "store/claims/lease_returner.h"
#include "store/job_rows.h"
#include "store/statements.h"

namespace djps::store {
namespace {

namespace asio = boost::asio;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Nodes look every 1 to 5 s; see Upkeep.
constexpr microseconds kRescueWithin = std::chrono::seconds(15);
/// How often leases of any age are looked for, and for at most what share of the time: 1 in 50.
constexpr auto kRescueAllInterval = std::chrono::seconds(30);
constexpr int kRescueAllPause = 50;

/// A server has one for each way in which its workers claim; beyond this, all start anew.
constexpr std::size_t kFetchersMax = 1'000;
/// The others of the claim wait meanwhile.
constexpr milliseconds kFailOverdueTimeout{1'000};
/// A slice of the past, the present, and what a look found new.
constexpr int kClaimTries = 3;
/// How long a claim searches behind jobs whose deadline has passed; then the caller should try
/// again.
constexpr std::chrono::seconds kOverdueFor{1};

static_assert(pg::StartWith(sql::claim_jobs_for_many::kColumns, sql::claim_jobs::kColumns));

/// Of a row of claim_jobs or claim_jobs_for_many.
ClaimedJob ReadClaimedJob(const pg::Row& row) {
  namespace columns = sql::claim_jobs;
  ClaimedJob job;
  job.id = row.Get(columns::kId);
  job.attempt = row.Get(columns::kAttempt);
  job.priority = row.Get(columns::kPriority);
  job.type = row.Get(columns::kType);
  job.payload = row.Get(columns::kPayload);
  job.max_attempts = row.Get(columns::kMaxAttempts);
  job.idempotency_key = row.Find(columns::kIdempotencyKey);
  job.created_at = row.Get(columns::kCreatedAt);
  job.metadata = row.Find(columns::kMetadata);
  if (const auto limit = row.Find(columns::kTimeLimitMs)) job.time_limit = milliseconds(*limit);
  job.checkpoint = row.Find(columns::kCheckpoint);
  if (const auto within = row.Find(columns::kBeginWithinMs))
    job.begin_within = milliseconds(*within);
  job.tags = row.Find(columns::kTags);
  return job;
}

/// The rows in the order in which their jobs should run. They come as they lie in the table, which
/// for jobs of one priority mostly is the same.
std::vector<std::pair<JobPlace, pg::Row>> InOrder(const pg::Rows& rows) {
  namespace columns = sql::claim_jobs;
  std::vector<std::pair<JobPlace, pg::Row>> ordered;
  ordered.reserve(static_cast<std::size_t>(rows.size()));
  for (const pg::Row row : rows) {
    const QueuePlace place{row.Get(columns::kVisibleAt), row.Get(columns::kId)};
    ordered.emplace_back(JobPlace{row.Get(columns::kPriority), place}, row);
  }
  const auto before = [](const auto& a, const auto& b) { return a.first < b.first; };
  if (!std::is_sorted(ordered.begin(), ordered.end(), before)) {
    std::sort(ordered.begin(), ordered.end(), before);
  }
  return ordered;
}

/// A value that Postgres cannot turn into an answer, or bytes that are no value: one job may be to
/// blame, and the claim would fail for ever.
bool FailsForOneJob(const pg::PgError& error) {
  return error.bad_value() || error.sqlstate().starts_with("XX");
}

std::size_t JobsWanted(const std::vector<ClaimRequest>& requests) {
  std::size_t jobs = 0;
  for (const ClaimRequest& request : requests) jobs += request.limit;
  return jobs;
}

/// What both statements that claim begin with.
pg::Params ClaimParams(const std::vector<ClaimRequest>& requests, const ClaimPlan& plan) {
  using Range = ClaimPlan::Range;
  const ClaimRequest& first = requests.front();
  pg::Params params;
  params.Add(kLane).Add(first.queue);
  params.AddArray(first.types, [](const std::string& type) { return std::string_view(type); });
  params.AddArray(plan.ranges, [](const Range& range) { return range.priority; });
  params.AddArray(plan.ranges, [](const Range& range) { return range.from.at; });
  params.AddArray(plan.ranges, [](const Range& range) { return range.from.id; });
  params.AddArray(plan.ranges, [](const Range& range) { return range.until; });
  params.Add(static_cast<std::int32_t>(JobsWanted(requests)));
  return params;
}

void AddShares(pg::Params& params, const std::vector<ClaimRequest>& requests,
               const std::vector<ClaimedBatch>& batches) {
  params.AddArray(batches, [](const ClaimedBatch& batch) { return batch.lease; });
  params.AddArray(requests, [](const ClaimRequest& one) { return std::string_view(one.worker); });
  params.AddArray(requests, [](const ClaimRequest& one) { return microseconds(one.lease); });
  std::int64_t first = 1;
  params.AddArray(requests, [&first](const ClaimRequest& one) {
    return std::exchange(first, first + static_cast<std::int64_t>(one.limit));
  });
}

/// The lane, the leases and the jobs: how every statement that ends attempts begins.
template <typename Jobs>
pg::Params HeldJobs(const Jobs& jobs) {
  pg::Params params;
  params.Add(kLane);
  params.AddArray(jobs, [](const auto& job) { return job.lease; });
  params.AddArray(jobs, [](const auto& job) { return job.job; });
  return params;
}

std::optional<microseconds> Interval(const std::optional<milliseconds>& duration) {
  return duration ? std::optional<microseconds>(*duration) : std::nullopt;
}

std::optional<pg::Json> Policy(const std::optional<std::string>& policy) {
  return policy ? std::optional(pg::Json{*policy}) : std::nullopt;
}

}  // namespace

std::string ClaimKey(const ClaimRequest& request) {
  std::string kind = request.queue;
  for (const std::string& type : request.types) (kind += '\0') += type;
  return kind;
}

LeaseStore::LeaseStore(const LeasePools& pools, LookPace pace)
    : pools_(pools), pace_(pace), returner_(std::make_shared<LeaseReturner>(pools.slow)) {}
LeaseStore::~LeaseStore() { returner_->Stop(); }

bool LeaseStore::Claim::empty() const {
  return std::all_of(batches.begin(), batches.end(),
                     [](const ClaimedBatch& batch) { return batch.jobs.empty(); });
}

LeaseStore::SharedFetcher LeaseStore::FetcherFor(const ClaimRequest& request) {
  const std::string kind = ClaimKey(request);
  if (fetchers_.size() >= kFetchersMax && !fetchers_.contains(kind)) fetchers_.clear();
  SharedFetcher& fetcher = fetchers_[kind];
  if (!fetcher) {
    fetcher = std::make_shared<ClaimFetcher>(pools_, request.queue, request.types, pace_);
  }
  return fetcher;
}

asio::awaitable<ClaimedBatch> LeaseStore::ClaimJobs(const ClaimRequest& request,
                                                    pg::Deadline deadline) {
  std::vector<ClaimedBatch> batches =
      co_await ClaimForMany(std::vector<ClaimRequest>(1, request), deadline);
  co_return std::move(batches.front());
}

asio::awaitable<std::vector<ClaimedBatch>> LeaseStore::ClaimForMany(
    std::vector<ClaimRequest> requests, pg::Deadline deadline) {
  DJPS_CHECK(!requests.empty());
  for (const ClaimRequest& one : requests) {
    DJPS_CHECK(one.limit >= 1 && one.limit <= kClaimLimitMax);
  }
  const SharedFetcher fetcher = FetcherFor(requests.front());
  const ClaimCursor& cursor = fetcher->cursor();
  // The look of another caller may fail: then this caller gets the error of its own look.
  while (cursor.NeedsLook()) co_await fetcher->Look(deadline);
  fetcher->KeepUp(deadline);
  Claim claim;
  const auto overdue_until = steady_clock::now() + kOverdueFor;
  for (int tries = 0; tries < kClaimTries;) {
    ClaimPlan plan = cursor.Plan(steady_clock::now());
    const bool revisit = plan.revisit;
    const std::size_t news = fetcher->news();
    claim = co_await ClaimByPlan(requests, fetcher, std::move(plan), deadline);
    if (!claim.empty()) break;
    // Jobs that can run are behind those whose deadline has passed.
    if (claim.overdue && steady_clock::now() < overdue_until) continue;
    ++tries;
    if (revisit) continue;  // the present is next
    // A look that ran beside the claim may have been before or behind it.
    if (fetcher->looking() || cursor.MayLook(steady_clock::now())) {
      co_await fetcher->Look(deadline);
      fetcher->KeepUp(deadline);  // it may have said that a sweep is due
    }
    if (fetcher->news() == news) break;
  }
  for (ClaimedBatch& batch : claim.batches) {
    batch.again_within = cursor.LooksBackWithin();
    if (claim.overdue) batch.again_within = steady_clock::duration::zero();
  }
  co_return std::move(claim.batches);
}

asio::awaitable<LeaseStore::Claim> LeaseStore::ClaimByPlan(
    const std::vector<ClaimRequest>& requests, SharedFetcher fetcher, ClaimPlan plan,
    pg::Deadline deadline) {
  namespace unreadable = sql::bury_unreadable;
  for (bool sure = false;;) {
    std::exception_ptr error;
    try {
      Claim claim = co_await TryClaim(requests, *fetcher, plan, deadline);
      co_return claim;
    } catch (const pg::PgError& why) {
      if (!FailsForOneJob(why)) throw;
      error = std::current_exception();
    }
    const pg::Rows buried =
        co_await pools_.claims.Execute(sql::kBuryUnreadable, ClaimParams(requests, plan), deadline);
    for (const pg::Row row : buried) {
      spdlog::warn("job {} is dead: {}", row.Get(unreadable::kId).ToString(),
                   row.Get(unreadable::kReason));
    }
    // Another process may have done it: then the next try succeeds.
    if (buried.empty() && std::exchange(sure, true)) std::rethrow_exception(error);
  }
}

asio::awaitable<LeaseStore::Claim> LeaseStore::TryClaim(const std::vector<ClaimRequest>& requests,
                                                        ClaimFetcher& fetcher,
                                                        const ClaimPlan& plan,
                                                        pg::Deadline deadline) {
  namespace columns = sql::claim_jobs_for_many;
  Claim claim;
  std::vector<ClaimedBatch>& batches = claim.batches;
  batches.resize(requests.size());
  if (plan.ranges.empty()) co_return claim;
  const auto begun = steady_clock::now();
  for (ClaimedBatch& batch : batches) {
    batch.lease = ids_.NewLeaseToken();
    batch.begun = begun;
  }
  const bool alone = requests.size() == 1;
  pg::Params params = ClaimParams(requests, plan);
  if (alone) {
    params.Add(batches[0].lease).Add(requests[0].worker).Add(microseconds(requests[0].lease));
  } else {
    AddShares(params, requests, batches);
  }
  pg::Rows rows;
  try {
    rows = co_await pools_.claims.Execute(alone ? sql::kClaimJobs : sql::kClaimJobsForMany,
                                          std::move(params), deadline);
  } catch (const pg::PgError& error) {
    // The claim may have been carried out: then no worker could run these jobs before their lease
    // ends.
    if (error.outcome_unknown()) {
      for (const ClaimedBatch& batch : batches) returner_->Return(batch.lease);
    }
    throw;
  }
  if (alone) batches[0].jobs.reserve(static_cast<std::size_t>(rows.size()));
  std::map<Uuid, std::vector<Uuid>> overdue;  // by lease
  for (const auto& [place, row] : InOrder(rows)) {
    const int share = alone ? 1 : row.Get(columns::kShare);
    ClaimedBatch& batch = batches.at(static_cast<std::size_t>(share) - 1);
    batch.expires_at = row.Get(columns::kExpiresAt);
    ClaimedJob job = ReadClaimedJob(row);
    if (job.begin_within == milliseconds(0)) {
      overdue[batch.lease].push_back(job.id);
    } else {
      batch.jobs.push_back(std::move(job));
    }
  }
  fetcher.cursor().Claimed(plan, JobsWanted(requests), static_cast<std::size_t>(rows.size()), begun,
                           steady_clock::now());
  claim.overdue = !overdue.empty();
  if (claim.overdue) {
    try {
      co_await FailOverdue(std::move(overdue), pg::After(kFailOverdueTimeout));
    } catch (const pg::PgError&) {
      // They end with their lease; the other claimed jobs must not wait for that.
    }
  }
  co_return claim;
}

asio::awaitable<void> LeaseStore::FailOverdue(std::map<Uuid, std::vector<Uuid>> overdue,
                                              pg::Deadline deadline) {
  std::vector<FailedJob> failed;
  for (const auto& [lease, jobs] : overdue) {
    for (const Uuid& job : jobs) {
      failed.push_back({.lease = lease,
                        .job = job,
                        .error_class = "deadline_exceeded",
                        .message = std::string(kOverdueMessage),
                        .retryable = false});
    }
  }
  co_await FailJobs(failed, deadline);
}

asio::awaitable<std::vector<Uuid>> LeaseStore::CompleteJobs(const std::vector<CompletedJob>& jobs,
                                                            pg::Deadline deadline) {
  pg::Params params = HeldJobs(jobs);
  params.AddArray(jobs, [](const CompletedJob& job) { return pg::Json{job.result}; });
  co_return ReadIds(
      co_await pools_.outcomes.Execute(sql::kCompleteJobs, std::move(params), deadline),
      sql::complete_jobs::kId);
}

asio::awaitable<std::vector<FailedAttempt>> LeaseStore::FailJobs(const std::vector<FailedJob>& jobs,
                                                                 pg::Deadline deadline) {
  namespace columns = sql::fail_jobs;
  pg::Params params = HeldJobs(jobs);
  params.AddArray(jobs, [](const FailedJob& job) { return std::string_view(job.error_class); });
  params.AddArray(jobs, [](const FailedJob& job) { return std::string_view(job.message); });
  params.AddArray(jobs, [](const FailedJob& job) { return std::string_view(job.detail); });
  params.AddArray(jobs, [](const FailedJob& job) { return job.retryable; });
  params.AddArray(jobs, [](const FailedJob& job) { return Interval(job.retry_after); });
  params.AddArray(jobs, [](const FailedJob& job) { return Policy(job.policy); });
  const pg::Rows rows =
      co_await pools_.outcomes.Execute(sql::kFailJobs, std::move(params), deadline);
  std::vector<FailedAttempt> failed;
  for (const pg::Row row : rows) {
    failed.push_back(
        {row.Get(columns::kId), ReadStatus(row, columns::kStatus), row.Find(columns::kRunAt)});
  }
  co_return failed;
}

asio::awaitable<std::vector<Uuid>> LeaseStore::ReturnJobs(const std::vector<ReturnedJob>& jobs,
                                                          pg::Deadline deadline) {
  pg::Params params = HeldJobs(jobs);
  params.AddArray(jobs, [](const ReturnedJob& job) { return Interval(job.delay); });
  params.AddArray(jobs, [](const ReturnedJob& job) { return Policy(job.policy); });
  co_return ReadIds(co_await pools_.outcomes.Execute(sql::kReturnJobs, std::move(params), deadline),
                    sql::return_jobs::kId);
}

void LeaseStore::ReturnLease(Uuid lease) { returner_->Return(lease); }

asio::awaitable<void> LeaseStore::FinishReturns(pg::Deadline deadline) {
  return returner_->Finish(deadline);
}

asio::awaitable<std::vector<ExtendedLease>> LeaseStore::ExtendLeases(
    const std::vector<Uuid>& leases, std::chrono::milliseconds duration, pg::Deadline deadline) {
  namespace columns = sql::extend_leases;
  pg::Params params;
  params.Add(kLane);
  params.AddArray(leases, [](const Uuid& lease) { return lease; });
  params.Add(microseconds(duration));
  const pg::Rows rows =
      co_await pools_.LessBusy().Execute(sql::kExtendLeases, std::move(params), deadline);
  std::vector<ExtendedLease> extended;
  for (const pg::Row row : rows)
    extended.push_back({row.Get(columns::kId), row.Get(columns::kExpiresAt)});
  co_return extended;
}

asio::awaitable<std::vector<Cancellation>> LeaseStore::FindCancellations(
    const std::vector<Uuid>& leases, pg::Deadline deadline) {
  namespace columns = sql::find_cancellations;
  pg::Params params;
  params.Add(kLane);
  params.AddArray(leases, [](const Uuid& lease) { return lease; });
  const pg::Rows rows =
      co_await pools_.LessBusy().Execute(sql::kFindCancellations, std::move(params), deadline);
  std::vector<Cancellation> found;
  for (const pg::Row row : rows) found.push_back({row.Get(columns::kLease), row.Get(columns::kId)});
  co_return found;
}

asio::awaitable<std::unordered_set<Uuid>> LeaseStore::FindEndedAttempts(
    const std::vector<AttemptRef>& attempts, pg::Deadline deadline) {
  const auto ended = ReadIds(
      co_await pools_.outcomes.Execute(sql::kFindEndedAttempts, HeldJobs(attempts), deadline),
      sql::find_ended_attempts::kId);
  co_return std::unordered_set<Uuid>(ended.begin(), ended.end());
}

asio::awaitable<std::vector<RescuedJob>> LeaseStore::RescueExpiredLeases(int leases_max,
                                                                         pg::Deadline deadline) {
  namespace columns = sql::rescue_expired_leases;
  pg::Params params;
  const auto begun = steady_clock::now();
  // There may have been no check for a while: the database was away, or this process was stopped.
  const bool all = begun >= rescue_all_at_ || begun - rescued_at_ > kRescueWithin / 2;
  const auto within = all ? std::nullopt : std::optional<microseconds>(kRescueWithin);
  params.Add(kLane).Add(within).Add(static_cast<std::int32_t>(leases_max));
  const pg::Rows rows =
      co_await pools_.outcomes.Execute(sql::kRescueExpiredLeases, std::move(params), deadline);
  rescued_at_ = begun;
  if (all && rows.empty()) {
    const auto ended = steady_clock::now();
    rescue_all_at_ = ended + std::max<steady_clock::duration>(kRescueAllInterval,
                                                              kRescueAllPause * (ended - begun));
  }
  std::vector<RescuedJob> rescued;
  for (const pg::Row row : rows) {
    rescued.push_back(
        {row.Get(columns::kId), ReadStatus(row, columns::kStatus), row.Get(columns::kWorker)});
  }
  co_return rescued;
}

}  // namespace djps::store
