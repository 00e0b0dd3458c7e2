// The settings of the benchmarks, and their progress reports.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace djps::bench {

/// The queue and the type of the benchmarks' jobs.
inline constexpr const char* kQueue = "bench";
inline constexpr const char* kType = "djps.bench";

/// The target of a benchmark.
struct Target {
  std::string conninfo = {};   ///< Empty: only submission through `server` can be measured.
  std::string server = {};     ///< http://HOST:PORT[/PREFIX]; empty: submit straight to Postgres.
  std::string token = {};      ///< For the server; empty: none.
  std::string described = {};  ///< For people: the database, and the source of its address.
  bool keep_jobs = false;      ///< Leave the jobs in the database afterwards.
};

/// How jobs are submitted.
struct LoadSettings {
  std::size_t clients = 16;  ///< Calls under way at once; over HTTP as many connections.
  std::size_t batch = 1;     ///< Jobs per call.
  std::size_t payload_bytes = 100;
  std::size_t connections = 4;  ///< To Postgres, where there is no server in between.
};

/// How jobs are worked on.
struct WorkSettings {
  std::size_t workers = 1;  ///< Processes.
  std::size_t concurrency = 200;
  std::chrono::milliseconds handler{0};  ///< How long a job takes.
  double failure_rate = 0;               ///< The share of attempts that fail, and are tried again.
};

struct EnqueueSettings {
  LoadSettings load;
  std::chrono::milliseconds duration{10'000};
  std::optional<std::uint64_t> jobs = {};  ///< Instead of the duration.
};

struct DrainSettings {
  LoadSettings load{.clients = 4, .batch = 1000};
  WorkSettings work;
  std::uint64_t jobs = 50'000;
};

enum class Hold { kNothing, kSnapshot, kWriter };

struct ContinuousSettings {
  LoadSettings load{.clients = 2, .batch = 200};
  WorkSettings work;
  std::chrono::milliseconds duration{30'000};
  std::chrono::milliseconds window{10'000};
  std::uint64_t outstanding = 6'000;  ///< Maximum number of submitted jobs that are not done.
  Hold hold = Hold::kNothing;
  std::chrono::milliseconds hold_after{0};  ///< Since the measuring began; 0: before the workers.
  std::chrono::milliseconds hold_for{0};    ///< 0: to the end.
};

struct LatencySettings {
  LoadSettings load{.clients = 64};
  WorkSettings work{.concurrency = 64};
  std::chrono::milliseconds duration{10'000};
  std::chrono::milliseconds warm_up{2'000};
  std::uint64_t rate = 500;  ///< Jobs per second.
};

/// Callbacks of a running benchmark.
struct Watcher {
  /// A few times a second: the phase, its start, and the number of jobs so far.
  std::function<void(const std::string& phase, std::chrono::milliseconds elapsed,
                     std::uint64_t jobs)>
      progress;
  /// The throughput of one window, as soon as it is known.
  std::function<void(std::chrono::milliseconds end, double jobs_per_s)> window;
  /// Called as often: true ends the benchmark early, with the results so far.
  std::function<bool()> interrupted;
};

struct Report {
  std::string benchmark;
  boost::json::object settings = {};
  boost::json::object results = {};
  bool interrupted = false;
};

}  // namespace djps::bench
