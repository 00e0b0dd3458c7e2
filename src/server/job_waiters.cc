#include "server/job_waiters.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "pg/error.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr milliseconds kLookIntervalMin{5};
constexpr milliseconds kLookIntervalMax{250};
constexpr milliseconds kLookTimeout{10'000};
/// Due jobs that one look counts in a queue: more than this many waiters are woken in turns.
constexpr int kDueMax = 1'000;

/// Does a worker that needs `need` take `kind`?
bool Takes(const WorkNeed& need, const store::WorkKind& kind) {
  return std::find(need.queues.begin(), need.queues.end(), kind.first) != need.queues.end() &&
         std::find(need.types.begin(), need.types.end(), kind.second) != need.types.end();
}

}  // namespace

JobWaiters::JobWaiters(asio::any_io_executor executor, store::WorkerStore& store)
    : executor_(std::move(executor)),
      store_(store),
      interval_(kLookIntervalMin),
      next_look_(Clock::now()),
      wake_(executor_) {}

asio::awaitable<WorkWake> JobWaiters::Wait(WorkNeed& need, Clock::time_point until) {
  if (stopped_) co_return WorkWake::kStopped;
  if (need.place == 0) need.place = ++last_place_;
  const std::uint64_t place = need.place;
  Waiter waiter{need, asio::steady_timer(executor_, until)};
  if (line_.empty()) wake_.cancel();
  line_.emplace(place, &waiter);
  Count(need, 1);
  co_await waiter.timer.async_wait(kNoThrow);
  if (const auto found = line_.find(place); found != line_.end()) Leave(found, WorkWake::kTimeout);
  co_return waiter.wake;
}

JobWaiters::Line::iterator JobWaiters::Leave(Line::iterator waiter, WorkWake wake) {
  Waiter& left = *waiter->second;
  left.wake = wake;
  left.timer.cancel();
  Count(left.need, -1);
  if (wake == WorkWake::kWork) ++claiming_;
  return line_.erase(waiter);
}

void JobWaiters::Count(const WorkNeed& need, int change) {
  for (const std::string& queue : need.queues) {
    for (const std::string& type : need.types) {
      const auto kind = wanted_.try_emplace({queue, type}, 0).first;
      kind->second += change;
      if (kind->second == 0) wanted_.erase(kind);
    }
  }
}

void JobWaiters::Finished(bool claimed) {
  --claiming_;
  if (claimed) LookSoon();
  if (claiming_ == 0) wake_.cancel();
}

void JobWaiters::Submitted(const std::string& queue, const std::string& type, std::size_t jobs) {
  // Without anybody in the line somebody may be on the way to it, having just found nothing.
  if (!line_.empty() && !wanted_.contains({queue, type})) return;
  LookSoon();
  Grant({{{queue, type}, jobs}});
}

void JobWaiters::LookSoon() {
  interval_ = kLookIntervalMin;
  next_look_ = std::min(next_look_, Clock::now() + interval_);
  wake_.cancel();
}

void JobWaiters::Grant(Due due) {
  for (auto waiter = line_.begin(); waiter != line_.end() && !due.empty();) {
    WorkNeed& need = waiter->second->need;
    const auto useful = [&need](const auto& entry) { return Takes(need, entry.first); };
    auto entry = std::find_if(due.begin(), due.end(), useful);
    if (entry == due.end()) {
      ++waiter;
      continue;
    }
    if (need.gone()) {
      waiter = Leave(waiter, WorkWake::kGone);
      continue;
    }
    waiter = Leave(waiter, WorkWake::kWork);
    for (std::size_t left = need.jobs; left > 0 && entry != due.end();) {
      const std::size_t taken = std::min(left, entry->second);
      left -= taken;
      entry->second -= taken;
      if (entry->second == 0) due.erase(entry);
      entry = std::find_if(due.begin(), due.end(), useful);
    }
  }
}

asio::awaitable<void> JobWaiters::Run() {
  while (!stopped_) {
    if (line_.empty() || claiming_ > 0) {
      wake_.expires_at(Clock::time_point::max());
    } else if (Clock::now() < next_look_) {
      wake_.expires_at(next_look_);
    } else {
      next_look_ = Clock::now() + interval_;
      interval_ = std::min(interval_ * 2, kLookIntervalMax);
      co_await Look();
      continue;
    }
    co_await wake_.async_wait(kNoThrow);
  }
}

asio::awaitable<void> JobWaiters::Look() {
  std::vector<store::WorkKind> kinds;
  kinds.reserve(wanted_.size());
  for (const auto& [kind, waiters] : wanted_) kinds.push_back(kind);
  try {
    const auto found = co_await store_.FindDueWork(kinds, kDueMax, pg::After(kLookTimeout));
    // A submission woke somebody meanwhile: what was found may be theirs.
    if (claiming_ > 0) co_return;
    Due due;
    for (const store::DueWork& work : found) due.emplace(work.kind, work.jobs);
    Grant(std::move(due));
  } catch (const pg::PgError& error) {
    spdlog::debug("could not look for due jobs: {}", error.what());
  }
}

void JobWaiters::Stop() {
  stopped_ = true;
  for (auto waiter = line_.begin(); waiter != line_.end();) {
    waiter = Leave(waiter, WorkWake::kStopped);
  }
  wake_.cancel();
}

}  // namespace djps::server
