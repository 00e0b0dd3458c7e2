#include <sched.h>

#include <chrono>

#include "bench/probe.h"
#include "bench/process_memory.h"
#include "bench/runs.h"
#include "core/time_text.h"
#include "core/version.h"

namespace djps::bench {
namespace {

/// The processors that this process may use.
int CountCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 0;
}

}  // namespace

boost::json::object DescribeEnvironment(const Target& target) {
  boost::json::object environment;
  environment["measured_at"] = FormatTimestamp(
      std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()));
  environment["djps"] = kVersion;
  if (!target.conninfo.empty()) {
    Probe probe(target.conninfo);
    environment["postgres"] = probe.Version();
    environment["postgres_settings"] = probe.Settings();
  }
  environment["machine"] = boost::json::object{
      {"cores", CountCores()}, {"processor", ProcessorName()}, {"memory_bytes", MachineMemory()}};
  environment["target"] = target.described;
  return environment;
}

}  // namespace djps::bench
