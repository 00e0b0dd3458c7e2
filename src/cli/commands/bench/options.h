#pragma once

#include <CLI/App.hpp>
#include <chrono>
#include <cstdint>
#include <string>

#include "bench/settings.h"
#include "cli/commands/bench/target.h"

namespace djps::cli {

inline constexpr std::int64_t kBenchJobsMax = 1'000'000'000;

template <typename Settings>
struct BenchOptions {
  BenchTargetOptions where;
  Settings settings;
  bool json = false;
};

// Options that several benchmarks share; the settings contain the defaults.

/// --seconds, a whole number.
CLI::Option* AddSeconds(CLI::App& command, std::chrono::milliseconds& duration,
                        const std::string& description);
/// --clients, --payload-bytes and --connections.
void AddClientOptions(CLI::App& command, bench::LoadSettings& load);
/// The same, and --batch.
void AddLoadOptions(CLI::App& command, bench::LoadSettings& load);
/// --workers, --concurrency, --handler-ms and --failure-rate.
void AddWorkOptions(CLI::App& command, bench::WorkSettings& work);
/// --hold, --hold-after and --hold-for.
void AddHoldOptions(CLI::App& command, bench::ContinuousSettings& settings);

}  // namespace djps::cli
