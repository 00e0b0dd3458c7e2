#include "server/job_waiters.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace djps::server {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr milliseconds kLookIntervalMin{5};
constexpr milliseconds kLookIntervalMax{250};
constexpr std::size_t kTriesMax = 64;

/// Does a worker that needs `need` take jobs of this queue and type?
bool Takes(const WorkNeed& need, const std::pair<std::string, std::string>& work) {
  return std::find(need.queues.begin(), need.queues.end(), work.first) != need.queues.end() &&
         std::find(need.types.begin(), need.types.end(), work.second) != need.types.end();
}

/// Names hold no NUL (core/validation.h).
std::string KindOf(const WorkNeed& need) {
  std::string kind;
  for (const std::string& queue : need.queues) (kind += queue) += '\0';
  for (const std::string& type : need.types) (kind += '\0') += type;
  return kind;
}

}  // namespace

JobWaiters::JobWaiters(asio::any_io_executor executor)
    : executor_(std::move(executor)),
      interval_(kLookIntervalMin),
      next_look_(Clock::now()),
      wake_(executor_) {}

asio::awaitable<WorkWake> JobWaiters::Wait(WorkNeed& need, Clock::time_point until) {
  if (stopped_) co_return WorkWake::kStopped;
  if (need.place == 0) need.place = ++last_place_;
  const std::uint64_t place = need.place;
  Waiter waiter{need, KindOf(need), asio::steady_timer(executor_, until)};
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
  found_ = found_ || claimed;
  if (claiming_ > 0) return;
  // Where there was something there may be more.
  tries_ = found_ ? std::min(tries_ * 2, kTriesMax) : 1;
  if (std::exchange(found_, false)) {
    interval_ = kLookIntervalMin;
    next_look_ = Clock::now();
  }
  wake_.cancel();
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
      Try();
      continue;
    }
    co_await wake_.async_wait(kNoThrow);
  }
}

void JobWaiters::Try() {
  std::map<std::string, std::size_t> sent;  // by kind
  for (auto waiter = line_.begin(); waiter != line_.end();) {
    std::size_t& like = sent[waiter->second->kind];
    if (like == tries_) {
      ++waiter;
    } else if (waiter->second->need.gone()) {
      waiter = Leave(waiter, WorkWake::kGone);
    } else {
      ++like;
      waiter = Leave(waiter, WorkWake::kWork);
    }
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
