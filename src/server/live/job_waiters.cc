#include "server/live/job_waiters.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace djps::server {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

constexpr milliseconds kTryIntervalMin{5};
constexpr milliseconds kTryIntervalMax{250};
constexpr std::size_t kTriesMax = 64;
/// A waiter that tried and found nothing waits again at once; its kind must still be known then.
constexpr milliseconds kForgotten{1'000};

/// Names hold no NUL (core/validation.h).
std::string NeedKey(const WorkNeed& need) {
  std::string kind;
  for (const std::string& queue : need.queues) (kind += queue) += '\0';
  for (const std::string& type : need.types) (kind += '\0') += type;
  return kind;
}

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

bool JobWaiters::Kind::Takes(const std::string& queue, const std::string& type) const {
  return Contains(queues, queue) && Contains(types, type);
}

JobWaiters::JobWaiters(asio::any_io_executor executor)
    : executor_(std::move(executor)), wake_(executor_) {}

asio::awaitable<WorkWake> JobWaiters::Wait(WorkNeed& need, Clock::time_point until) {
  if (stopped_) co_return WorkWake::kStopped;
  if (need.place == 0) need.place = ++last_place_;
  if (need.kind.empty()) need.kind = NeedKey(need);
  Waiter waiter{need, asio::steady_timer(executor_, until)};
  const auto [entry, fresh] = kinds_.try_emplace(need.kind);
  Kind& kind = entry->second;
  if (fresh) {
    kind.queues = need.queues;
    kind.types = need.types;
  }
  // The waiter has just tried a claim, but jobs may have come since: the first try is soon.
  if (kind.line.empty()) {
    kind.interval = kTryIntervalMin;
    kind.next_try = std::max(kind.next_try, Clock::now() + kTryIntervalMin);
  }
  kind.line.emplace(need.place, &waiter);
  if (kind.line.size() == 1) wake_.cancel();
  co_await waiter.timer.async_wait(asio::as_tuple(asio::use_awaitable));
  const auto still = kinds_.find(need.kind);
  if (still != kinds_.end() && still->second.line.contains(need.place)) {
    Leave(still->second, waiter, WorkWake::kTimeout);
  }
  co_return waiter.wake;
}

void JobWaiters::Leave(Kind& kind, Waiter& waiter, WorkWake wake) {
  waiter.wake = wake;
  waiter.timer.cancel();
  if (wake == WorkWake::kWork) ++kind.claiming;
  kind.line.erase(waiter.need.place);
}

void JobWaiters::Drop(const WorkNeed& need) {
  const auto kind = kinds_.find(need.kind);
  if (kind == kinds_.end()) return;
  const auto waiter = kind->second.line.find(need.place);
  if (waiter != kind->second.line.end()) Leave(kind->second, *waiter->second, WorkWake::kGone);
}

std::size_t JobWaiters::WakeFirst(Kind& kind) {
  while (!kind.line.empty()) {
    Waiter& waiter = *kind.line.begin()->second;
    const bool gone = waiter.need.gone();
    Leave(kind, waiter, gone ? WorkWake::kGone : WorkWake::kWork);
    if (!gone) return waiter.need.jobs;
  }
  return 0;
}

void JobWaiters::Finished(const WorkNeed& need, bool claimed) {
  Kind& kind = kinds_.at(need.kind);
  --kind.claiming;
  kind.found = kind.found || claimed;
  if (kind.claiming > 0) return;
  // After one successful claim there may be more jobs.
  kind.tries = kind.found ? std::min(kind.tries * 2, kTriesMax) : 1;
  if (std::exchange(kind.found, false)) {
    kind.interval = kTryIntervalMin;
    kind.next_try = Clock::now();
  }
  wake_.cancel();
}

void JobWaiters::Submitted(const std::string& queue, const std::string& type, std::size_t jobs) {
  const auto before = [](const Kind* a, const Kind* b) {
    return a->line.begin()->first < b->line.begin()->first;
  };
  std::vector<Kind*> takers;
  for (auto& [name, kind] : kinds_) {
    if (!kind.Takes(queue, type)) continue;
    TrySoon(kind);
    takers.push_back(&kind);
  }
  while (jobs > 0) {
    std::erase_if(takers, [](const Kind* kind) { return kind->line.empty(); });
    if (takers.empty()) return;
    Kind& first = **std::min_element(takers.begin(), takers.end(), before);
    jobs -= std::min(jobs, WakeFirst(first));
  }
}

void JobWaiters::Wake(std::string_view queue) {
  for (auto& [name, kind] : kinds_) {
    if (queue.empty() || Contains(kind.queues, queue)) TrySoon(kind);
  }
}

void JobWaiters::TrySoon(Kind& kind) {
  kind.interval = kTryIntervalMin;
  kind.next_try = std::min(kind.next_try, Clock::now() + kind.interval);
  wake_.cancel();
}

asio::awaitable<void> JobWaiters::Run() {
  while (!stopped_) {
    TryDue();
    wake_.expires_at(NextTry());
    co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

JobWaiters::Clock::time_point JobWaiters::NextTry() const {
  Clock::time_point next = Clock::time_point::max();
  for (const auto& [name, kind] : kinds_) {
    if (kind.claiming == 0 && !kind.line.empty()) next = std::min(next, kind.next_try);
  }
  return next;
}

void JobWaiters::TryDue() {
  const auto now = Clock::now();
  for (auto& [name, kind] : kinds_) {
    if (kind.line.empty() || kind.claiming > 0 || kind.next_try > now) continue;
    kind.next_try = now + kind.interval;
    kind.interval = std::min(kind.interval * 2, kTryIntervalMax);
    for (std::size_t i = 0; i < kind.tries; ++i) WakeFirst(kind);
  }
  std::erase_if(kinds_, [now](const auto& entry) {
    const Kind& kind = entry.second;
    return kind.line.empty() && kind.claiming == 0 && kind.next_try + kForgotten < now;
  });
}

std::size_t JobWaiters::waiting() const {
  std::size_t waiting = 0;
  for (const auto& [name, kind] : kinds_) waiting += kind.line.size();
  return waiting;
}

void JobWaiters::Stop() {
  stopped_ = true;
  for (auto& [name, kind] : kinds_) {
    while (!kind.line.empty()) Leave(kind, *kind.line.begin()->second, WorkWake::kStopped);
  }
  wake_.cancel();
}

}  // namespace djps::server
