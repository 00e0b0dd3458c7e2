#include "support/postgres.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <stdlib.h>

#include <cstdlib>
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

PostgresEnvironment* Registered() {
  static auto* const kEnvironment = static_cast<PostgresEnvironment*>(
      testing::AddGlobalTestEnvironment(new PostgresEnvironment));  // gtest owns it
  return kEnvironment;
}

}  // namespace

PostgresEnvironment& Postgres() { return *Registered(); }

embedded::ServerBinaries TestBinaries() {
  const char* hint = std::getenv("DJPS_TEST_PG_BIN");  // NOLINT(concurrency-mt-unsafe)
  const auto binaries = embedded::FindServerBinaries(
      hint != nullptr ? std::optional<std::filesystem::path>(hint) : std::nullopt);
  if (!binaries) throw std::runtime_error(binaries.error().message);
  return *binaries;
}

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "djps-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  path_ = pattern;
  // A server started in here by root runs as somebody else, who must be able to pass.
  std::filesystem::permissions(path_, std::filesystem::perms(0755));
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void PostgresEnvironment::SetUp() {
  std::string pattern = (std::filesystem::temp_directory_path() / "djps-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  data_dir_ = pattern;
  auto cluster = embedded::Cluster::Start(
      {.binaries = TestBinaries(), .data_dir = data_dir_, .durable = false});
  if (!cluster) throw std::runtime_error(cluster.error().message);
  cluster_ = std::move(*cluster);
  pg::Session admin(cluster_->connection_string());
  admin.Run(fmt::format("create database {}", kTemplate));
  const auto migrated =
      store::ApplyMigrations(WithDatabase(cluster_->connection_string(), kTemplate));
  if (!migrated) throw std::runtime_error(migrated.error().message);
}

void PostgresEnvironment::TearDown() {
  cluster_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(data_dir_, ignored);
}

std::string PostgresEnvironment::NewDatabase() {
  return Create(fmt::format("template {}", kTemplate));
}

std::string PostgresEnvironment::NewEmptyDatabase() { return Create(""); }

std::string PostgresEnvironment::Create(const std::string& options) {
  const std::string name = fmt::format("test_{}", ++databases_);
  pg::Session admin(cluster_->connection_string());
  admin.Run(fmt::format("create database {} {}", name, options));
  return WithDatabase(cluster_->connection_string(), name);
}

}  // namespace djps::test_support
