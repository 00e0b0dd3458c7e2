#pragma once

#include "bench/settings.h"
#include "djps/result.h"

namespace djps::bench {

// The benchmarks. Each needs a process without other threads, since it forks its workers.
//
// Errors: kConflict when the queue is not free. What fails on the way is thrown: pg::PgError,
// std::runtime_error. An interruption is no error: the report says so and has what was measured.

/// How fast jobs can be submitted, each call waiting for its answer before the next (closed loop).
Result<Report> RunEnqueue(const Target& target, const EnqueueSettings& settings,
                          const Watcher& watcher);

/// How fast workers get through jobs that are all there when they begin.
Result<Report> RunDrain(const Target& target, const DrainSettings& settings,
                        const Watcher& watcher);

/// How fast jobs are submitted and worked on at once, window by window.
Result<Report> RunContinuous(const Target& target, const ContinuousSettings& settings,
                             const Watcher& watcher);

/// How long after the moment at which it should be sent a job's handler begins, at a fixed rate
/// (open loop: what is late for whatever reason counts from when it was due).
Result<Report> RunLatency(const Target& target, const LatencySettings& settings,
                          const Watcher& watcher);

/// This machine, and what the database says of itself.
boost::json::object DescribeEnvironment(const Target& target);

}  // namespace djps::bench
