#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <utility>

#include "bench/payload.h"
#include "bench/probe.h"
#include "bench/report.h"
#include "bench/runs.h"
#include "bench/stage.h"
#include "bench/submitter.h"
#include "bench/workers.h"

namespace djps::bench {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

/// From the start of the workers to the first job: for connecting and preparing.
constexpr milliseconds kStartUp{500};
constexpr milliseconds kEndPatience{30'000};

/// The state that the senders share. Each takes the next place in the schedule. If all of them wait
/// for answers, the next jobs are sent late, and their latency counts from their scheduled time.
struct Schedule {
  asio::awaitable<void> Sender(std::size_t client) {
    asio::steady_timer timer(stage.io());
    while (!stage.stopping() && next < total) {
      const std::uint64_t index = next++;
      const Clock::time_point due = begin + gap * static_cast<std::int64_t>(index);
      if (Clock::now() < due) {
        timer.expires_at(due);
        co_await timer.async_wait(asio::use_awaitable);
      }
      const bool counts = index >= warm_up;
      std::vector<std::string> payloads(1, maker.Make(counts ? std::optional(due) : std::nullopt));
      co_await submitter.Submit(client, std::move(payloads));
      ++stored;
      if (counts) calls.Record(Clock::now() - due);
    }
  }

  Stage& stage;
  Submitter& submitter;
  PayloadMaker maker;
  Clock::time_point begin;
  nanoseconds gap;
  std::uint64_t warm_up;  // jobs that are not measured
  std::uint64_t total;
  std::uint64_t next = 0;
  std::uint64_t stored = 0;
  Histogram calls = {};
};

std::uint64_t JobsIn(milliseconds duration, std::uint64_t rate) {
  return static_cast<std::uint64_t>(duration.count()) * rate / 1000;
}

}  // namespace

Result<Report> RunLatency(const Target& target, const LatencySettings& settings,
                          const Watcher& watcher) {
  Probe probe(target.conninfo);
  if (auto taken = probe.TakeQueue(); !taken) return tl::unexpected<Error>(taken.error());
  Board board(settings.work.workers);
  Workers workers(target.conninfo, settings.work, board);
  Stage stage(watcher);
  const auto submitter = MakeSubmitter(stage.io(), target, settings.load);
  workers.Begin();
  const std::uint64_t warm_up = JobsIn(settings.warm_up, settings.rate);
  const auto schedule = std::unique_ptr<Schedule>(
      new Schedule{.stage = stage,
                   .submitter = *submitter,
                   .maker = PayloadMaker(settings.load.payload_bytes),
                   .begin = Clock::now() + kStartUp,
                   .gap = nanoseconds(std::chrono::seconds(1)) / settings.rate,
                   .warm_up = warm_up,
                   .total = warm_up + JobsIn(settings.duration, settings.rate)});
  const Stage::Phase phase{.name = "submitting on schedule",
                           .jobs = [&board] { return board.finished(); },
                           .look = [&workers] { workers.Check(); }};
  stage.Run(phase, settings.load.clients,
            [&schedule](std::size_t i) { return schedule->Sender(i); });
  const auto sent_in = Clock::now() - schedule->begin;
  submitter->Close();
  const auto patience = Clock::now() + kEndPatience;
  stage.Wait(phase, [&] {
    return Clock::now() > patience || (board.finished() >= schedule->stored && !probe.Busy());
  });

  Report report{.benchmark = "latency", .interrupted = stage.interrupted()};
  AddLoad(report.settings, target, settings.load);
  AddWork(report.settings, settings.work);
  report.settings["rate_per_s"] = settings.rate;
  report.settings["seconds"] = Seconds(settings.duration);
  report.settings["warm_up_seconds"] = Seconds(settings.warm_up);
  const auto pickup = std::make_unique<Histogram>();
  for (std::size_t i = 0; i < board.size(); ++i) pickup->Merge(board[i].pickup);
  report.results["jobs"] = schedule->stored;
  report.results["measured"] = pickup->count();
  report.results["sent_per_s"] = PerSecond(schedule->stored, sent_in);
  report.results["pickup_ms"] = Summary(*pickup);
  report.results["acknowledged_ms"] = Summary(schedule->calls);
  AddWorkers(report.results, board, workers);
  workers.Stop();
  Conclude(report.results, target, probe);
  return report;
}

}  // namespace djps::bench
