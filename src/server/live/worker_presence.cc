#include "server/live/worker_presence.h"

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>
#include <vector>

#include "pg/error.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds kWriteInterval{3'000};
constexpr std::chrono::milliseconds kWriteTimeout{10'000};

}  // namespace

WorkerPresence::WorkerPresence(const asio::any_io_executor& executor, store::WorkerStore& store)
    : store_(store), wake_(executor) {}

void WorkerPresence::Seen(store::WorkerReport worker) {
  const auto known = seen_.find(worker.name);
  if (known == seen_.end()) {
    if (seen_.size() >= kNamesMax) return;
    std::string name = worker.name;
    seen_.emplace(std::move(name), std::move(worker));
  } else {
    // A heartbeat must not overwrite what a claim reported just before.
    store::WorkerReport& kept = known->second;
    if (!worker.queues.empty()) kept.queues = std::move(worker.queues);
    if (!worker.types.empty()) kept.types = std::move(worker.types);
    if (worker.capacity) kept.capacity = worker.capacity;
  }
  if (idle_) wake_.cancel();
}

asio::awaitable<void> WorkerPresence::Run() {
  while (!stopped_) {
    idle_ = seen_.empty();
    if (idle_) {
      wake_.expires_at(asio::steady_timer::time_point::max());
      co_await wake_.async_wait(kNoThrow);
      continue;
    }
    co_await Write();
    if (stopped_) break;
    wake_.expires_after(kWriteInterval);
    co_await wake_.async_wait(kNoThrow);
  }
}

asio::awaitable<void> WorkerPresence::Write() {
  std::vector<store::WorkerReport> workers;
  workers.reserve(seen_.size());
  for (auto& [name, worker] : seen_) workers.push_back(std::move(worker));
  seen_.clear();
  try {
    co_await store_.ReportWorkers(workers, pg::After(kWriteTimeout));
  } catch (const pg::PgError& error) {
    spdlog::debug("cannot record {} workers: {}", workers.size(), error.what());
  }
}

void WorkerPresence::Stop() {
  stopped_ = true;
  wake_.cancel();
}

}  // namespace djps::server
