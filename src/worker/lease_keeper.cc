#include "worker/lease_keeper.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <unordered_set>

namespace djps::worker {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

/// How often to query cancellations, and from which age of an attempt on: a cancellation arrives
/// within a second, and short jobs cost nothing.
constexpr std::chrono::milliseconds kListenInterval{600};

}  // namespace

LeaseKeeper::LeaseKeeper(asio::any_io_executor executor, store::LeaseStore& leases,
                         std::chrono::milliseconds duration)
    : leases_(leases), duration_(duration), timer_(executor) {}

void LeaseKeeper::Add(Uuid lease, steady_clock::time_point claimed_at,
                      const std::vector<std::shared_ptr<Attempt>>& attempts) {
  Held& held = held_[lease];
  held.claimed_at = claimed_at;
  held.expires_at = claimed_at + duration_;
  for (const auto& attempt : attempts) held.attempts.emplace(attempt->job.id, attempt);
}

void LeaseKeeper::Settle(Uuid lease, Uuid job) {
  const auto held = held_.find(lease);
  if (held == held_.end()) return;
  held->second.attempts.erase(job);
  if (held->second.attempts.empty()) held_.erase(held);
}

bool LeaseKeeper::Holds(Uuid lease) const {
  const auto held = held_.find(lease);
  return held != held_.end() && !held->second.lost && steady_clock::now() < held->second.expires_at;
}

asio::awaitable<void> LeaseKeeper::Run() {
  const auto beat_interval = duration_ / 3;
  auto next_beat = steady_clock::now() + beat_interval;
  while (!stopped_) {
    timer_.expires_after(std::min<steady_clock::duration>(kListenInterval, beat_interval));
    co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (stopped_) break;
    if (steady_clock::now() >= next_beat) {
      next_beat = steady_clock::now() + beat_interval;
      co_await Beat();
    }
    co_await HearCancellations();
    LoseExpired();
  }
}

asio::awaitable<void> LeaseKeeper::HearCancellations() {
  const auto old = steady_clock::now() - kListenInterval;
  std::vector<Uuid> asked;
  for (const auto& [lease, held] : held_) {
    if (!held.lost && held.claimed_at <= old) asked.push_back(lease);
  }
  if (asked.empty()) co_return;
  std::vector<store::Cancellation> found;
  try {
    found = co_await leases_.FindCancellations(asked, pg::After(duration_ / 3));
  } catch (const pg::PgError& error) {
    spdlog::debug("cannot query cancellations: {}", error.what());
  }
  for (const store::Cancellation& canceled : found) {
    const auto held = held_.find(canceled.lease);
    if (held == held_.end()) continue;
    const auto attempt = held->second.attempts.find(canceled.job);
    if (attempt == held->second.attempts.end() || attempt->second->reported) continue;
    if (attempt->second->reason == StopReason::kNone) {
      spdlog::info("job {} attempt {}: canceled; stopping it", canceled.job.ToString(),
                   attempt->second->job.attempt);
    }
    attempt->second->Stop(StopReason::kCanceled);
  }
}

void LeaseKeeper::Stop() {
  stopped_ = true;
  timer_.cancel();
}

asio::awaitable<void> LeaseKeeper::Beat() {
  std::vector<Uuid> beating;
  for (const auto& [lease, held] : held_) {
    if (!held.lost) beating.push_back(lease);
  }
  if (beating.empty()) co_return;
  const auto sent_at = steady_clock::now();
  std::vector<Uuid> missing;
  try {
    const std::vector<store::ExtendedLease> alive =
        co_await leases_.ExtendLeases(beating, duration_, pg::After(duration_ / 3));
    if (log_.Ends()) spdlog::info("heartbeats work again");
    std::unordered_set<Uuid> extended;
    for (const store::ExtendedLease& lease : alive) extended.insert(lease.id);
    for (const Uuid& lease : beating) {
      // Its last jobs may have ended while the heartbeat was under way.
      const auto held = held_.find(lease);
      if (held == held_.end()) continue;
      if (extended.contains(lease)) {
        held->second.expires_at = sent_at + duration_;
      } else {
        held->second.lost = true;
        missing.push_back(lease);
      }
    }
  } catch (const pg::PgError& error) {
    if (log_.Begins(error.what())) {
      spdlog::warn("heartbeat of {} leases failed: {}", beating.size(), error.what());
    }
  }
  if (!missing.empty()) co_await LoseUnlessEnded(std::move(missing));
}

asio::awaitable<void> LeaseKeeper::LoseUnlessEnded(std::vector<Uuid> leases) {
  std::vector<store::AttemptRef> running;
  for (const Uuid& lease : leases) {
    const auto held = held_.find(lease);
    if (held == held_.end()) continue;
    for (const auto& [job, attempt] : held->second.attempts) {
      if (!attempt->reported) running.push_back({lease, job});
    }
  }
  std::unordered_set<Uuid> ended;
  try {
    if (!running.empty()) {
      ended = co_await leases_.FindEndedAttempts(running, pg::After(duration_ / 3));
    }
  } catch (const pg::PgError& error) {
    spdlog::debug("cannot query why {} leases are gone: {}", leases.size(), error.what());
  }
  for (const store::AttemptRef& one : running) {
    const auto held = held_.find(one.lease);
    if (held == held_.end() || !ended.contains(one.job)) continue;
    const auto attempt = held->second.attempts.find(one.job);
    if (attempt == held->second.attempts.end()) continue;
    // Its handler has ended the job in SQL and still runs: there is nothing to report or stop.
    attempt->second->reported = true;
    Settle(one.lease, one.job);
  }
  for (const Uuid& lease : leases) {
    if (const auto held = held_.find(lease); held != held_.end()) Lose(held->second);
  }
}

void LeaseKeeper::LoseExpired() {
  for (auto& [lease, held] : held_) {
    if (!held.lost && steady_clock::now() >= held.expires_at) Lose(held);
  }
}

void LeaseKeeper::Lose(Held& held) {
  held.lost = true;
  for (const auto& [job, attempt] : held.attempts) {
    // The report of a finished handler is under way; the fence decides about it.
    if (attempt->reported) continue;
    spdlog::warn("job {} attempt {}: the lease was lost; stopping it", job.ToString(),
                 attempt->job.attempt);
    attempt->Stop(StopReason::kLeaseLost);
  }
}

}  // namespace djps::worker
