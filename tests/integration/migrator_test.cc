#include "store/migrator.h"

#include <fmt/format.h>

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
  EXPECT_EQ(applied->migrations.size(), sql::Migrations().size());
  EXPECT_EQ(applied->definitions.size(), sql::Definitions().size());
  const auto again = ApplyMigrations(database);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(again->migrations.empty());
  EXPECT_TRUE(again->definitions.empty());
  EXPECT_TRUE(RequireCurrentSchema(database));
}

TEST(MigratorTest, StatusOfADatabaseThatNeverSawDjps) {
  const std::string database = Postgres().NewEmptyDatabase();
  const auto status = ReadMigrations(database);
  ASSERT_TRUE(status) << status.error().message;
  ASSERT_EQ(status->migrations.size(), sql::Migrations().size());
  for (const MigrationStatus& migration : status->migrations) EXPECT_FALSE(migration.applied);
  EXPECT_EQ(status->definitions.size(), sql::Definitions().size());
  const auto current = RequireCurrentSchema(database);
  ASSERT_FALSE(current);
  EXPECT_EQ(current.error().code, ErrorCode::kSchemaOutdated);
  EXPECT_NE(current.error().message.find("djps migrate up"), std::string::npos);
}

TEST(MigratorTest, ADatabaseThatIsNotUtf8IsRefusedWithTheRemedy) {
  const std::string beside = Postgres().NewEmptyDatabase();
  pg::Session admin(beside);
  for (const std::string encoding : {"LATIN1", "SQL_ASCII"}) {
    const std::string name = "not_utf8";
    admin.Run("drop database if exists " + name);
    admin.Run(
        fmt::format("create database {} encoding '{}' lc_collate 'C' lc_ctype 'C' "
                    "template template0",
                    name, encoding));
    const std::string database = beside + " dbname=" + name;
    const auto applied = ApplyMigrations(database);
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().code, ErrorCode::kUnsupported);
    EXPECT_NE(applied.error().message.find("has the encoding " + encoding), std::string::npos);
    EXPECT_NE(applied.error().message.find("createdb --encoding=UTF8"), std::string::npos);
    const auto started = RequireCurrentSchema(database);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().message, applied.error().message);
  }
  admin.Run("drop database not_utf8");
}

