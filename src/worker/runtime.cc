#include "worker/runtime.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <stdexcept>
#include <utility>

#include "core/backoff.h"
#include "core/check.h"
#include "core/process_name.h"
#include "core/text.h"
#include "core/version.h"
#include "worker/invoke.h"

namespace djps::worker {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);

/// The first wait after an empty look; doubles up to WorkerConfig::poll_interval_max.
constexpr milliseconds kPollIntervalMin{5};
/// A wake reaches every idle worker, and the first takes the job. Those who come too late leave the
/// next ones to others, for twice as long each time.
constexpr milliseconds kDeafnessMin{1};
constexpr milliseconds kDeafnessMax{64};
/// Idle workers that can run the same look less often each, by at most this factor.
constexpr int kPollShare = 16;
/// The first claim may have to walk over what somebody's snapshot keeps from being vacuumed.
constexpr milliseconds kClaimTimeout{30'000};
/// How long a handler may take to notice that its time is over before the attempt is reported as
/// timed out without it.
constexpr milliseconds kAbandonAfter{5'000};
/// Jobs that were claimed ahead and then wait this long are given back: others may have room.
constexpr milliseconds kWaitingMax{1'000};
/// Claims stop while this many outcomes wait to be written: a batch that is on its way and the
/// next.
constexpr std::size_t kReportBacklogMax = 2'000;

/// What people see of this worker.
store::WorkerReport Describe(const WorkerConfig& config, const Registry& registry) {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return {.name = config.name,
          .kind = "native",
          .host = CleanText(host.data(), host.size()),
          .pid = getpid(),
          .queues = {config.queue},
          .types = registry.types(),
          .capacity = static_cast<std::int32_t>(config.concurrency),
          .version = fmt::format("djps/{}", kVersion)};
}

template <typename T>
void RequireRange(const char* field, T value, T low, T high, const char* unit) {
  if (value < low || value > high) {
    throw std::invalid_argument(
        fmt::format("{} must be from {} to {} {}, got {}", field, low, high, unit, value));
  }
}

}  // namespace

WorkerConfig Checked(WorkerConfig config) {
  RequireRange<std::size_t>("concurrency", config.concurrency, 1, 10'000, "jobs");
  RequireRange<std::int64_t>("lease", config.lease.count(), 1'000, 86'400'000, "ms");
  RequireRange<std::int64_t>("timeout", config.timeout.count(), 0, 30LL * 86'400'000, "ms");
  RequireRange<std::int64_t>("grace", config.grace.count(), 0, 86'400'000, "ms");
  RequireRange<std::int64_t>("poll_interval_max", config.poll_interval_max.count(), 1, 60'000,
                             "ms");
  if (config.queue.empty()) throw std::invalid_argument("queue must not be empty");
  // A process may have a worker for each of several queues.
  if (config.name.empty()) {
    const bool usual = config.queue == kDefaultQueue;
    config.name = usual ? ProcessName() : fmt::format("{}/{}", ProcessName(), config.queue);
  }
  return config;
}

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
          [this](const store::WorkerCount& workers) { Hear(workers); }),
      pace_(config_.concurrency, steady_clock::now()),
      changed_(executor_, asio::steady_timer::time_point::max()),
      deafness_(kDeafnessMin, kDeafnessMax),
      threads_(executor_, config_.concurrency,
               [this](std::vector<EndedAttempt> ended) { EndAll(std::move(ended)); }) {}

template <typename Loop>
void Runtime::Spawn(Loop loop) {
  ++loops_;
  asio::co_spawn(executor_, std::move(loop), [this](const std::exception_ptr& error) {
    // The loops handle a failing database themselves; anything here is a bug.
    if (error) std::rethrow_exception(error);
    --loops_;
    changed_.cancel();
  });
}

void Runtime::Start() {
  DJPS_CHECK(loops_ == 0 && !registry_.types().empty());
  Spawn(Fetch());
  Spawn(keeper_.Run());
  Spawn(reporter_.Run());
  Spawn(notes_.Run());
  Spawn(presence_.Run());
}

asio::awaitable<void> Runtime::Fetch() {
  Backoff polling(kPollIntervalMin, config_.poll_interval_max);
  while (!stopping_) {
    const std::size_t wanted = WantedJobs();
    if (wanted == 0) {
      co_await Pause(waiting_.empty() ? config_.poll_interval_max
                                      : std::min(config_.poll_interval_max, kWaitingMax));
      ReturnStale();
      continue;
    }
    if (steady_clock::now() < not_before_) {
      co_await PauseUntil(not_before_);
      continue;
    }
    if (Alone() && backlog_ && !std::exchange(beside_, true)) Spawn(ClaimBeside());
    const bool woken = std::exchange(woken_, false);
    not_before_ = steady_clock::now() + pace_.spacing();
    const bool found = co_await Claim(wanted);
    if (found) {
      polling.Reset();
      deafness_.Reset();
      continue;
    }
    if (woken) not_before_ = std::max(not_before_, steady_clock::now() + deafness_.Next());
    if (!stopping_) co_await Rest(polling);
  }
}

/// Behind a full claim there is probably more, so the next one is sent before its answer has come:
/// Postgres works while this process takes in what it got, and the other way round.
asio::awaitable<void> Runtime::ClaimBeside() {
  // Spawned by Fetch, whose own claim has to be counted first.
  co_await asio::post(executor_, asio::use_awaitable);
  bool found = true;
  while (found && backlog_ && Alone() && !stopping_) {
    const std::size_t wanted = WantedJobs();
    found = false;
    if (wanted > 0) found = co_await Claim(wanted);
  }
  beside_ = false;
}

void Runtime::Wake(std::string_view queue) {
  if (!queue.empty() && queue != config_.queue) return;
  // The word reaches all workers: one after the other, they come in the same time as one at a time.
  if (!std::exchange(woken_, true)) {
    const auto turn =
        std::chrono::duration_cast<steady_clock::duration>(random_.Fraction() * pace_.spacing());
    not_before_ = std::max(not_before_, steady_clock::now() + turn);
  }
  changed_.cancel();
}

/// Until there may be something to claim.
asio::awaitable<void> Runtime::Rest(Backoff& polling) {
  // What one misses another finds, so that together they look as often as one alone.
  steady_clock::duration wait = polling.Next() * std::clamp(free_workers_, 1, kPollShare);
  if (again_within_) wait = std::min(wait, *again_within_);
  const auto until = steady_clock::now() + wait;
  while (!stopping_ && steady_clock::now() < until) {
    ReturnStale();
    if (woken_ && steady_clock::now() >= not_before_) {
      polling.Reset();
      co_return;
    }
    auto next = woken_ ? std::min(until, not_before_) : until;
    if (!waiting_.empty()) next = std::min(next, waiting_since_ + kWaitingMax);
    co_await PauseUntil(next);
  }
}

std::size_t Runtime::WantedJobs() {
  if (reporter_.backlog() >= kReportBacklogMax) return 0;
  return pace_.Want(attempts_.size() + waiting_.size() + claiming_, steady_clock::now());
}

asio::awaitable<void> Runtime::Pause(milliseconds longest) {
  return PauseUntil(steady_clock::now() + longest);
}

/// Or until something changes.
asio::awaitable<void> Runtime::PauseUntil(steady_clock::time_point latest) {
  changed_.expires_at(latest);
  co_await changed_.async_wait(kNoThrow);
}

void Runtime::Hear(const store::WorkerCount& workers) {
  free_workers_ = workers.free;
  pace_.ShareWith(static_cast<std::size_t>(workers.alike));
}

/// True when there was something.
asio::awaitable<bool> Runtime::Claim(std::size_t limit) {
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
  } catch (const pg::PgError& error) {
    spdlog::warn("could not claim jobs: {}", error.what());
  }
  claiming_ -= limit;
  pace_.Claimed(steady_clock::now() - begun);
  backlog_ = batch.jobs.size() == limit;
  again_within_ = batch.again_within;
  const bool found = !batch.jobs.empty();
  if (found) Take(std::move(batch));
  co_return found;
}

void Runtime::Take(store::ClaimedBatch batch) {
  std::vector<std::shared_ptr<Attempt>> claimed;
  claimed.reserve(batch.jobs.size());
  for (store::ClaimedJob& job : batch.jobs) {
    const auto begin_within = job.begin_within;
    claimed.push_back(MakeAttempt(std::move(job), batch.lease));
    if (begin_within) claimed.back()->begin_before = steady_clock::now() + *begin_within;
  }
  keeper_.Add(batch.lease, batch.begun, claimed);
  waiting_.insert(waiting_.end(), claimed.begin(), claimed.end());
  waiting_since_ = steady_clock::now();
  // A stop that came while the claim was under way: hand the jobs back at once.
  if (stopping_) {
    ReturnWaiting();
  } else {
    StartWaiting();
  }
}

void Runtime::StartWaiting() {
  std::vector<std::shared_ptr<Attempt>> plain;
  const auto now = steady_clock::now();
  while (!waiting_.empty() && running() < config_.concurrency) {
    std::shared_ptr<Attempt> attempt = std::move(waiting_.front());
    waiting_.pop_front();
    if (!MayBegin(*attempt)) continue;
    attempts_.insert(attempt);
    attempt->begun = now;
    attempt->job.notes = notes_.Open(attempt->job.lease_token, attempt->job.id);
    if (attempt->time_limit > 0ms) Spawn(Watch(attempt));
    if (std::holds_alternative<Handler>(attempt->entry.handler)) {
      plain.push_back(std::move(attempt));
    } else {
      Spawn(RunCoroutine(std::move(attempt)));
    }
  }
  threads_.Start(std::move(plain));
}

bool Runtime::MayBegin(Attempt& attempt) {
  if (attempt.reported) return false;
  if (attempt.reason != StopReason::kNone) {
    // Canceled, or its lease lost, before it began.
    Settle(attempt, Snoozed{});
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

/// Others may have room for what has waited here for long.
void Runtime::ReturnStale() {
  if (!waiting_.empty() && steady_clock::now() - waiting_since_ >= kWaitingMax) ReturnWaiting();
}

void Runtime::ReturnWaiting() {
  for (const auto& attempt : std::exchange(waiting_, {})) {
    attempt->Stop(StopReason::kShutdown);
    Settle(*attempt, Snoozed{});
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
    Spawn(EndWithNotes(std::move(ended), std::move(unsent)));
    return;
  }
  attempts_.erase(ended.attempt);
  Settle(*ended.attempt, std::move(ended.outcome));
}

asio::awaitable<void> Runtime::EndWithNotes(EndedAttempt ended, JobNotes::Unsent unsent) {
  co_await notes_.SendLast(ended.attempt->job.notes, std::move(unsent));
  attempts_.erase(ended.attempt);
  Settle(*ended.attempt, std::move(ended.outcome));
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
  Settle(*attempt, Snoozed{});
}

void Runtime::Settle(Attempt& attempt, Outcome outcome) {
  if (attempt.reported) return;
  attempt.reported = true;
  const bool succeeded = std::holds_alternative<Succeeded>(outcome);
  switch (attempt.reason) {
    case StopReason::kNone:
      break;
    case StopReason::kCanceled:
      // The lease knows that it was asked for: the job ends as canceled whatever the attempt says.
      if (!succeeded) {
        outcome = Failed{.error_class = "canceled",
                         .message = "the job was canceled while it ran",
                         .retryable = false};
      }
      break;
    case StopReason::kTimeout:
      outcome = Failed{
          .error_class = "timeout",
          .message = fmt::format("the attempt ran longer than {} ms", attempt.time_limit.count())};
      break;
    case StopReason::kLeaseLost:
      keeper_.Settle(attempt.job.lease_token, attempt.job.id);
      return;
    case StopReason::kShutdown:
      if (!succeeded) outcome = Snoozed{.delay = 0ms};
      break;
  }
  reporter_.Report(attempt, outcome);
}

void Runtime::StopAttempts() {
  ReturnWaiting();
  for (const auto& attempt : attempts_) attempt->Stop(StopReason::kShutdown);
}

asio::awaitable<void> Runtime::Drain() {
  stopping_ = true;
  ReturnWaiting();
  changed_.cancel();
  const auto grace_ends = steady_clock::now() + config_.grace;
  if (!attempts_.empty()) spdlog::info("waiting for {} running jobs", attempts_.size());
  while (!attempts_.empty() && steady_clock::now() < grace_ends) {
    co_await Pause(std::chrono::ceil<milliseconds>(grace_ends - steady_clock::now()));
  }
  if (!attempts_.empty()) spdlog::info("handing back {} running jobs", attempts_.size());
  StopAttempts();
  // Only keeper, reporter, notes and presence are left once the last handler has ended.
  while (!attempts_.empty() || loops_ > 4) co_await Pause(1s);
  notes_.Stop();
  while (loops_ > 3) co_await Pause(1s);
  reporter_.Stop();
  while (loops_ > 2) co_await Pause(1s);
  keeper_.Stop();
  while (loops_ > 1) co_await Pause(1s);
  presence_.Stop();
  while (loops_ > 0) co_await Pause(1s);
}

}  // namespace djps::worker
