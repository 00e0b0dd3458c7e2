#include "worker/presence.h"

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "pg/error.h"

namespace djps::worker {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kReportInterval{5'000};
constexpr std::chrono::milliseconds kReportTimeout{2'000};
/// A worker that stops does not wait for a database that is away: it is forgotten in time.
constexpr std::chrono::milliseconds kGoodbyeTimeout{1'000};

}  // namespace

Presence::Presence(const asio::any_io_executor& executor, pg::Pool& pool,
                   store::WorkerReport report, std::function<std::size_t()> running)
    : store_(pool), report_(std::move(report)), running_(std::move(running)), timer_(executor) {}

asio::awaitable<void> Presence::Run() {
  while (!stopped_) {
    report_.running = static_cast<std::int32_t>(running_());
    const std::vector<store::WorkerReport> reports(1, report_);
    try {
      co_await store_.ReportWorkers(reports, pg::After(kReportTimeout));
    } catch (const pg::PgError& error) {
      spdlog::debug("could not say that this worker is there: {}", error.what());
    }
    if (stopped_) break;
    timer_.expires_after(kReportInterval);
    co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  try {
    co_await store_.RemoveWorker(report_.name, pg::After(kGoodbyeTimeout));
  } catch (const pg::PgError& error) {
    spdlog::debug("could not say goodbye: {}", error.what());
  }
}

void Presence::Stop() {
  stopped_ = true;
  timer_.cancel();
}

}  // namespace djps::worker