TEST(MigratorTest, ManyNodesStartingAtOnceApplyEachMigrationOnce) {
  const std::string database = Postgres().NewEmptyDatabase();
  std::vector<std::future<Result<SchemaStatus>>> nodes;
  for (int i = 0; i < 12; ++i) {
    nodes.push_back(std::async(std::launch::async, [&] { return ApplyMigrations(database); }));
  }
  std::size_t applied = 0;
  std::size_t made = 0;
  for (auto& node : nodes) {
    const auto result = node.get();
    ASSERT_TRUE(result) << result.error().message;
    applied += result->migrations.size();
    made += result->definitions.size();
  }
  EXPECT_EQ(applied, sql::Migrations().size());
  EXPECT_EQ(made, sql::Definitions().size());
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

/// A database whose definitions a test changes, as another djps would.
class DefinitionsTest : public testing::Test {
 protected:
  /// The database has a function with another text and the same signature.
  void Replace(const std::string& kind, const std::string& name, const std::string& text) {
    sql_.Run(text);
    sql_.Run(fmt::format(
        "update djps.definitions set checksum = 'other' where kind = '{}' and name = '{}'", kind,
        name));
  }

  void ReplaceSnoozeLimit() {
    Replace("function", "snooze_limit",
            "create or replace function djps.snooze_limit() returns smallint "
            "language sql immutable parallel safe as $$ select 7::smallint $$");
  }

  using Names = std::vector<std::string>;
  Names Apply() {
    const auto applied = ApplyMigrations(database_);
    EXPECT_TRUE(applied) << applied.error().message;
    return applied ? applied->definitions : Names{};
  }

  std::string Oid(const std::string& function) {
    return sql_.Value("select '" + function + "'::regproc::oid");
  }

  std::string database_ = Postgres().NewDatabase();
  pg::Session sql_{database_};
};

TEST_F(DefinitionsTest, FunctionWithAnotherBodyIsReplaced) {
  ReplaceSnoozeLimit();
  const std::string oid = Oid("djps.snooze_limit");
  EXPECT_EQ(ReadMigrations(database_)->definitions, Names{"function snooze_limit"});
  EXPECT_TRUE(RequireCurrentSchema(database_)) << "only the body differs";
  EXPECT_EQ(Apply(), Names{"function snooze_limit"});
  EXPECT_EQ(sql_.Value("select djps.snooze_limit()"), "1000");
  EXPECT_EQ(Oid("djps.snooze_limit"), oid) << "sessions that have it in a plan go on";
  EXPECT_EQ(Apply(), Names{});
}

TEST_F(DefinitionsTest, UnchangedFunctionsAreNotMadeAgain) {
  // A body of which the journal knows nothing survives.
  sql_.Run(
      "create or replace function djps.snooze_limit() returns smallint "
      "language sql immutable parallel safe as $$ select 7::smallint $$");
  Replace("function", "lane_of", "select 1");
  EXPECT_EQ(Apply(), Names{"function lane_of"});
  EXPECT_EQ(sql_.Value("select djps.snooze_limit()"), "7");
}

TEST_F(DefinitionsTest, FunctionWithAnotherSignatureIsMadeAgain) {
  sql_.Run(
      "drop view djps.job_details; drop function djps.lane_of;"
      "create function djps.lane_of(job text, more integer) returns text "
      "language sql as $$ select job $$;"
      "create view djps.job_details as select djps.lane_of('a', 1);"
      "update djps.definitions set checksum = 'other', signature = 'other' "
      "where name = 'lane_of'");
  const auto current = RequireCurrentSchema(database_);
  ASSERT_FALSE(current);
  EXPECT_EQ(current.error().code, ErrorCode::kSchemaOutdated);
  EXPECT_NE(current.error().message.find("function lane_of"), std::string::npos);
  EXPECT_EQ(Apply(), Names{"function lane_of"});
  EXPECT_EQ(sql_.Value("select count(*) from pg_proc where proname = 'lane_of'"), "1");
  EXPECT_EQ(sql_.Value("select count(*) from djps.job_details"), "0") << "its view is there again";
  EXPECT_TRUE(RequireCurrentSchema(database_));
}

TEST_F(DefinitionsTest, MissingFunctionIsMadeAndOneWithoutAFileIsDropped) {
  sql_.Run(
      "drop function djps.snooze_limit;"
      "delete from djps.definitions where name = 'snooze_limit';"
      "create function djps.forgotten(integer) returns integer language sql "
      "as $$ select 1 $$;"
      "insert into djps.definitions values ('function', 'forgotten', 'x', 'x')");
  EXPECT_EQ(RequireCurrentSchema(database_).error().code, ErrorCode::kSchemaOutdated);
  EXPECT_EQ(Apply(), (Names{"function snooze_limit", "function forgotten"}));
  EXPECT_EQ(sql_.Value("select djps.snooze_limit()"), "1000");
  EXPECT_EQ(sql_.Value("select count(*) from pg_proc where proname = 'forgotten'"), "0");
}

TEST_F(DefinitionsTest, ViewsAreReplacedByThoseWithOtherColumnsAndGrantedAgain) {
  Replace("view", "jobs",
          "drop view djps.job_details, djps.jobs;"
          "create view djps.jobs as select 1 as id;"
          "create view djps.job_details as select * from djps.jobs");
  sql_.Run(
      "create view djps.forgotten as select id from djps.jobs;"
      "insert into djps.definitions values ('view', 'forgotten', 'x', '')");
  EXPECT_EQ(Apply(), (Names{"view jobs", "view forgotten"}));
  EXPECT_EQ(sql_.Value("select to_regclass('djps.forgotten')"), "");
  EXPECT_EQ(sql_.Value("select count(*) from djps.job_details where progress is null"), "0");
  EXPECT_EQ(sql_.Value("select has_table_privilege('djps_reader', 'djps.jobs', 'select')"), "t");
}

TEST_F(DefinitionsTest, NothingChangesWhenAStepFails) {
  ReplaceSnoozeLimit();
  // A view of another user depends on ours.
  sql_.Run(
      "create view public.mine as select id from djps.jobs;"
      "update djps.definitions set checksum = 'other' where kind = 'view'");
  const auto applied = ApplyMigrations(database_);
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code, ErrorCode::kInternal);
  EXPECT_EQ(sql_.Value("select djps.snooze_limit()"), "7");
  EXPECT_EQ(ReadMigrations(database_)->definitions.size(), 3U);
  sql_.Run("drop view public.mine");
  EXPECT_EQ(Apply().size(), 3U);
}

