#include "worker/presence.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "pg/error.h"

namespace djps::worker {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kReportIntervalMin{5'000};
/// Shorter than the period that count_workers uses, and than the time after which a worker counts
/// as gone.
constexpr std::chrono::milliseconds kReportIntervalMax{20'000};
/// How often all workers together report, within these two limits, so that many workers are no
/// load.
constexpr std::chrono::milliseconds kReportSpacing{100};
/// Many workers are often started together: the first count is repeated soon.
constexpr std::chrono::milliseconds kSecondReport{1'000};
constexpr std::chrono::milliseconds kReportTimeout{2'000};
/// A stopping worker does not wait for a database that is away: its row expires.
constexpr std::chrono::milliseconds kGoodbyeTimeout{1'000};

}  // namespace

Presence::Presence(const asio::any_io_executor& executor, pg::Pool& pool,
                   store::WorkerReport report, std::function<std::size_t()> running,
                   Counted counted)
    : store_(pool),
      report_(std::move(report)),
      census_(pool, report_.queues.front(), report_.types),
      running_(std::move(running)),
      counted_(std::move(counted)),
      timer_(executor) {}

/// Returns how long to wait until the next report.
asio::awaitable<std::chrono::milliseconds> Presence::Report() {
  report_.running = static_cast<std::int32_t>(running_());
  const std::vector<store::WorkerReport> reports(1, report_);
  try {
    co_await store_.ReportWorkers(reports, pg::After(kReportTimeout));
    const store::WorkerCount count = co_await census_.Count(pg::After(kReportTimeout));
    counted_(count);
    co_return std::clamp(count.everywhere * kReportSpacing, kReportIntervalMin, kReportIntervalMax);
  } catch (const pg::PgError& error) {
    spdlog::debug("cannot record that this worker is alive: {}", error.what());
  }
  co_return kReportIntervalMin;
}

asio::awaitable<void> Presence::Run() {
  bool first = true;
  while (!stopped_) {
    const auto interval = co_await Report();
    if (stopped_) break;
    timer_.expires_after(std::exchange(first, false) ? kSecondReport : interval);
    co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  try {
    co_await store_.RemoveWorker(report_, pg::After(kGoodbyeTimeout));
  } catch (const pg::PgError& error) {
    spdlog::debug("cannot remove this worker from the list: {}", error.what());
  }
}

void Presence::Stop() {
  stopped_ = true;
  timer_.cancel();
}

}  // namespace djps::worker
