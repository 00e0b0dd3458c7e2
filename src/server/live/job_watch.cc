#include "server/live/job_watch.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "pg/error.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);

/// The pause after a failed statement.
constexpr milliseconds kTroubleInterval{1'000};

}  // namespace

JobWatch::JobWatch(const asio::any_io_executor& executor, store::StateStore& states,
                   milliseconds ask_timeout, Pace pace)
    : states_(states),
      ask_timeout_(ask_timeout),
      pace_(pace),
      pause_(executor),
      interval_(pace.min) {}

asio::awaitable<void> JobWatch::Run() {
  while (!stopping_) {
    co_await Pause();
    if (stopping_) break;
    look_now_ = false;
    const auto began = Clock::now();
    try {
      const bool changed = co_await Look();
      interval_ = changed ? pace_.min : std::min(interval_ * 2, pace_.max);
    } catch (const pg::PgError& error) {
      spdlog::debug("cannot look after watched jobs: {}", error.what());
      interval_ = kTroubleInterval;
      look_now_ = false;
    }
    looked_at_ = Clock::now();
    look_took_ = looked_at_ - began;
  }
}

asio::awaitable<void> JobWatch::Pause() {
  while (!stopping_) {
    // Busy for at most half of the time, however many jobs are watched.
    const Clock::duration pause =
        look_now_ ? look_took_ : std::max<Clock::duration>(interval_, look_took_);
    const auto until = watched_.empty() ? Clock::time_point::max() : looked_at_ + pause;
    if (Clock::now() >= until) co_return;
    pause_.expires_at(until);
    co_await pause_.async_wait(kNoThrow);
  }
}

asio::awaitable<bool> JobWatch::Look() {
  std::vector<Uuid> ids;
  ids.reserve(watched_.size());
  for (const auto& [id, watched] : watched_) ids.push_back(id);
  const auto jobs = co_await states_.WatchJobs(ids, pg::After(ask_timeout_));
  bool changed = false;
  for (const store::WatchedJob& job : jobs) {
    const auto place = watched_.find(job.id);
    if (place == watched_.end() || place->second.state == job.state) continue;
    // The first state of a job is not a change: otherwise intervals would never grow while waiters
    // come.
    changed = changed || place->second.state.has_value();
    place->second.state = job.state;
    for (Subscription* subscription : place->second.subscriptions) subscription->changed_.cancel();
  }
  co_return changed;
}

void JobWatch::Stop() {
  stopping_ = true;
  pause_.cancel();
  for (auto& [id, watched] : watched_) {
    for (Subscription* subscription : watched.subscriptions) subscription->changed_.cancel();
  }
}

void JobWatch::Touch(std::span<const Uuid> ids) {
  if (watched_.empty()) return;
  if (std::any_of(ids.begin(), ids.end(), [&](const Uuid& id) { return watched_.contains(id); })) {
    look_now_ = true;
    pause_.cancel();
  }
}

JobWatch::Subscription::Subscription(JobWatch& watch, Uuid id, store::JobState known)
    : watch_(watch), id_(id), known_(known), changed_(watch.pause_.get_executor()) {
  watch_.watched_[id].subscriptions.push_back(this);
  watch_.interval_ = watch_.pace_.min;
  watch_.pause_.cancel();
}

JobWatch::Subscription::~Subscription() {
  const auto place = watch_.watched_.find(id_);
  std::erase(place->second.subscriptions, this);
  if (place->second.subscriptions.empty()) watch_.watched_.erase(place);
}

void JobWatch::Subscription::End() {
  ended_ = true;
  changed_.cancel();
}

asio::awaitable<std::optional<store::JobState>> JobWatch::Subscription::Next(
    Clock::time_point deadline) {
  while (!watch_.stopping_ && !ended_ && Clock::now() < deadline) {
    const auto& state = watch_.watched_.at(id_).state;
    if (state && *state != known_) {
      known_ = *state;
      co_return known_;
    }
    changed_.expires_at(deadline);
    co_await changed_.async_wait(kNoThrow);
  }
  co_return std::nullopt;
}

}  // namespace djps::server
