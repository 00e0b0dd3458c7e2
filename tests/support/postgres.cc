#include "support/postgres.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <stdexcept>

#include "pg/session.h"
#include "store/migrator.h"

namespace djps::test_support {
namespace {

constexpr const char* kTemplate = "djps_template";

std::string WithDatabase(const std::string& conninfo, const std::string& name) {
  return conninfo + " dbname='" + name + "'";  // the last one given counts
}

std::string DatabaseName(int number) { return fmt::format("test_{}", number); }

PostgresEnvironment* Registered() {
  static auto* const kEnvironment = static_cast<PostgresEnvironment*>(
      testing::AddGlobalTestEnvironment(new PostgresEnvironment));  // gtest owns it
  return kEnvironment;
}

}  // namespace

/// Hundreds of databases would be gigabytes, and autovacuum would visit each of them in turn.
class PostgresEnvironment::Dropper : public testing::EmptyTestEventListener {
 public:
  explicit Dropper(PostgresEnvironment& environment) : environment_(environment) {}
  void OnTestEnd(const testing::TestInfo& /*test*/) override { environment_.DropDatabases(); }

 private:
  PostgresEnvironment& environment_;
};

PostgresEnvironment& Postgres() { return *Registered(); }

embedded::ServerBinaries TestBinaries() {
  const char* hint = std::getenv("DJPS_TEST_PG_BIN");  // NOLINT(concurrency-mt-unsafe)
  const auto binaries = embedded::FindServerBinaries(
      hint != nullptr ? std::optional<std::filesystem::path>(hint) : std::nullopt);
  if (!binaries) throw std::runtime_error(binaries.error().message);
  return *binaries;
}

void PostgresEnvironment::SetUp() {
  folder_.emplace();
  auto cluster = embedded::Cluster::Start(
      {.binaries = TestBinaries(), .data_dir = folder_->path() / "data", .durable = false});
  if (!cluster) throw std::runtime_error(cluster.error().message);
  cluster_ = std::move(*cluster);
  pg::Session admin(cluster_->connection_string());
  admin.Run(fmt::format("create database {}", kTemplate));
  const auto migrated =
      store::ApplyMigrations(WithDatabase(cluster_->connection_string(), kTemplate));
  if (!migrated) throw std::runtime_error(migrated.error().message);
  testing::UnitTest::GetInstance()->listeners().Append(new Dropper(*this));  // gtest owns it
}

void PostgresEnvironment::TearDown() {
  cluster_.reset();
  folder_.reset();
}

std::string PostgresEnvironment::NewDatabase() {
  return Create(fmt::format("template {}", kTemplate));
}

std::string PostgresEnvironment::NewEmptyDatabase() { return Create(""); }

std::string PostgresEnvironment::Create(const std::string& options) {
  const std::string name = DatabaseName(++databases_);
  pg::Session admin(cluster_->connection_string());
  admin.Run(fmt::format("create database {} {}", name, options));
  return WithDatabase(cluster_->connection_string(), name);
}

void PostgresEnvironment::DropDatabases() try {
  if (dropped_ == databases_) return;
  pg::Session admin(cluster_->connection_string());
  while (dropped_ < databases_) {
    // With "if exists", since a test may drop its own; with force, since one may leave processes.
    admin.Run(fmt::format("drop database if exists {} with (force)", DatabaseName(++dropped_)));
  }
} catch (const std::exception& error) {
  ADD_FAILURE() << "the databases of this test cannot be dropped: " << error.what();
}

}  // namespace djps::test_support
