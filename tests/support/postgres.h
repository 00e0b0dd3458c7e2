#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "embedded/cluster.h"
#include "support/temporary_folder.h"

namespace djps::test_support {

/// The private Postgres of a test binary: started once, removed at the end. Each test gets its own
/// database, which is dropped when the test ends, so tests do not affect each other.
class PostgresEnvironment : public testing::Environment {
 public:
  void SetUp() override;
  void TearDown() override;

  /// Makes a new, migrated, empty database; returns its connection string.
  std::string NewDatabase();

  /// Makes a new database without DJPS.
  std::string NewEmptyDatabase();

  /// The server itself, to be killed and restarted by tests that bring their own.
  embedded::Cluster& cluster() { return *cluster_; }

 private:
  class Dropper;
  std::string Create(const std::string& options);
  void DropDatabases();

  std::optional<TemporaryFolder> folder_;
  std::unique_ptr<embedded::Cluster> cluster_;
  int databases_ = 0;  // made so far
  int dropped_ = 0;    // of them, the first ones
};

/// The one registered by the binary's main.
PostgresEnvironment& Postgres();

/// The server binaries under test: the folder named by DJPS_TEST_PG_BIN, else what is installed.
embedded::ServerBinaries TestBinaries();

}  // namespace djps::test_support
