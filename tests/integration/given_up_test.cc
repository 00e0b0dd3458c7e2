// Statements that missed their deadline, and the Postgres processes that run them.
#include "support/store_fixture.h"
#include "support/together.h"

namespace djps::pg {
namespace {

using namespace std::chrono_literals;
using test_support::RunUntil;
using test_support::StoreTest;
using test_support::Together;

const Column kDoneColumns[] = {{"done", Type::kInt4}};
const Statement kSleep{"sleep", "select 1 as done from pg_sleep(3600)", {}, kDoneColumns};
const Statement kBackend{"backend", "select pg_backend_pid() as done", {}, kDoneColumns};
/// Ignores cancel requests; ends only when terminated.
const Statement kStubborn{"stubborn", "select stubborn() as done", {}, kDoneColumns};

class GivenUpTest : public StoreTest {
 protected:
  GivenUpTest() {
    small_.Start();
    Run(small_.Execute(kBackend, {}, Soon()));  // connects
    sql_.Run(R"(
create function stubborn() returns int language plpgsql as $$
begin
  loop
    begin
      perform pg_sleep(3600);
    exception when query_canceled then null;
    end;
  end loop;
end $$)");
  }

  std::string Count(const std::string& condition) {
    return sql_.Value(
        "select count(*) from pg_stat_activity where datname = current_database() and "
        "backend_type = 'client backend' and pid <> pg_backend_pid() and " +
        condition);
  }
  /// Gives up one statement after another, until the pool opens no connection any more.
  void GiveUpUntilFull(Pool& pool) {
    ASSERT_TRUE(RunUntil(io_, [&] {
      EXPECT_THROW(Run(pool.Execute(kStubborn, {}, After(20ms))), PgError);
      return pool.trouble().find("taken up already") != std::string::npos;
    }));
  }

  boost::asio::awaitable<Rows> SleepLong(Deadline deadline) {
    return small_.Execute(kSleep, {}, deadline);
  }

  Pool small_{io_.get_executor(), PoolConfig{.conninfo = conninfo_, .size = 1}};
  static constexpr const char* kIsStubborn = "query like '%stubborn()%' and state = 'active'";
};

TEST_F(GivenUpTest, AStatementThatMissedItsDeadlineIsCanceled) {
  EXPECT_THROW(Run(SleepLong(After(50ms))), PgError);
  EXPECT_TRUE(RunUntil(io_, [&] { return Count("query like '%pg_sleep%'") == "0"; }))
      << "its process goes on";
}

TEST_F(GivenUpTest, ThoseBehindItAreCanceledToo) {
  Together<Rows> calls;
  for (int i = 0; i < 3; ++i) calls.Start(io_, SleepLong(After(50ms)));
  for (const auto& outcome : calls.Finish(io_)) EXPECT_TRUE(outcome->unknown);
  EXPECT_TRUE(RunUntil(io_, [&] { return Count("query like '%pg_sleep%'") == "0"; }));
}

TEST_F(GivenUpTest, WhatPostgresDoesNotEndTakesUpABoundedNumberOfProcesses) {
  Pool pool(io_.get_executor(), {.conninfo = conninfo_, .size = 2});
  pool.Start();
  GiveUpUntilFull(pool);
  for (int i = 0; i < 20; ++i) EXPECT_THROW(Run(pool.Execute(kStubborn, {}, After(20ms))), PgError);
  EXPECT_EQ(Count(kIsStubborn), "4") << "twice the size of the pool";
  try {
    Run(pool.Execute(kBackend, {}, After(20ms)));
    ADD_FAILURE() << "there is a connection";
  } catch (const PgError& error) {
    EXPECT_FALSE(error.outcome_unknown());
    EXPECT_NE(std::string(error.what()).find("taken up already"), std::string::npos)
        << error.what();
  }

  sql_.Run(
      "select pg_terminate_backend(pid) from pg_stat_activity "
      "where datname = current_database() and query like '%stubborn()%' "
      "and pid <> pg_backend_pid()");
  EXPECT_EQ(Run(pool.Execute(kBackend, {}, Soon())).size(), 1) << "it comes back by itself";
  pool.Close();
}

TEST_F(GivenUpTest, ProcessesThatHangWhileTheyStartAreBoundedToo) {
  test_support::TemporaryFolder folder;
  auto cluster = embedded::Cluster::Start(
      {.binaries = test_support::TestBinaries(), .data_dir = folder / "data", .durable = false});
  ASSERT_TRUE(cluster) << cluster.error().message;
  Session admin((*cluster)->connection_string());
  admin.Run("begin; lock table pg_catalog.pg_db_role_setting in access exclusive mode");
  Pool pool(io_.get_executor(),
            {.conninfo = (*cluster)->connection_string(), .size = 2, .connect_timeout = 20ms});
  pool.Start();
  ASSERT_TRUE(
      RunUntil(io_, [&] { return pool.trouble().find("taken up already") != std::string::npos; }));
  EXPECT_EQ(admin.Value("select count(*) from pg_locks where not granted"), "4");
  admin.Run("commit");
  EXPECT_TRUE(RunUntil(io_, [&] { return pool.connected(); }));
  pool.Close();
  io_.restart();
  io_.run_for(5s);
}

}  // namespace
}  // namespace djps::pg
