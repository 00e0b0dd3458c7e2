#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <optional>
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
namespace json = boost::json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kLookAgain{1};
/// For the jobs that are left after measuring.
constexpr milliseconds kEndPatience{60'000};

/// The held transaction, from when it is to begin to when it is to end.
class HeldSpan {
 public:
  HeldSpan(const std::string& conninfo, const ContinuousSettings& settings)
      : conninfo_(conninfo), settings_(settings) {
    if (settings.hold != Hold::kNothing && settings.hold_after.count() == 0) Begin({});
  }

  /// `measured`: since the first window began. Called often.
  void Look(Clock::duration measured) {
    if (settings_.hold == Hold::kNothing) return;
    if (!from_ && measured >= settings_.hold_after) Begin(measured);
    if (!held_ || settings_.hold_for.count() == 0) return;
    if (measured >= settings_.hold_after + settings_.hold_for) End(measured);
  }

  void End(Clock::duration measured) {
    if (held_) to_ = measured;
    held_.reset();
  }

  void AddTo(json::object& results) const {
    if (from_) results["held_from_s"] = Seconds(*from_);
    if (to_) results["held_to_s"] = Seconds(*to_);
  }

 private:
  void Begin(Clock::duration measured) {
    held_.emplace(conninfo_, settings_.hold);
    from_ = measured;
  }

  const std::string& conninfo_;
  const ContinuousSettings& settings_;
  std::optional<HeldTransaction> held_;
  std::optional<Clock::duration> from_;
  std::optional<Clock::duration> to_;
};

/// The state that the producers and the meter share.
struct ContinuousLoop {
  asio::awaitable<void> Producer(std::size_t client) {
    asio::steady_timer timer(stage.io());
    while (!stage.stopping() && Clock::now() < end) {
      const std::size_t batch = settings.load.batch;
      // A batch may be larger than the limit of outstanding jobs: then there is one batch at a
      // time.
      const std::uint64_t waiting = sent - board.finished();
      if (waiting > 0 && waiting + batch > settings.outstanding) {
        timer.expires_after(kLookAgain);
        co_await timer.async_wait(asio::use_awaitable);
        continue;
      }
      sent += batch;
      std::vector<std::string> payloads(batch, maker.Make());
      co_await submitter.Submit(client, std::move(payloads));
      stored += batch;
    }
  }

  asio::awaitable<void> Meter() {
    asio::steady_timer timer(stage.io());
    // The workers' start is not part of the first window.
    while (board.finished() == 0) {
      if (stage.stopping()) co_return;
      timer.expires_after(kLookAgain);
      co_await timer.async_wait(asio::use_awaitable);
    }
    begin = Clock::now();
    began_at = std::chrono::system_clock::now();
    end = begin + settings.duration;
    const std::uint64_t base = board.finished();
    std::uint64_t before = base;
    Clock::time_point from = begin;
    // By the clock, so that a late check does not move the later windows.
    for (auto until = begin + settings.window; until <= end; until += settings.window) {
      while (Clock::now() < until) {
        if (stage.stopping()) co_return;
        timer.expires_at(std::min(until, Clock::now() + milliseconds(100)));
        co_await timer.async_wait(asio::use_awaitable);
      }
      measured_until = Clock::now();
      const std::uint64_t finished = board.finished();
      measured = finished - base;
      windows.push_back(PerSecond(finished - before, measured_until - from));
      watcher.window(std::chrono::duration_cast<milliseconds>(until - begin), windows.back());
      before = finished;
      from = measured_until;
    }
  }

  Clock::duration Measured() const {
    return begin == Clock::time_point{} ? Clock::duration{} : Clock::now() - begin;
  }

  Stage& stage;
  Submitter& submitter;
  const Board& board;
  const ContinuousSettings& settings;
  const Watcher& watcher;
  PayloadMaker maker;
  Clock::time_point begin = {};
  std::chrono::system_clock::time_point began_at = {};
  Clock::time_point end = Clock::time_point::max();  // until the first job is done
  std::vector<double> windows = {};
  std::uint64_t measured = 0;  // jobs done in all windows
  Clock::time_point measured_until = {};
  std::uint64_t sent = 0;
  std::uint64_t stored = 0;
};

const char* HoldName(Hold hold) {
  switch (hold) {
    case Hold::kNothing:
      return "nothing";
    case Hold::kSnapshot:
      return "snapshot";
    case Hold::kWriter:
      return "writer";
  }
  return "";
}

void AddWindows(json::object& results, const ContinuousLoop& loop) {
  results["jobs"] = loop.measured;
  results["seconds"] = loop.windows.empty() ? 0 : Seconds(loop.measured_until - loop.begin);
  results["jobs_per_s"] =
      loop.windows.empty() ? 0 : PerSecond(loop.measured, loop.measured_until - loop.begin);
  // For scripts that sample the server meanwhile, to align both.
  results["began_at_unix_s"] =
      std::chrono::duration<double>(loop.began_at.time_since_epoch()).count();
  results["windows_jobs_per_s"] = json::array(loop.windows.begin(), loop.windows.end());
  const bool comparable = loop.windows.size() > 1 && loop.windows.front() > 0;
  results["last_to_first"] =
      comparable ? json::value(loop.windows.back() / loop.windows.front()) : json::value(nullptr);
}

}  // namespace

