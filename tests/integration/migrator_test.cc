#include "store/migrator.h"

#include <future>

#include "pg/session.h"
#include "store/statements.h"
#include "support/postgres.h"

namespace djps::store {
namespace {

using test_support::Postgres;

TEST(MigratorTest, EmptyDatabaseGetsEveryMigrationOnce) {
  const std::string database = Postgres().NewEmptyDatabase();
  const auto applied = ApplyMigrations(database);
  ASSERT_TRUE(applied) << applied.error().message;
  EXPECT_EQ(applied->size(), sql::Migrations().size());
  const auto again = ApplyMigrations(database);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(again->empty());
  EXPECT_TRUE(RequireCurrentSchema(database));
}

TEST(MigratorTest, StatusOfADatabaseThatNeverSawDjps) {
  const std::string database = Postgres().NewEmptyDatabase();
  const auto status = ReadMigrations(database);
  ASSERT_TRUE(status) << status.error().message;
  ASSERT_EQ(status->size(), sql::Migrations().size());
  for (const MigrationStatus& migration : *status) EXPECT_FALSE(migration.applied);
  const auto current = RequireCurrentSchema(database);
  ASSERT_FALSE(current);
  EXPECT_EQ(current.error().code, ErrorCode::kSchemaOutdated);
  EXPECT_NE(current.error().message.find("djps migrate up"), std::string::npos);
}

TEST(MigratorTest, ManyNodesStartingAtOnceApplyEachMigrationOnce) {
  const std::string database = Postgres().NewEmptyDatabase();
  std::vector<std::future<Result<std::vector<MigrationStatus>>>> nodes;
  for (int i = 0; i < 12; ++i) {
    nodes.push_back(std::async(std::launch::async, [&] { return ApplyMigrations(database); }));
  }
  std::size_t applied = 0;
  for (auto& node : nodes) {
    const auto result = node.get();
    ASSERT_TRUE(result) << result.error().message;
    applied += result->size();
  }
  EXPECT_EQ(applied, sql::Migrations().size());
}

TEST(MigratorTest, SchemaNewerThanTheBinaryIsRefused) {
  const std::string database = Postgres().NewDatabase();
  pg::Session(database).Run(
      "insert into djps.migrations (version, name, checksum) values (9999, 'future', 'x')");
  for (const auto& error : {ApplyMigrations(database).error(), ReadMigrations(database).error(),
                            RequireCurrentSchema(database).error()}) {
    EXPECT_EQ(error.code, ErrorCode::kSchemaNewer);
    EXPECT_NE(error.message.find("9999"), std::string::npos) << error.message;
  }
  EXPECT_EQ(
      pg::Session(database).Value("select count(*) from djps.migrations where version = 9999"), "1")
      << "the journal of the newer binary must be left alone";
}

TEST(MigratorTest, EditedMigrationIsRefused) {
  const std::string database = Postgres().NewDatabase();
  pg::Session(database).Run("update djps.migrations set checksum = 'edited' where version = 1");
  const auto result = ApplyMigrations(database);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kSchemaChanged);
}

TEST(MigratorTest, UnreachableDatabaseIsUnavailable) {
  const auto result = ReadMigrations("host=/nonexistent port=1 user=djps dbname=djps");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kUnavailable);
}

TEST(MigratorTest, PartitionsCoverTodayAndTheDaysAhead) {
  pg::Session session(Postgres().NewDatabase());
  for (const char* table : {"facts", "outcomes", "attempts"}) {
    EXPECT_EQ(
        session.Value(std::string("select count(*) from pg_inherits where inhparent = 'djps.") +
                      table + "'::regclass"),
        "5")
        << table << ": today, three days ahead, and the default";
  }
  EXPECT_EQ(session.Value("select djps.ensure_partitions()"), "0")
      << "a second run finds them made";
  EXPECT_EQ(session.Value("select djps.ensure_partitions(5)"), "6");
  EXPECT_EQ(session.Value("select count(*) from pg_constraint where conname = 'bounds'"), "0");
}

TEST(MigratorTest, JobStampedOutsideAllPartitionsIsKept) {
  pg::Session session(Postgres().NewDatabase());
  session.Run(
      "insert into djps.facts (id, created_at, run_at, lane, priority, max_attempts, queue, type, "
      "payload) values ('01000000-0000-7000-8000-000000000000', now(), now(), 0, 0, 1, 'q', 't', "
      "'{}')");
  EXPECT_EQ(session.Value("select count(*) from djps.facts_default"), "1");
}

}  // namespace
}  // namespace djps::store
