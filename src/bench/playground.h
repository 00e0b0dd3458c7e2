#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "djps/result.h"
#include "embedded/cluster.h"
#include "os/child.h"

namespace djps::bench {

/// A private Postgres for one benchmark, with its schema, in a folder that is removed with it. Its
/// settings are those of `djps dev`: every commit is on disk before it is answered.
class Playground {
 public:
  /// In the folder for temporary files (TMPDIR). Errors: as embedded::FindServerBinaries and
  /// embedded::Cluster::Start.
  static Result<std::unique_ptr<Playground>> Make(
      const std::optional<std::filesystem::path>& pg_bin);
  ~Playground();
  Playground(const Playground&) = delete;
  Playground& operator=(const Playground&) = delete;

  const std::string& conninfo() const { return conninfo_; }

 private:
  Playground() = default;

  std::filesystem::path folder_;
  std::unique_ptr<embedded::Cluster> cluster_;
  std::string conninfo_;
};

/// A private `djps server` on a database.
class BenchServer {
 public:
  /// Errors: kUnavailable when it does not come up.
  static Result<std::unique_ptr<BenchServer>> Start(const std::string& conninfo);
  ~BenchServer();
  BenchServer(const BenchServer&) = delete;
  BenchServer& operator=(const BenchServer&) = delete;

  std::string url() const;

 private:
  BenchServer(int port, os::Child process) : port_(port), process_(std::move(process)) {}

  int port_;
  os::Child process_;
};

}  // namespace djps::bench
