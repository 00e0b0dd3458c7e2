#include "worker/runtime.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <iterator>
#include <utility>

#include "core/check.h"
#include "core/json_members.h"
#include "worker/invoke.h"
#include "worker/worker_config.h"

namespace djps::worker {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);

/// The first claim may have to walk over dead rows that an open snapshot keeps from vacuum.
constexpr milliseconds kClaimTimeout{30'000};
/// How long a handler may ignore its timeout before the attempt is reported as timed out without
/// it.
constexpr milliseconds kAbandonAfter{5'000};
/// Jobs that were claimed ahead and then wait this long are given back: other workers may have free
/// slots.
constexpr milliseconds kWaitingMax{1'000};
/// Claims stop while this many outcomes wait to be written: two batches.
constexpr std::size_t kReportBacklogMax = 2'000;
/// How long a stopping worker tries to give back claims whose outcome is unknown.
constexpr milliseconds kReturnAtStop{3'000};

/// The size of the JSON array that stores them.
std::vector<std::string> ReadTags(const std::optional<std::string>& json) {
  std::vector<std::string> tags;
  if (!json) return tags;
  const auto values = SplitArray(*json);
  DJPS_CHECK(values.has_value());
  for (const std::string& value : *values) tags.push_back(ReadJsonString(value).value());
  return tags;
}

}  // namespace

Runtime::Runtime(asio::any_io_executor executor, const store::LeasePools& pools,
                 WorkerConfig config, Registry registry)
    : executor_(std::move(executor)),
      config_(Checked(std::move(config))),
      registry_(std::move(registry)),
      leases_(pools),
      keeper_(executor_, leases_, config_.lease),
      reporter_(executor_, leases_, keeper_, [this] { changed_.cancel(); }),
      notes_(executor_, pools.outcomes),
      presence_(
          executor_, pools.outcomes, Describe(config_, registry_), [this] { return running(); },
          [this](const store::WorkerCount& workers) { OnWorkerCount(workers); }),
      pace_(config_.concurrency, steady_clock::now()),
      schedule_(config_.poll_interval_max),
      changed_(executor_, asio::steady_timer::time_point::max()),
      fetching_(executor_),
      attempt_tasks_(executor_),
      keeping_leases_(executor_),
      reporting_(executor_),
      sending_notes_(executor_),
      showing_presence_(executor_),
      threads_(executor_, config_.concurrency,
               [this](std::vector<EndedAttempt> ended) { EndAll(std::move(ended)); }) {}

void Runtime::Start() {
  DJPS_CHECK(!registry_.types().empty());
  fetching_.Spawn(Fetch());
  keeping_leases_.Spawn(keeper_.Run());
  reporting_.Spawn(reporter_.Run());
  sending_notes_.Spawn(notes_.Run());
  showing_presence_.Spawn(presence_.Run());
}

asio::awaitable<void> Runtime::Fetch() {
  while (!stopping_) {
    const auto now = steady_clock::now();  // read once: this runs for each few jobs that end
    ReturnStale(now);
    const auto due = schedule_.Next();
    if (now < due) {
      co_await PauseUntil(due);
      continue;
    }
    const std::size_t wanted = WantedJobs(now);
    if (wanted == 0) {
      co_await PauseUntil(now + config_.poll_interval_max);
      continue;
    }
    if (Alone() && backlog_ && !std::exchange(beside_, true)) fetching_.Spawn(ClaimBeside());
    schedule_.Begin(now, pace_.spacing());
    const ClaimResult claim = co_await Claim(wanted);
    schedule_.End(claim.found_jobs, claim.again_within, steady_clock::now());
  }
}

/// After a full claim there are probably more jobs, so the next claim is sent before the answer has
/// come: Postgres and this process work at the same time.
asio::awaitable<void> Runtime::ClaimBeside() {
  // Spawned by Fetch, whose own claim has to be counted first.
  co_await asio::post(executor_, asio::use_awaitable);
  while (backlog_ && Alone() && !stopping_) {
    const std::size_t wanted = WantedJobs(steady_clock::now());
    if (wanted == 0) break;
    const ClaimResult claim = co_await Claim(wanted);
    if (!claim.found_jobs) break;
  }
  beside_ = false;
  changed_.cancel();
}

void Runtime::Wake(std::string_view queue) {
  if (!queue.empty() && queue != config_.queue) return;
  schedule_.Wake(steady_clock::now(), pace_.spacing());
  changed_.cancel();
}

std::size_t Runtime::WantedJobs(steady_clock::time_point now) {
  if (reporter_.backlog() >= kReportBacklogMax) return 0;
  return pace_.Want(attempts_.size() + waiting_.size() + claiming_, now);
}

/// Also ends when something changes, or when jobs have waited here for too long.
asio::awaitable<void> Runtime::PauseUntil(steady_clock::time_point latest) {
  if (!waiting_.empty()) latest = std::min(latest, waiting_since_ + kWaitingMax);
  changed_.expires_at(latest);
  co_await changed_.async_wait(kNoThrow);
}

void Runtime::OnWorkerCount(const store::WorkerCount& workers) {
  schedule_.OnWorkerCount(workers.free);
  pace_.ShareWith(static_cast<std::size_t>(workers.alike));
}

asio::awaitable<Runtime::ClaimResult> Runtime::Claim(std::size_t limit) {
  const store::ClaimRequest request{.queue = config_.queue,
                                    .types = registry_.types(),
                                    .limit = limit,
                                    .worker = config_.name,
                                    .lease = config_.lease};
  store::ClaimedBatch batch;
  const auto begun = steady_clock::now();
  claiming_ += limit;
  try {
    batch = co_await leases_.ClaimJobs(request, pg::After(kClaimTimeout));
    if (claim_log_.Ends()) spdlog::info("jobs can be claimed again");
  } catch (const pg::PgError& error) {
    if (claim_log_.Begins(error.what())) spdlog::warn("could not claim jobs: {}", error.what());
  }
  claiming_ -= limit;
  pace_.Claimed(steady_clock::now() - begun);
  backlog_ = batch.jobs.size() == limit;
  const ClaimResult result{.found_jobs = !batch.jobs.empty(), .again_within = batch.again_within};
  if (result.found_jobs) Take(std::move(batch));
  co_return result;
}

void Runtime::Take(store::ClaimedBatch batch) {
  if (steady_clock::now() >= batch.begun + config_.lease) {
    // The answer took so long that the lease may be over: none of the jobs may start.
    leases_.ReturnLease(batch.lease);
    return;
  }
  std::vector<std::shared_ptr<Attempt>> claimed;
  claimed.reserve(batch.jobs.size());
  for (store::ClaimedJob& job : batch.jobs) {
    const auto begin_within = job.begin_within;
    claimed.push_back(MakeAttempt(std::move(job), batch.lease));
    if (begin_within) claimed.back()->begin_before = steady_clock::now() + *begin_within;
  }
  keeper_.Add(batch.lease, batch.begun, claimed);
  Enqueue(std::move(claimed));
  waiting_since_ = steady_clock::now();
  // A stop came while the claim was under way: hand the jobs back at once.
  if (stopping_) {
    ReturnWaiting();
  } else {
    StartWaiting();
  }
}

/// More urgent jobs run before jobs that were claimed earlier.
void Runtime::Enqueue(std::vector<std::shared_ptr<Attempt>> claimed) {
  const auto before = [](const auto& a, const auto& b) {
    return a->job.priority < b->job.priority;
  };
  if (waiting_.empty() || !before(claimed.front(), waiting_.back())) {
    std::move(claimed.begin(), claimed.end(), std::back_inserter(waiting_));
    return;
  }
  std::deque<std::shared_ptr<Attempt>> merged;
  std::merge(waiting_.begin(), waiting_.end(), claimed.begin(), claimed.end(),
             std::back_inserter(merged), before);
  waiting_ = std::move(merged);
}

void Runtime::StartWaiting() {
  std::vector<std::shared_ptr<Attempt>> plain;
  const auto now = steady_clock::now();
  Uuid lease;  // the lease of the previous attempt: jobs of one claim are adjacent
  bool held = false;
  while (!waiting_.empty() && running() < config_.concurrency) {
    std::shared_ptr<Attempt> attempt = std::move(waiting_.front());
    waiting_.pop_front();
    if (attempt->job.lease_token != lease) {
      lease = attempt->job.lease_token;
      held = keeper_.Holds(lease);
    }
    if (!held) attempt->Stop(StopReason::kLeaseLost);
    if (!PrepareToStart(*attempt)) continue;
    attempts_.insert(attempt);
    attempt->begun = now;
    attempt->job.notes = notes_.Open(attempt->job.lease_token, attempt->job.id);
    if (attempt->time_limit > 0ms) attempt_tasks_.Spawn(Watch(attempt));
    if (std::holds_alternative<Handler>(attempt->entry.handler)) {
      plain.push_back(std::move(attempt));
    } else {
      attempt_tasks_.Spawn(RunCoroutine(std::move(attempt)));
    }
  }
  threads_.Start(std::move(plain));
}

bool Runtime::PrepareToStart(Attempt& attempt) {
  if (attempt.reported) return false;
  if (attempt.reason != StopReason::kNone) {
    Settle(attempt, std::nullopt);
    return false;
  }
  if (!attempt.begin_before) return true;
  const auto left = std::chrono::floor<milliseconds>(*attempt.begin_before - steady_clock::now());
  if (left <= 0ms) {
    Settle(attempt, Failed{.error_class = "deadline_exceeded",
                           .message = std::string(store::kOverdueMessage),
                           .retryable = false});
    return false;
  }
  attempt.time_limit = attempt.time_limit > 0ms ? std::min(attempt.time_limit, left) : left;
  return true;
}

/// Gives back jobs that have waited here for long: other workers may have free slots.
void Runtime::ReturnStale(steady_clock::time_point now) {
  if (!waiting_.empty() && now - waiting_since_ >= kWaitingMax) ReturnWaiting();
}

void Runtime::ReturnWaiting() {
  for (const auto& attempt : std::exchange(waiting_, {})) {
    attempt->Stop(StopReason::kHandBack);
    Settle(*attempt, std::nullopt);
  }
}

std::shared_ptr<Attempt> Runtime::MakeAttempt(store::ClaimedJob job, Uuid lease) {
  const Registry::Entry* entry = registry_.Find(job.type);
  DJPS_CHECK(entry != nullptr);
  const milliseconds usual = entry->options.timeout.value_or(config_.timeout);
  auto attempt = std::make_shared<Attempt>(Job{.id = job.id,
                                               .type = std::move(job.type),
                                               .queue = config_.queue,
                                               .payload = std::move(job.payload),
                                               .priority = job.priority,
                                               .attempt = job.attempt,
                                               .max_attempts = job.max_attempts,
                                               .idempotency_key = std::move(job.idempotency_key),
                                               .metadata = std::move(job.metadata),
                                               .tags = ReadTags(job.tags),
                                               .created_at = job.created_at,
                                               .lease_token = lease,
                                               .stop = {},
                                               .checkpoint = std::move(job.checkpoint),
                                               .notes = {}},
                                           *entry, executor_);
  attempt->time_limit = job.time_limit.value_or(usual);
  return attempt;
}

asio::awaitable<void> Runtime::RunCoroutine(std::shared_ptr<Attempt> attempt) {
  Outcome outcome =
      co_await Invoke(std::get<CoroutineHandler>(attempt->entry.handler), attempt->job);
  std::vector<EndedAttempt> ended;
  ended.push_back({std::move(attempt), std::move(outcome)});
  EndAll(std::move(ended));
}

void Runtime::EndAll(std::vector<EndedAttempt> ended) {
  const auto now = steady_clock::now();
  steady_clock::duration ran{0};
  for (const EndedAttempt& one : ended) ran += now - one.attempt->begun;
  pace_.Ended(ended.size(), ran);
  for (EndedAttempt& one : ended) End(std::move(one));
  StartWaiting();
  changed_.cancel();
}

void Runtime::End(EndedAttempt ended) {
  ended.attempt->ended = true;
  ended.attempt->watchdog.cancel();
  const auto& notes = ended.attempt->job.notes;
  JobNotes::Unsent unsent = notes_.Close(notes);
  if (!unsent.empty() || notes_.Sending(notes)) {
    attempt_tasks_.Spawn(EndWithNotes(std::move(ended), std::move(unsent)));
    return;
  }
  attempts_.erase(ended.attempt);
  Settle(*ended.attempt, std::move(ended.returned));
}

asio::awaitable<void> Runtime::EndWithNotes(EndedAttempt ended, JobNotes::Unsent unsent) {
  co_await notes_.SendLast(ended.attempt->job.notes, std::move(unsent));
  attempts_.erase(ended.attempt);
  Settle(*ended.attempt, std::move(ended.returned));
  StartWaiting();
  changed_.cancel();
}

asio::awaitable<void> Runtime::Watch(std::shared_ptr<Attempt> attempt) {
  if (attempt->ended) co_return;  // before this began
  attempt->watchdog.expires_after(attempt->time_limit);
  const auto [finished] = co_await attempt->watchdog.async_wait(kNoThrow);
  if (finished || attempt->ended) co_return;
  attempt->Stop(StopReason::kTimeout);
  attempt->watchdog.expires_after(kAbandonAfter);
  const auto [stopped] = co_await attempt->watchdog.async_wait(kNoThrow);
  if (stopped || attempt->ended) co_return;
  spdlog::warn("job {} attempt {}: its handler does not react to the timeout; it keeps its slot",
               attempt->job.id.ToString(), attempt->job.attempt);
  Settle(*attempt, std::nullopt);
}

void Runtime::Settle(Attempt& attempt, std::optional<Outcome> returned) {
  if (attempt.reported) return;
  attempt.reported = true;
  if (const auto outcome = OutcomeToReport(attempt, std::move(returned))) {
    reporter_.Report(attempt, *outcome);
  } else {
    keeper_.Settle(attempt.job.lease_token, attempt.job.id);
  }
}

void Runtime::StopAttempts() {
  ReturnWaiting();
  for (const auto& attempt : attempts_) attempt->Stop(StopReason::kHandBack);
}

asio::awaitable<void> Runtime::Drain() {
  stopping_ = true;
  ReturnWaiting();
  changed_.cancel();
  const auto grace_ends = steady_clock::now() + config_.grace;
  if (!attempts_.empty()) spdlog::info("waiting for {} running jobs", attempts_.size());
  while (!attempts_.empty() && steady_clock::now() < grace_ends) co_await PauseUntil(grace_ends);
  if (!attempts_.empty()) spdlog::info("handing back {} running jobs", attempts_.size());
  StopAttempts();
  // Each of these is used by the ones before it.
  while (!attempts_.empty()) co_await PauseUntil(steady_clock::time_point::max());
  co_await fetching_.Join();
  co_await attempt_tasks_.Join();
  notes_.Stop();
  co_await sending_notes_.Join();
  reporter_.Stop();
  co_await reporting_.Join();
  co_await leases_.FinishReturns(pg::After(kReturnAtStop));
  keeper_.Stop();
  co_await keeping_leases_.Join();
  presence_.Stop();
  co_await showing_presence_.Join();
}

}  // namespace djps::worker
