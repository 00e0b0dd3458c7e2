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
  bool http = false;  ///< Submit through a server, our own where none is named.
  bool keep = false;
};

/// What a benchmark runs against, and what was started for it.
struct BenchTarget {
  std::unique_ptr<bench::Playground> playground = {};
  std::unique_ptr<bench::BenchServer> server = {};
  bench::Target target = {};
};

/// Only options count, no variables: nobody shall load a database that is merely set somewhere.
/// Without any, a private Postgres is started. `needs_database`: a server alone does not do.
///
/// Errors: as the parts that it starts; kInvalidArgument for a server alone where it does not do;
///         as store::RequireCurrentSchema.
Result<BenchTarget> PrepareBench(const BenchTargetOptions& options, const Environment& environment,
                                 bool needs_database);

void AddBenchTargetOptions(CLI::App& command, BenchTargetOptions& options);

}  // namespace djps::cli
