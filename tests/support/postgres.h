#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "embedded/cluster.h"

namespace djps::test_support {

/// The private Postgres of a test binary: started once, thrown away at the end. Each test takes a
/// database of its own, so tests do not see each other.
class PostgresEnvironment : public testing::Environment {
 public:
  void SetUp() override;
  void TearDown() override;

  /// A new, migrated, empty database; gives back its connection string.
  std::string NewDatabase();

  /// A new database that has never seen DJPS.
  std::string NewEmptyDatabase();

  /// The server itself, to be killed and restarted by tests that bring their own.
  embedded::Cluster& cluster() { return *cluster_; }

 private:
  std::string Create(const std::string& options);

  std::string data_dir_;
  std::unique_ptr<embedded::Cluster> cluster_;
  int databases_ = 0;
};

/// The one registered by the binary's main.
PostgresEnvironment& Postgres();

/// The server binaries under test: the folder named by DJPS_TEST_PG_BIN, else what is installed.
embedded::ServerBinaries TestBinaries();

/// A new private folder, removed with everything in it at the end of the scope.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace djps::test_support