TEST_F(DefinitionsTest, OlderBinaryPutsNothingBackIntoANewerSchema) {
  ReplaceSnoozeLimit();
  sql_.Run("insert into djps.migrations (version, name, checksum) values (9999, 'future', 'x')");
  EXPECT_EQ(ApplyMigrations(database_).error().code, ErrorCode::kSchemaNewer);
  EXPECT_EQ(sql_.Value("select djps.snooze_limit()"), "7");
}

TEST_F(DefinitionsTest, NodesStartingAtOnceReplaceAFunctionOnce) {
  ReplaceSnoozeLimit();
  std::vector<std::future<Result<SchemaStatus>>> nodes;
  for (int i = 0; i < 6; ++i) {
    nodes.push_back(std::async(std::launch::async, [&] { return ApplyMigrations(database_); }));
  }
  std::size_t made = 0;
  for (auto& node : nodes) {
    const auto result = node.get();
    ASSERT_TRUE(result) << result.error().message;
    made += result->definitions.size();
  }
  EXPECT_EQ(made, 1U);
}

// Postgres does not look into them while they are made (check_function_bodies).
TEST_F(DefinitionsTest, BodiesOfAllFunctionsAreValid) {
  for (const sql::Definition& definition : sql::Definitions()) {
    if (definition.kind != "function") continue;
    EXPECT_NO_THROW(sql_.Run(std::string(definition.text))) << definition.name;
  }
}

TEST_F(DefinitionsTest, NobodyElseMayCallAFunction) {
  EXPECT_EQ(sql_.Value("select string_agg(p.proname, ', ') from pg_proc p "
                       "where p.pronamespace = 'djps'::regnamespace and exists ("
                       "  select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a"
                       "  where a.grantee = 0)"),
            "");
}

/// The cluster has no roles, as if they had not been made yet.
class RolesTest : public testing::Test {
 protected:
  static constexpr const char* kRoles[] = {"djps_submit", "djps_worker", "djps_operator",
                                           "djps_reader"};

  void SetUp() override {
    for (const std::string role : kRoles) {
      admin_.Run(fmt::format("alter role {0} rename to {0}_away", role));
    }
    // It owns its database, and may make no roles.
    admin_.Run("create role plain_owner nologin");
    admin_.Run(fmt::format("alter database {} owner to plain_owner",
                           admin_.Value("select current_database()")));
  }

  void TearDown() override {
    admin_.Run("drop owned by plain_owner cascade");
    for (const std::string role : kRoles) {
      admin_.Run(fmt::format("drop owned by {0}; drop role {0}", role));
      admin_.Run(fmt::format("alter role {0}_away rename to {0}", role));
    }
    admin_.Run(fmt::format("alter database {} owner to current_user; drop role plain_owner",
                           admin_.Value("select current_database()")));
  }

  std::string database_ = Postgres().NewEmptyDatabase();
  std::string as_owner_ = database_ + " options='-c role=plain_owner'";
  pg::Session admin_{database_};
};

TEST_F(RolesTest, RolesMadeAfterTheMigrationGetTheirRightsFromTheNextOne) {
  ASSERT_TRUE(ApplyMigrations(as_owner_)) << "it may not make roles, and goes on";
  for (const std::string role : kRoles) admin_.Run("create role " + role);
  const auto again = ApplyMigrations(as_owner_);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(again->migrations.empty());
  pg::Session submitter(database_);
  submitter.Run("set role djps_submit");
  EXPECT_NE(submitter.Value("select djps.enqueue('t')"), "");
  pg::Session reader(database_);
  reader.Run("set role djps_reader");
  EXPECT_EQ(reader.Value("select count(*) from djps.jobs"), "1");
}

}  // namespace
}  // namespace djps::store
