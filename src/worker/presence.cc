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
/// Shorter than what count_workers goes back, and than what people see as away.
constexpr std::chrono::milliseconds kReportIntervalMax{20'000};
/// All workers together report this often, while that is within those two: many are no load.
constexpr std::chrono::milliseconds kReportSpacing{100};
/// Many workers are often started at once: the first count is taken again soon.
constexpr std::chrono::milliseconds kSecondReport{1'000};
constexpr std::chrono::milliseconds kReportTimeout{2'000};
/// A worker that stops does not wait for a database that is away: it is forgotten in time.
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

/// Gives back how long to wait for the next.
asio::awaitable<std::chrono::milliseconds> Presence::Report() {
  report_.running = static_cast<std::int32_t>(running_());
  const std::vector<store::WorkerReport> reports(1, report_);
  try {
    co_await store_.ReportWorkers(reports, pg::After(kReportTimeout));
    const store::WorkerCount count = co_await census_.Count(pg::After(kReportTimeout));
    counted_(count);
    co_return std::clamp(count.everywhere * kReportSpacing, kReportIntervalMin, kReportIntervalMax);
  } catch (const pg::PgError& error) {
    spdlog::debug("could not say that this worker is there: {}", error.what());
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
    spdlog::debug("could not say goodbye: {}", error.what());
  }
}

void Presence::Stop() {
  stopped_ = true;
  timer_.cancel();
}

}  // namespace djps::worker
