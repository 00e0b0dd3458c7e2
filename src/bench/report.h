// The parts of a report that several benchmarks share.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>

#include "bench/board.h"
#include "bench/histogram.h"
#include "bench/probe.h"
#include "bench/settings.h"
#include "bench/workers.h"

namespace djps::bench {

/// p50, p90, p99, p99.9 and the maximum, in milliseconds.
boost::json::object Summary(const Histogram& histogram);

double Seconds(std::chrono::steady_clock::duration duration);

/// `count` per second; 0 for no time at all.
double PerSecond(std::uint64_t count, std::chrono::steady_clock::duration duration);

/// Bytes of the log per job, rounded; null for no job.
boost::json::value PerJob(std::uint64_t bytes, std::uint64_t jobs);

void AddLoad(boost::json::object& settings, const Target& target, const LoadSettings& load);
void AddWork(boost::json::object& settings, const WorkSettings& work);

/// The work and the memory of the workers; call it while they run.
void AddWorkers(boost::json::object& results, const Board& board, const Workers& workers);

/// Counts this benchmark's jobs in the database; then removes them unless they are to be kept.
void Conclude(boost::json::object& results, const Target& target, Probe& probe);

}  // namespace djps::bench
