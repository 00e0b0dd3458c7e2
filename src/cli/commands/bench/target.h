#pragma once

#include <memory>
#include <optional>
#include <string>

#include "bench/playground.h"
#include "bench/settings.h"
#include "cli/frame/options.h"
#include "cli/link/target.h"

namespace djps::cli {

/// Where a benchmark runs.
struct BenchTargetOptions {
  TargetOptions target;
  std::optional<std::string> pg_bin;
  bool http = false;  ///< Submit through a server; starts one if none is named.
  bool keep = false;
};

/// The database and server that a benchmark uses, and what was started for it.
struct BenchTarget {
  std::unique_ptr<bench::Playground> playground = {};
  std::unique_ptr<bench::BenchServer> server = {};
  bench::Target target = {};
};

/// Only options count, not variables, so that nobody loads a database by accident. Without options,
/// starts a private Postgres. `needs_database`: a server alone is not enough.
///
/// Errors: as the parts that it starts; kInvalidArgument for a server alone if it is not enough;
///         as store::RequireCurrentSchema.
Result<BenchTarget> PrepareBench(const BenchTargetOptions& options, const Environment& environment,
                                 bool needs_database);

void AddBenchTargetOptions(CLI::App& command, BenchTargetOptions& options);

}  // namespace djps::cli
