#include <algorithm>
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

struct Filler {
  asio::awaitable<void> Client(std::size_t client) {
    while (sent < wanted && !stage.stopping()) {
      const auto count = std::min<std::uint64_t>(batch, wanted - sent);
      sent += count;
      std::vector<std::string> payloads(count, maker.Make());
      co_await submitter.Submit(client, std::move(payloads));
      stored += count;
    }
  }

  Stage& stage;
  Submitter& submitter;
  PayloadMaker maker;
  std::uint64_t wanted;
  std::size_t batch;
  std::uint64_t sent = 0;
  std::uint64_t stored = 0;
};

/// Stores the jobs; returns their number.
std::uint64_t Fill(Stage& stage, const Target& target, const DrainSettings& settings) {
  const auto submitter = MakeSubmitter(stage.io(), target, settings.load);
  Filler filler{stage, *submitter, PayloadMaker(settings.load.payload_bytes), settings.jobs,
                settings.load.batch};
  stage.Run({.name = "filling the queue", .jobs = [&filler] { return filler.stored; }},
            settings.load.clients, [&filler](std::size_t i) { return filler.Client(i); });
  submitter->Close();
  return filler.stored;
}

}  // namespace

Result<Report> RunDrain(const Target& target, const DrainSettings& settings,
                        const Watcher& watcher) {
  Probe probe(target.conninfo);
  if (auto taken = probe.TakeQueue(); !taken) return tl::unexpected<Error>(taken.error());
  Board board(settings.work.workers);
  Workers workers(target.conninfo, settings.work, board);
  Stage stage(watcher);
  Report report{.benchmark = "drain"};
  AddLoad(report.settings, target, settings.load);
  AddWork(report.settings, settings.work);
  report.settings["jobs"] = settings.jobs;

  probe.LogBytes();
  const std::uint64_t filled = Fill(stage, target, settings);
  report.results["wal_bytes_per_job_submitted"] = PerJob(probe.LogBytes(), filled);

  const auto begin = Clock::now();
  if (!stage.interrupted()) workers.Begin();
  const Stage::Phase phase{.name = "working",
                           .jobs = [&board] { return board.finished(); },
                           .look = [&workers] { workers.Check(); }};
  stage.Wait(phase, [&] { return board.finished() >= filled && !probe.Busy(); });
  const auto end = Clock::now();

  const std::uint64_t finished = board.finished();
  report.results["jobs"] = finished;
  report.results["seconds"] = Seconds(end - begin);
  report.results["jobs_per_s"] = PerSecond(finished, end - begin);
  if (finished > 0) {
    report.results["seconds_from_first_job"] = Seconds(end - board.FirstStart());
    report.results["jobs_per_s_from_first_job"] = PerSecond(finished, end - board.FirstStart());
  }
  report.results["wal_bytes_per_job_worked"] = PerJob(probe.LogBytes(), finished);
  AddWorkers(report.results, board, workers);
  workers.Stop();
  Conclude(report.results, target, probe);
  report.interrupted = stage.interrupted();
  return report;
}

}  // namespace djps::bench
