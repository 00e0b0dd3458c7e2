#include "store/claims/lease_returner.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <utility>
#include <vector>

#include "core/backoff.h"
#include "core/ids.h"
#include "store/statements.h"

namespace djps::store {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

constexpr std::size_t kLeasesMax = 10'000;
constexpr std::size_t kBatchMax = 1'000;
constexpr milliseconds kRetryBase{50};
constexpr milliseconds kRetryCap{2'000};
/// How long to wait for a claim that is still under way: longer than our sessions wait for a lock.
constexpr milliseconds kReturnTimeout{8'000};

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);

}  // namespace

LeaseReturner::LeaseReturner(pg::Pool& pool)
    : pool_(pool),
      pause_(pool.executor()),
      ended_(pool.executor(), asio::steady_timer::time_point::max()) {}

void LeaseReturner::Return(Uuid lease) {
  if (stopped_) return;
  if (leases_.size() >= kLeasesMax) leases_.pop_front();
  leases_.push_back(lease);
  if (std::exchange(running_, true)) return;
  asio::co_spawn(pool_.executor(), Run(shared_from_this()), [](const std::exception_ptr& error) {
    // A failing database is handled there; an exception here is a bug.
    if (error) std::rethrow_exception(error);
  });
}

asio::awaitable<void> LeaseReturner::Run(std::shared_ptr<LeaseReturner> self) {
  Backoff backoff(kRetryBase, kRetryCap);
  while (!self->leases_.empty()) {
    const bool done = co_await self->ReturnSome();
    if (done) backoff.Reset();
    if (done || self->stopped_) continue;
    self->pause_.expires_after(backoff.Next());
    co_await self->pause_.async_wait(kNoThrow);
  }
  self->running_ = false;
  self->ended_.cancel();
}

asio::awaitable<bool> LeaseReturner::ReturnSome() {
  const auto count = static_cast<std::ptrdiff_t>(std::min(leases_.size(), kBatchMax));
  const std::vector<Uuid> some(leases_.begin(), leases_.begin() + count);
  pg::Params params;
  params.Add(kLane).AddArray(some, [](const Uuid& lease) { return lease; });
  try {
    const pg::Rows jobs =
        co_await pool_.Execute(sql::kReturnLeases, std::move(params), pg::After(kReturnTimeout));
    if (!jobs.empty()) spdlog::info("gave back {} jobs of claims without an answer", jobs.size());
  } catch (const pg::PgError& error) {
    spdlog::debug("could not give back {} claims: {}", some.size(), error.what());
    // One of them is still under way: wait for its end again at once, to give its jobs back before
    // a rescue finds the expired lease.
    co_return error.sqlstate() == pg::kLockNotAvailable;
  }
  // Others may have been added meanwhile, and the oldest removed.
  std::erase_if(leases_, [&some](const Uuid& lease) {
    return std::find(some.begin(), some.end(), lease) != some.end();
  });
  co_return true;
}

asio::awaitable<void> LeaseReturner::Finish(pg::Deadline deadline) {
  if (running_) {
    ended_.expires_at(deadline);
    co_await ended_.async_wait(kNoThrow);
  }
  Stop();
}

void LeaseReturner::Stop() {
  stopped_ = true;
  if (!leases_.empty())
    spdlog::warn("{} claims could not be given back and end when their leases expire",
                 leases_.size());
  leases_.clear();
  pause_.cancel();
}

}  // namespace djps::store
