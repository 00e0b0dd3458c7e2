#include "bench/report.h"

#include <algorithm>
#include <cmath>

namespace djps::bench {

namespace json = boost::json;

namespace {

double Milliseconds(std::chrono::nanoseconds value) {
  constexpr double kNanoseconds = 1e6;
  constexpr double kDigits = 1e3;
  return std::round(static_cast<double>(value.count()) / kNanoseconds * kDigits) / kDigits;
}

json::value OrNull(const std::optional<std::uint64_t>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

}  // namespace

json::object Summary(const Histogram& histogram) {
  if (histogram.count() == 0) return {};
  json::object summary;
  summary["p50"] = Milliseconds(histogram.Quantile(0.5));
  summary["p90"] = Milliseconds(histogram.Quantile(0.9));
  summary["p99"] = Milliseconds(histogram.Quantile(0.99));
  summary["p99_9"] = Milliseconds(histogram.Quantile(0.999));
  summary["max"] = Milliseconds(histogram.max());
  return summary;
}

double Seconds(std::chrono::steady_clock::duration duration) {
  constexpr double kDigits = 1e4;
  return std::round(std::chrono::duration<double>(duration).count() * kDigits) / kDigits;
}

double PerSecond(std::uint64_t count, std::chrono::steady_clock::duration duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  return seconds > 0 ? std::round(static_cast<double>(count) / seconds * 10) / 10 : 0;
}

json::value PerJob(std::uint64_t bytes, std::uint64_t jobs) {
  return jobs == 0 ? json::value(nullptr) : json::value((bytes + jobs / 2) / jobs);
}

void AddLoad(json::object& settings, const Target& target, const LoadSettings& load) {
  settings["submitted_by"] = target.server.empty() ? "store" : "http";
  settings["clients"] = load.clients;
  settings["batch"] = load.batch;
  settings["payload_bytes"] = load.payload_bytes;
  if (target.server.empty()) settings["connections"] = std::min(load.connections, load.clients);
}

void AddWork(json::object& settings, const WorkSettings& work) {
  settings["workers"] = work.workers;
  settings["concurrency"] = work.concurrency;
  settings["handler_ms"] = work.handler.count();
  settings["failure_rate"] = work.failure_rate;
}

void AddWorkers(json::object& results, const Board& board, const Workers& workers) {
  results["handler_calls"] = board.Sum(&WorkerSlot::calls);
  results["failed_attempts"] = board.Sum(&WorkerSlot::failures);
  results["worker_peak_memory_bytes"] = OrNull(workers.PeakMemory());
}

void Conclude(json::object& results, const Target& target, Probe& probe) {
  results["postgres_memory_bytes"] = OrNull(probe.ServerMemory());
  const Probe::Counts counts = probe.CountJobs();
  results["stored"] = counts.submitted;
  results["succeeded"] = counts.succeeded;
  results["unfinished"] = counts.unfinished;
  if (!target.keep_jobs) probe.RemoveJobs();
}

}  // namespace djps::bench
