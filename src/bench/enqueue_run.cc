#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <optional>
#include <utility>

#include "bench/payload.h"
#include "bench/probe.h"
#include "bench/report.h"
#include "bench/runs.h"
#include "bench/stage.h"
#include "bench/submitter.h"

namespace djps::bench {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

/// What the clients share.
struct EnqueueLoop {
  EnqueueLoop(Stage& the_stage, const Target& target, const EnqueueSettings& the_settings)
      : stage(the_stage),
        settings(the_settings),
        maker(settings.load.payload_bytes),
        submitter(MakeSubmitter(stage.io(), target, settings.load)),
        begin(Clock::now()),
        last(begin) {}

  /// How many jobs the next call has; 0: no more calls.
  std::size_t Next() {
    if (stage.stopping()) return 0;
    if (!settings.jobs) return Clock::now() - begin < settings.duration ? settings.load.batch : 0;
    const auto count = std::min<std::uint64_t>(settings.load.batch, *settings.jobs - sent);
    sent += count;
    return count;
  }

  asio::awaitable<void> Client(std::size_t client) {
    for (std::size_t count = Next(); count > 0; count = Next()) {
      std::vector<std::string> payloads(count, maker.Make());
      const auto start = Clock::now();
      co_await submitter->Submit(client, std::move(payloads));
      last = Clock::now();
      calls.Record(last - start);
      jobs += count;
    }
  }

  Stage& stage;
  const EnqueueSettings& settings;
  PayloadMaker maker;
  std::unique_ptr<Submitter> submitter;
  Histogram calls;
  std::uint64_t sent = 0;  // asked for, where their number is limited
  std::uint64_t jobs = 0;  // acknowledged
  Clock::time_point begin;
  Clock::time_point last;
};

}  // namespace

Result<Report> RunEnqueue(const Target& target, const EnqueueSettings& settings,
                          const Watcher& watcher) {
  std::optional<Probe> probe;
  if (!target.conninfo.empty()) {
    probe.emplace(target.conninfo);
    if (auto taken = probe->TakeQueue(); !taken) return tl::unexpected<Error>(taken.error());
  }
  Stage stage(watcher);
  const auto loop = std::make_unique<EnqueueLoop>(stage, target, settings);
  if (probe) probe->LogBytes();
  loop->begin = Clock::now();
  stage.Run({.name = "submitting", .jobs = [&loop] { return loop->jobs; }}, settings.load.clients,
            [&loop](std::size_t i) { return loop->Client(i); });
  loop->submitter->Close();

  Report report{.benchmark = "enqueue", .interrupted = stage.interrupted()};
  AddLoad(report.settings, target, settings.load);
  if (settings.jobs) {
    report.settings["jobs"] = *settings.jobs;
  } else {
    report.settings["seconds"] = Seconds(settings.duration);
  }
  const auto took = loop->last - loop->begin;
  report.results["jobs"] = loop->jobs;
  report.results["seconds"] = Seconds(took);
  report.results["jobs_per_s"] = PerSecond(loop->jobs, took);
  report.results["call_ms"] = Summary(loop->calls);
  if (probe) {
    report.results["wal_bytes_per_job"] = PerJob(probe->LogBytes(), loop->jobs);
    Conclude(report.results, target, *probe);
  }
  return report;
}

}  // namespace djps::bench
