#pragma once

#include "bench/settings.h"
#include "djps/result.h"

namespace djps::bench {

// The benchmarks. Each needs a process without other threads, since it forks its workers.
//
// Errors: kConflict when the queue is not free. Other failures are thrown: pg::PgError,
// std::runtime_error. An interruption is not an error: the report says so and has the results so
// far.

/// How fast jobs can be submitted, each call waiting for its answer before the next (closed loop).
Result<Report> RunEnqueue(const Target& target, const EnqueueSettings& settings,
                          const Watcher& watcher);

/// How fast workers run jobs that are all stored before they start.
Result<Report> RunDrain(const Target& target, const DrainSettings& settings,
                        const Watcher& watcher);

/// How fast jobs are submitted and worked on at once, window by window.
Result<Report> RunContinuous(const Target& target, const ContinuousSettings& settings,
                             const Watcher& watcher);

/// The time from a job's scheduled submission to the start of its handler, at a fixed rate (open
/// loop: delays count from the scheduled time).
Result<Report> RunLatency(const Target& target, const LatencySettings& settings,
                          const Watcher& watcher);

/// This machine, and what the database says of itself.
boost::json::object DescribeEnvironment(const Target& target);

}  // namespace djps::bench
