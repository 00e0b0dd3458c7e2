#include "worker/reporter.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <unordered_set>
#include <utility>

#include "core/job_options.h"
#include "core/job_rules.h"
#include "core/option_limits.h"
#include "core/text.h"
#include "worker/exec/outcome_limits.h"

namespace djps::worker {
namespace {

namespace asio = boost::asio;
using store::CompletedJob;
using store::FailedJob;
using store::ReturnedJob;

constexpr std::size_t kBatchMax = 1'000;
/// Far below Postgres's limit of one gigabyte per message, even with one more result.
constexpr std::size_t kBatchBytesMax = 16U << 20U;
constexpr std::size_t kErrorClassBytesMax = 200;
constexpr std::size_t kMessageBytesMax = 2'000;
constexpr std::chrono::milliseconds kRetryBase{50};
constexpr std::chrono::milliseconds kRetryCap{2'000};
constexpr std::chrono::milliseconds kWriteTimeout{10'000};
constexpr std::chrono::milliseconds kJudgeTimeout{2'000};

/// The longest snooze or retry delay; longer ones, and ones in the past, are brought into range so
/// that no handler can make an interval overflow.
std::chrono::milliseconds Bounded(std::chrono::milliseconds delay) {
  return std::clamp(delay, std::chrono::milliseconds(0), kDelayMax);
}

template <typename Jobs>
std::unordered_set<Uuid> SetOf(const Jobs& ids) {
  return {ids.begin(), ids.end()};
}

std::optional<std::string> HandlerPolicy(const Attempt& attempt) {
  const auto& policy = attempt.entry.options.retry;
  return policy ? std::optional(WriteRetryPolicy(*policy)) : std::nullopt;
}

FailedJob Describe(const Attempt& attempt, const Failed& failed) {
  return {.lease = attempt.job.lease_token,
          .job = attempt.job.id,
          .error_class = CleanText(failed.error_class, kErrorClassBytesMax),
          .message = CleanText(failed.message, kMessageBytesMax),
          .detail = CleanText(failed.detail, kDetailBytesMax),
          .retryable = failed.retryable,
          .retry_after =
              failed.retry_after ? std::optional(Bounded(*failed.retry_after)) : std::nullopt,
          .policy = HandlerPolicy(attempt)};
}

ReturnedJob Describe(const Attempt& attempt, const Snoozed& snoozed) {
  ReturnedJob job{.lease = attempt.job.lease_token, .job = attempt.job.id};
  // Handing a job back does not count as a snooze.
  if (attempt.reason == StopReason::kHandBack) return job;
  job.delay = Bounded(snoozed.delay);
  job.policy = HandlerPolicy(attempt);
  return job;
}

Failed UnfitResult(std::string_view trouble) {
  return {.error_class = "invalid_result",
          .message = fmt::format("the handler's result {}", trouble)};
}

/// A result that jsonb cannot hold is the handler's error and fails its attempt.
FailedJob RefusedResult(const CompletedJob& job, const pg::PgError& error) {
  return {.lease = job.lease,
          .job = job.job,
          .error_class = "invalid_result",
          .message = fmt::format("the handler's result is not JSON that Postgres can store: {}",
                                 error.what()),
          .detail = CleanText(job.result, kDetailBytesMax),
          .retryable = true,
          .retry_after = std::nullopt,
          .policy = std::nullopt};
}

}  // namespace

Reporter::Reporter(asio::any_io_executor executor, store::LeaseStore& leases, LeaseKeeper& keeper,
                   std::function<void()> written)
    : leases_(leases),
      keeper_(keeper),
      written_(std::move(written)),
      wake_(executor, asio::steady_timer::time_point::max()),
      backoff_(kRetryBase, kRetryCap) {}

void Reporter::Report(const Attempt& attempt, const Outcome& outcome) {
  const Job& job = attempt.job;
  const auto* succeeded = std::get_if<Succeeded>(&outcome);
  const auto trouble = succeeded != nullptr ? JsonTrouble(succeeded->result, kResultBytesMax)
                                            : std::optional<std::string>();
  if (trouble) {
    queue_.emplace_back(Describe(attempt, UnfitResult(*trouble)));
  } else if (succeeded != nullptr) {
    queue_.emplace_back(CompletedJob{job.lease_token, job.id, succeeded->result});
  } else if (const auto* failed = std::get_if<Failed>(&outcome)) {
    queue_.emplace_back(Describe(attempt, *failed));
  } else {
    queue_.emplace_back(Describe(attempt, std::get<Snoozed>(outcome)));
  }
  wake_.cancel();
}

void Reporter::Stop() {
  stopped_ = true;
  wake_.cancel();
}

asio::awaitable<void> Reporter::Run() {
  while (!stopped_ || !queue_.empty()) {
    if (queue_.empty() || trouble_) {
      if (trouble_) {
        wake_.expires_after(backoff_.Next());
      } else {
        wake_.expires_at(asio::steady_timer::time_point::max());
      }
      co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
      if (queue_.empty()) continue;
    }
    trouble_ = false;
    co_await WriteBatch(TakeBatch());
    if (!trouble_) backoff_.Reset();
  }
}

Reporter::Batch Reporter::TakeBatch() {
  Batch batch;
  std::size_t taken = 0;
  std::size_t bytes = 0;
  for (; taken < queue_.size() && taken < kBatchMax && bytes < kBatchBytesMax; ++taken) {
    Item& item = queue_[taken];
    if (auto* completed = std::get_if<CompletedJob>(&item)) {
      bytes += completed->result.size();
      batch.completed.push_back(std::move(*completed));
    } else if (auto* failed = std::get_if<FailedJob>(&item)) {
      batch.failed.push_back(std::move(*failed));
    } else {
      batch.returned.push_back(std::move(std::get<ReturnedJob>(item)));
    }
  }
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(taken));
  return batch;
}

asio::awaitable<void> Reporter::WriteBatch(Batch batch) {
  in_flight_ = batch.size();
  if (!batch.completed.empty()) co_await WriteKind(std::move(batch.completed));
  if (!batch.failed.empty()) co_await WriteKind(std::move(batch.failed));
  if (!batch.returned.empty()) co_await WriteKind(std::move(batch.returned));
  in_flight_ = 0;
  written_();
}

asio::awaitable<std::vector<Uuid>> Reporter::Send(const std::vector<CompletedJob>& jobs) {
  return leases_.CompleteJobs(jobs, pg::After(kWriteTimeout));
}

asio::awaitable<std::vector<Uuid>> Reporter::Send(const std::vector<FailedJob>& jobs) {
  std::vector<Uuid> held;
  const auto failed = co_await leases_.FailJobs(jobs, pg::After(kWriteTimeout));
  held.reserve(failed.size());
  for (const store::FailedAttempt& attempt : failed) held.push_back(attempt.id);
  co_return held;
}

asio::awaitable<std::vector<Uuid>> Reporter::Send(const std::vector<ReturnedJob>& jobs) {
  return leases_.ReturnJobs(jobs, pg::After(kWriteTimeout));
}

template <typename Job>
asio::awaitable<void> Reporter::WriteKind(std::vector<Job> jobs) {
  std::optional<pg::PgError> failure;
  std::vector<store::AttemptRef> refused;
  try {
    refused = Settle(jobs, co_await Send(jobs));
  } catch (const pg::PgError& error) {
    failure = error;
  }
  if (!refused.empty()) co_await JudgeRefused(std::move(refused));
  if (!failure) {
    if (log_.Ends()) spdlog::info("outcomes are reported again");
    co_return;
  }
  if (failure->bad_value()) {
    // A bad value must not prevent writing the other outcomes.
    co_await WriteOneByOne(jobs);
    co_return;
  }
  if (log_.Begins(failure->what())) {
    spdlog::warn("could not report {} outcomes: {}", jobs.size(), failure->what());
  }
  trouble_ = true;
  KeepForLater(std::move(jobs));
}

template <typename Job>
asio::awaitable<void> Reporter::WriteOneByOne(const std::vector<Job>& jobs) {
  std::vector<store::AttemptRef> refused;
  for (const Job& job : jobs) {
    const std::vector<Job> alone = {job};
    try {
      const auto lost = Settle(alone, co_await Send(alone));
      refused.insert(refused.end(), lost.begin(), lost.end());
    } catch (const pg::PgError& error) {
      if (!error.bad_value()) {
        trouble_ = true;
        KeepForLater(alone);
      } else if constexpr (std::is_same_v<Job, CompletedJob>) {
        queue_.emplace_back(RefusedResult(job, error));
      } else {
        // Texts are cleaned and delays bounded before this point, so this is a bug. The attempt
        // ends when the lease expires.
        spdlog::error("job {}: its outcome was refused: {}", job.job.ToString(), error.what());
        keeper_.Settle(job.lease, job.job);
      }
    }
  }
  if (!refused.empty()) co_await JudgeRefused(std::move(refused));
}

template <typename Jobs>
std::vector<store::AttemptRef> Reporter::Settle(const Jobs& jobs,
                                                const std::vector<Uuid>& accepted) {
  std::vector<store::AttemptRef> refused;
  const auto written = SetOf(accepted);
  for (const auto& job : jobs) {
    if (!written.contains(job.job)) {
      refused.push_back({job.lease, job.job});
    }
    keeper_.Settle(job.lease, job.job);
  }
  return refused;
}

asio::awaitable<void> Reporter::JudgeRefused(std::vector<store::AttemptRef> refused) {
  std::unordered_set<Uuid> ended;
  try {
    ended = co_await leases_.FindEndedAttempts(refused, pg::After(kJudgeTimeout));
  } catch (const pg::PgError& error) {
    spdlog::debug("cannot query why {} outcomes were refused: {}", refused.size(), error.what());
  }
  for (const store::AttemptRef& one : refused) {
    if (ended.contains(one.job)) {
      spdlog::debug("job {}: it was ended under its lease before", one.job.ToString());
    } else {
      spdlog::warn("job {}: the lease was lost, so its outcome was refused", one.job.ToString());
    }
  }
}

template <typename Jobs>
void Reporter::KeepForLater(Jobs jobs) {
  for (auto& job : jobs) {
    if (keeper_.Holds(job.lease)) {
      queue_.emplace_back(std::move(job));
    } else {
      spdlog::warn("job {}: its outcome could not be reported before the lease ran out",
                   job.job.ToString());
      keeper_.Settle(job.lease, job.job);
    }
  }
}

}  // namespace djps::worker
