#include "upkeep/upkeep.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace djps::upkeep {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// How often all nodes together check for expired leases and for jobs with a passed deadline that
/// no worker claimed, and how often each node checks at least, on average.
constexpr milliseconds kRescueSpacing{100};
constexpr milliseconds kRescueIntervalMax{3'000};
constexpr milliseconds kBurySpacing{1'000};
constexpr milliseconds kBuryIntervalMax{10'000};
/// How often nodes are counted for this: it need not be every second.
constexpr milliseconds kCountInterval{10'000};
constexpr int kOverduePerRound = 1'000;
constexpr int kLeasesPerRescue = 100;
constexpr int kPartitionDaysAhead = 3;
constexpr int kRowsPerPurge = 10'000;
/// A step that takes too long, such as with large payloads, is repeated with fewer jobs.
constexpr int kJobsPerHistoryStep = 2'000;
constexpr int kFewerJobs = 8;
constexpr int kKeysPerPurge = 2'000;
constexpr int kAuditPerPurge = 1'000;
constexpr milliseconds kStatementTimeout{10'000};

/// Call it when `what` has failed.
void Tell(TroubleLog& log, const std::string& what, std::string_view why) {
  const std::string text = fmt::format("cannot {}: {}", what, why);
  if (log.Begins(text)) spdlog::warn("{}; trying again", text);
}

/// Call it when `what` has succeeded.
void TellEnd(TroubleLog& log, std::string_view what) {
  if (log.Ends()) spdlog::info("can {} again", what);
}

constexpr const char* kMakePartitions = "make partitions ahead";
constexpr const char* kTidyUp = "tidy up";
constexpr const char* kThrowAway = "throw away what is past its retention";
constexpr const char* kDropPartition = "drop a partition";

}  // namespace

Upkeep::Upkeep(asio::any_io_executor executor, pg::Pool& quick, pg::Pool& slow, UpkeepConfig config)
    : executor_(std::move(executor)),
      config_(config),
      leases_(quick),
      operators_(quick),
      upkeep_(slow),
      census_(quick, {}, {}, kCountInterval),
      workers_(slow),
      progress_(slow),
      history_(slow),
      jobs_per_step_(kJobsPerHistoryStep),
      rescue_timer_(executor_),
      partition_timer_(executor_),
      history_timer_(executor_),
      ended_(executor_, asio::steady_timer::time_point::max()) {}

template <typename Loop>
void Upkeep::Spawn(Loop loop) {
  ++loops_;
  asio::co_spawn(executor_, std::move(loop), [this](const std::exception_ptr& error) {
    // The loops handle a failing database themselves; an exception here is a bug.
    if (error) std::rethrow_exception(error);
    --loops_;
    ended_.cancel();
  });
}

void Upkeep::Start() {
  Spawn(RescueLoop());
  Spawn(PartitionLoop());
  Spawn(HistoryLoop());
}

asio::awaitable<void> Upkeep::Stop() {
  stopping_ = true;
  rescue_timer_.cancel();
  partition_timer_.cancel();
  history_timer_.cancel();
  while (loops_ > 0) co_await ended_.async_wait(asio::as_tuple(asio::use_awaitable));
}

asio::awaitable<void> Upkeep::Sleep(asio::steady_timer& timer, milliseconds duration) {
  if (stopping_) co_return;
  timer.expires_after(duration);
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

/// Random, so that nodes that were started together do not check at the same time.
milliseconds Upkeep::Wait(int nodes, milliseconds spacing, milliseconds longest) {
  const milliseconds share = std::min(nodes * spacing, longest);
  if (share <= config_.rescue_interval) return config_.rescue_interval;
  const auto longer = share - config_.rescue_interval;
  return config_.rescue_interval +
         std::chrono::round<milliseconds>(2 * random_.Fraction() * longer);
}

asio::awaitable<void> Upkeep::RescueLoop() {
  while (!stopping_) {
    milliseconds wait = config_.rescue_interval;
    try {
      co_await RescueOnce();
      if (steady_clock::now() >= bury_at_) {
        co_await operators_.BuryOverdue(kOverduePerRound, pg::After(kStatementTimeout));
        bury_at_ = steady_clock::now() + Wait(nodes_, kBurySpacing, kBuryIntervalMax);
      }
      const auto count = co_await census_.Count(pg::After(kStatementTimeout));
      nodes_ = count.everywhere;
      wait = Wait(nodes_, kRescueSpacing, kRescueIntervalMax);
    } catch (const pg::PgError& error) {
      spdlog::debug("cannot check for expired leases and deadlines: {}", error.what());
    }
    co_await Sleep(rescue_timer_, wait);
  }
}

asio::awaitable<std::size_t> Upkeep::RescueOnce() {
  std::size_t rescued = 0;
  while (true) {
    const auto jobs =
        co_await leases_.RescueExpiredLeases(kLeasesPerRescue, pg::After(kStatementTimeout));
    for (const store::RescuedJob& job : jobs) {
      spdlog::warn("job {}: the lease of worker {} expired; it is {} now", job.id.ToString(),
                   job.worker, StatusName(job.status));
    }
    rescued += jobs.size();
    if (jobs.empty()) co_return rescued;
  }
}

asio::awaitable<void> Upkeep::PartitionLoop() {
  while (!stopping_) {
    milliseconds wait = config_.partition_interval;
    try {
      const int made =
          co_await upkeep_.EnsurePartitions(kPartitionDaysAhead, pg::After(kStatementTimeout));
      if (made > 0) spdlog::info("made {} partitions ahead", made);
      TellEnd(partition_log_, kMakePartitions);
    } catch (const pg::PgError& error) {
      // Partitions exist days ahead, and rows that no partition covers go to the default ones.
      Tell(partition_log_, kMakePartitions, error.what());
      wait = config_.partition_retry;
    }
    try {
      co_await TidyUp();
      TellEnd(tidy_log_, kTidyUp);
    } catch (const pg::PgError& error) {
      Tell(tidy_log_, kTidyUp, error.what());
    }
    co_await Sleep(partition_timer_, wait);
  }
}

asio::awaitable<void> Upkeep::HistoryLoop() {
  while (!stopping_) {
    milliseconds wait = config_.history_retry;
    try {
      wait = co_await ThrowAway();
      jobs_per_step_ = kJobsPerHistoryStep;
      TellEnd(history_log_, kThrowAway);
    } catch (const pg::PgError& error) {
      Tell(history_log_, kThrowAway, error.what());
      jobs_per_step_ = std::max(1, jobs_per_step_ / kFewerJobs);
    }
    co_await Sleep(history_timer_, wait);
  }
}

asio::awaitable<milliseconds> Upkeep::ThrowAway() {
  using Clock = std::chrono::steady_clock;
  while (!stopping_) {
    const auto start = Clock::now();
    const std::string done =
        co_await history_.RunStep(jobs_per_step_, pg::After(kStatementTimeout));
    std::int64_t keys = 0;
    if (done == "idle") {
      keys = co_await history_.PurgeExpiredKeys(kKeysPerPurge, pg::After(kStatementTimeout));
      keys += co_await history_.PurgeAudit(kAuditPerPurge, pg::After(kStatementTimeout));
      if (keys == 0) co_return config_.history_interval;
    }
    // Another node does it, or another transaction holds a lock for long.
    if (done == "busy" || done == "locked") co_return config_.history_retry;
    if (done == "dropped") {
      TellEnd(drop_log_, kDropPartition);
      spdlog::info("dropped a partition whose jobs are past retention");
    }
    if (done == "failed") Tell(drop_log_, kDropPartition, "see the log of Postgres");
    // Uses at most half of this node's time, so that claims come first.
    const auto took = std::chrono::ceil<milliseconds>(Clock::now() - start);
    co_await Sleep(history_timer_, std::max(took, config_.history_pause));
  }
  co_return config_.history_interval;
}

asio::awaitable<void> Upkeep::TidyUp() {
  const int forgotten =
      co_await workers_.ForgetWorkers(config_.worker_silence_max, pg::After(kStatementTimeout));
  if (forgotten > 0) spdlog::info("removed {} workers that were not seen for long", forgotten);
  co_await upkeep_.ForgetClaimCursors(config_.claim_cursors_kept, pg::After(kStatementTimeout));
  int deleted = 0;
  do {
    deleted = co_await progress_.PurgeProgress(config_.notes_kept, kRowsPerPurge,
                                               pg::After(kStatementTimeout));
  } while (deleted >= kRowsPerPurge && !stopping_);
}

}  // namespace djps::upkeep