Result<Report> RunContinuous(const Target& target, const ContinuousSettings& settings,
                             const Watcher& watcher) {
  Probe probe(target.conninfo);
  if (auto taken = probe.TakeQueue(); !taken) return tl::unexpected<Error>(taken.error());
  Board board(settings.work.workers);
  Workers workers(target.conninfo, settings.work, board);
  HeldSpan held(target.conninfo, settings);
  Stage stage(watcher);
  const auto submitter = MakeSubmitter(stage.io(), target, settings.load);
  probe.LogBytes();
  workers.Begin();
  ContinuousLoop loop{.stage = stage,
                      .submitter = *submitter,
                      .board = board,
                      .settings = settings,
                      .watcher = watcher,
                      .maker = PayloadMaker(settings.load.payload_bytes)};
  std::vector<asio::awaitable<void>> works;
  works.push_back(loop.Meter());
  for (std::size_t i = 0; i < settings.load.clients; ++i) works.push_back(loop.Producer(i));
  const Stage::Phase phase{.name = "submitting and working",
                           .jobs = [&board] { return board.finished(); },
                           .look =
                               [&] {
                                 workers.Check();
                                 held.Look(loop.Measured());
                               }};
  stage.Run(phase, std::move(works));
  const std::uint64_t log_bytes = probe.LogBytes();
  const std::uint64_t finished = board.finished();
  submitter->Close();
  held.End(loop.Measured());
  const Stage::Phase rest{.name = "working on what is left",
                          .jobs = phase.jobs,
                          .look = [&workers] { workers.Check(); }};
  const auto patience = Clock::now() + kEndPatience;
  stage.Wait(rest, [&] {
    return Clock::now() > patience || (board.finished() >= loop.sent && !probe.Busy());
  });

  Report report{.benchmark = "continuous", .interrupted = stage.interrupted()};
  AddLoad(report.settings, target, settings.load);
  AddWork(report.settings, settings.work);
  report.settings["seconds"] = Seconds(settings.duration);
  report.settings["window_seconds"] = Seconds(settings.window);
  report.settings["outstanding"] = settings.outstanding;
  report.settings["hold"] = HoldName(settings.hold);
  AddWindows(report.results, loop);
  held.AddTo(report.results);
  report.results["wal_bytes_per_job"] = PerJob(log_bytes, finished);
  report.results["submitted"] = loop.stored;
  AddWorkers(report.results, board, workers);
  workers.Stop();
  Conclude(report.results, target, probe);
  return report;
}

}  // namespace djps::bench
