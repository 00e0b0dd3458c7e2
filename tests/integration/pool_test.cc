// The connection pool against a server that dies, stalls and comes back.
#include "pg/pool.h"

#include <signal.h>

#include "support/log_capture.h"
#include "support/store_fixture.h"
#include "support/together.h"

namespace djps::pg {
namespace {

using namespace std::chrono_literals;
using test_support::PostgresEnvironment;
using test_support::RunUntil;
using test_support::StoreTest;
using test_support::Together;

const Type kSleepParams[] = {Type::kInt4};
const Column kSleepColumns[] = {{"done", Type::kInt4}};
constexpr ColumnAt<std::int32_t> kDone(0);
const Statement kSleep{"sleep", "select $1 as done from pg_sleep($1::float8 / 1000)", kSleepParams,
                       kSleepColumns};
const Statement kDivide{"divide", "select 1 / $1 as done", kSleepParams, kSleepColumns};
const Statement kFindNumber{"find_number", "select n as done from numbers where n = $1",
                            kSleepParams, kSleepColumns};
const Statement kBackend{"backend", "select pg_backend_pid() as done", {}, kSleepColumns};
const Type kSetupParams[] = {Type::kText};
const Statement kSetup{"setup", "select n as done from numbers where $1 <> ''", kSetupParams,
                       kSleepColumns};

Params Number(std::int32_t value) { return std::move(Params().Add(value)); }

class PoolTest : public StoreTest {
 protected:
  PoolTest() {
    small_ =
        std::make_unique<Pool>(io_.get_executor(), PoolConfig{.conninfo = conninfo_, .size = 1});
    small_->Start();
  }

  std::int32_t Sleep(std::int32_t ms, Deadline deadline) { return Run(SleepAsync(ms, deadline)); }
  boost::asio::awaitable<std::int32_t> SleepAsync(std::int32_t ms, Deadline deadline) {
    const Rows rows = co_await small_->Execute(kSleep, Number(ms), deadline);
    co_return rows[0].Get(kDone);
  }

  /// The Postgres process of the only connection.
  std::int32_t Backend() {
    const Rows rows = Run(small_->Execute(kBackend, {}, Soon()));
    return rows[0].Get(kDone);
  }

  void TerminateOthers() {
    sql_.Run(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid()");
  }

  std::unique_ptr<Pool> small_;
};

TEST_F(PoolTest, StatementsOfOneConnectionArePipelined) {
  int done = 0;
  for (int i = 0; i < 50; ++i) {
    boost::asio::co_spawn(
        io_, SleepAsync(i % 3, Soon()),
        [&, expected = i % 3](const std::exception_ptr& error, std::int32_t value) {
          EXPECT_FALSE(error);
          EXPECT_EQ(value, expected) << "an answer went to the wrong caller";
          ++done;
        });
  }
  EXPECT_TRUE(RunUntil(io_, [&] { return done == 50; }));
}

TEST_F(PoolTest, FailingStatementLeavesItsNeighboursAlone) {
  int good = 0;
  int bad = 0;
  for (int i = 0; i < 20; ++i) {
    boost::asio::co_spawn(io_, small_->Execute(kDivide, Number(i % 2), Soon()),
                          [&](const std::exception_ptr& error, const Rows&) {
                            try {
                              if (error) std::rethrow_exception(error);
                              ++good;
                            } catch (const PgError& caught) {
                              EXPECT_EQ(caught.sqlstate(), "22012");
                              EXPECT_FALSE(caught.outcome_unknown());
                              ++bad;
                            }
                          });
  }
  EXPECT_TRUE(RunUntil(io_, [&] { return good + bad == 20; }));
  EXPECT_EQ(good, 10);
}

TEST_F(PoolTest, MissedDeadlineFailsTheCallAndReplacesTheConnection) {
  ASSERT_EQ(Sleep(0, Soon()), 0);
  try {
    Sleep(20'000, After(50ms));
    FAIL() << "no deadline";
  } catch (const PgError& error) {
    EXPECT_TRUE(error.unavailable());
    EXPECT_TRUE(error.outcome_unknown());
  }
  EXPECT_EQ(Sleep(1, Soon()), 1) << "the next caller gets a fresh connection";
}

TEST_F(PoolTest, WhatGoesBehindAStatementIsATransactionOfItsOwn) {
  const Statement note{"note", "insert into notes values ($1) returning n as done", kSleepParams,
                       kSleepColumns};
  sql_.Run("create table notes (n int)");
  const auto noted = [this] { return sql_.Value("select array_agg(n order by n) from notes"); };
  ASSERT_EQ(Run(small_->Execute(kDivide, Number(1), Soon(), pg::Call{&note, Number(1)})).size(), 1);
  ASSERT_EQ(Sleep(0, Soon()), 0);
  EXPECT_EQ(noted(), "{1}");
  EXPECT_THROW(Run(small_->Execute(kDivide, Number(0), Soon(), pg::Call{&note, Number(2)})),
               PgError);
  ASSERT_EQ(Sleep(0, Soon()), 0);
  EXPECT_EQ(noted(), "{1,2}") << "it does not need the success of what it follows";
}

TEST_F(PoolTest, AStatementThatFailsBehindAnotherIsNobodysTrouble) {
  const Statement missing{"missing", "select n as done from numbers where n = $1", kSleepParams,
                          kSleepColumns};
  const std::int32_t before = Backend();
  ASSERT_EQ(Run(small_->Execute(kDivide, Number(1), Soon(), pg::Call{&missing, Number(7)})).size(),
            1);
  EXPECT_EQ(Sleep(1, Soon()), 1);
  EXPECT_EQ(Backend(), before);
  sql_.Run("create table numbers (n int); insert into numbers values (7)");
  EXPECT_EQ(Run(small_->Execute(missing, Number(7), Soon())).size(), 1) << "it is prepared again";
}

TEST_F(PoolTest, OneThatIsLateBehindAnotherIsGivenUpAlone) {
  sql_.Run("create table numbers (n int); insert into numbers values (7)");
  const std::int32_t before = Backend();
  sql_.Run("begin; lock table numbers in access exclusive mode");
  test_support::Together<Rows> waiting;
  waiting.Start(io_, small_->Execute(kFindNumber, Number(7), Soon()));
  try {
    Sleep(0, After(50ms));
    FAIL() << "no deadline";
  } catch (const PgError& error) {
    EXPECT_TRUE(error.outcome_unknown());
  }
  sql_.Run("commit");
  EXPECT_TRUE(waiting.Finish(io_).front()->value.has_value());
  EXPECT_EQ(Sleep(1, Soon()), 1) << "each answer goes to its own caller";
  EXPECT_EQ(Backend(), before) << "on the same connection";
}

TEST_F(PoolTest, OneThatIsLateBehindOneGivenUpEndsTheConnection) {
  const std::int32_t before = Backend();
  test_support::Together<std::int32_t> first;
  first.Start(io_, SleepAsync(200, Soon()));
  test_support::Together<std::int32_t> given_up;
  given_up.Start(io_, SleepAsync(20'000, After(50ms)));
  EXPECT_TRUE(given_up.Finish(io_).front()->unknown);
  EXPECT_EQ(first.Finish(io_).front()->value, 200);
  // Nobody waits for what runs now.
  EXPECT_THROW(Sleep(0, After(50ms)), PgError);
  EXPECT_NE(Backend(), before);
}

TEST_F(PoolTest, AConnectionThatRetiresFirstAnswersWhatIsUnderWay) {
  ASSERT_EQ(Sleep(0, Soon()), 0);
  const std::int32_t before = Backend();
  const Statement stale{"stale", "select * from changing", {}, kSleepColumns};
  sql_.Run("create table changing as select 1 as done");
  ASSERT_EQ(Run(small_->Execute(stale, {}, Soon())).size(), 1);
  sql_.Run("alter table changing add column more text");
  Together<std::int32_t> neighbour;
  neighbour.Start(io_, SleepAsync(200, Soon()));
  Together<Rows> late;
  late.Start(io_, small_->Execute(stale, {}, Soon()));
  Together<std::int32_t> behind;
  behind.Start(io_, SleepAsync(201, Soon()));
  EXPECT_TRUE(late.Finish(io_).front()->value.has_value());
  EXPECT_EQ(neighbour.Finish(io_).front()->value, 200);
  EXPECT_EQ(behind.Finish(io_).front()->value, 201) << "its answer was lost";
  EXPECT_NE(Backend(), before);
}

TEST_F(PoolTest, APoolOnDemandConnectsWithItsFirstStatement) {
  const auto count = [this] {
    return sql_.Value("select count(*) from pg_stat_activity where application_name = 'on demand'");
  };
  Pool pool(
      io_.get_executor(),
      {.conninfo = conninfo_ + " application_name='on demand'", .size = 1, .on_demand = true});
  pool.Start();
  ASSERT_EQ(Sleep(1, Soon()), 1);
  EXPECT_EQ(count(), "0");
  EXPECT_EQ(Run(pool.Execute(kBackend, {}, Soon())).size(), 1);
  EXPECT_EQ(count(), "1");
  pool.Close();
}

TEST_F(PoolTest, ConnectionsThatBreakAgainAndAgainAreLoggedOnce) {
  const test_support::LogCapture log(spdlog::level::info);
  for (int i = 0; i < 10; ++i) {
    const std::int32_t before = Backend();
    sql_.Run(fmt::format("select pg_terminate_backend({})", before));
    ASSERT_TRUE(RunUntil(io_, [&] { return !small_->connected(); }));
    ASSERT_TRUE(RunUntil(io_, [&] { return small_->connected(); }));
  }
  EXPECT_EQ(log.Lines("trying again"), 1) << log.text();
  EXPECT_EQ(log.Lines("connected to Postgres again"), 1) << log.text();
}

TEST_F(PoolTest, WhatTheServerRefusesIsWaitedOutAndSaysWhy) {
  Pool pool(io_.get_executor(), {.conninfo = conninfo_ + " dbname=nowhere", .size = 1});
  pool.Start();
  std::string what = "in time";
  // The first calls may be over before the server has answered.
  for (const Deadline end = Soon();
       what.ends_with("in time") && std::chrono::steady_clock::now() < end;) {
    try {
      Run(pool.Execute(kBackend, {}, After(50ms)));
      FAIL() << "there is a connection";
    } catch (const PgError& error) {
      EXPECT_TRUE(error.unavailable()) << error.sqlstate();
      EXPECT_FALSE(error.outcome_unknown());
      what = error.what();
    }
  }
  EXPECT_NE(what.find("database \"nowhere\" does not exist"), std::string::npos) << what;
  EXPECT_EQ(what.find("3D000"), std::string::npos) << what;
  EXPECT_EQ(what.find("LOCATION"), std::string::npos) << what;
  pool.Close();
}

TEST_F(PoolTest, APlainSessionSaysByCodeWhyItWasRefused) {
  const std::pair<std::string, std::string> cases[] = {
      {conninfo_ + " dbname=nowhere", "3D000"},
      {conninfo_ + " password=wrong", "28P01"},
      {conninfo_ + " user=nobody password=x", "28P01"},
      {"host=/nonexistent", "08006"},
  };
  for (const auto& [conninfo, state] : cases) {
    try {
      const Session session(conninfo);
      ADD_FAILURE() << "there is a connection";
    } catch (const PgError& error) {
      EXPECT_EQ(error.sqlstate(), state) << error.what();
      EXPECT_EQ(error.refused(), state != "08006");
      EXPECT_EQ(std::string(error.what()).find(".c:"), std::string::npos) << error.what();
    }
  }
}

TEST_F(PoolTest, TerminatedBackendIsReplaced) {
  ASSERT_EQ(Sleep(0, Soon()), 0);
  TerminateOthers();
  // The first call may still meet the dying connection.
  std::int32_t answer = 0;
  for (int i = 0; i < 50 && answer == 0; ++i) {
    try {
      answer = Sleep(1, Soon());
    } catch (const PgError& error) {
      EXPECT_TRUE(error.unavailable()) << error.sqlstate() << " " << error.what();
    }
  }
  EXPECT_EQ(answer, 1);
}

TEST_F(PoolTest, LostConnectionFailsEveryStatementUnderWayAsUnknown) {
  ASSERT_EQ(Sleep(0, Soon()), 0);
  int failed = 0;
  for (int i = 0; i < 3; ++i) {
    boost::asio::co_spawn(io_, SleepAsync(30'000, Soon()),
                          [&](const std::exception_ptr& error, std::int32_t) {
                            ASSERT_TRUE(error);
                            ++failed;
                          });
  }
  ASSERT_TRUE(RunUntil(io_, [&] {
    return sql_.Value(
               "select count(*) from pg_stat_activity where datname = current_database() "
               "and query like '%pg_sleep%' and state = 'active' "
               "and pid <> pg_backend_pid()") != "0";
  }));
  TerminateOthers();
  EXPECT_TRUE(RunUntil(io_, [&] { return failed == 3; }));
}

TEST_F(PoolTest, ReplacedFunctionIsFollowedWithoutReconnecting) {
  ASSERT_EQ(Run(upkeep_.EnsurePartitions(3, Soon())), 0);
  sql_.Run("alter function djps.ensure_partitions(integer) rename to ensure_partitions_old");
  sql_.Run(
      "create function djps.ensure_partitions(p_days integer) returns integer language sql as "
      "'select 42'");
  EXPECT_EQ(Run(upkeep_.EnsurePartitions(3, Soon())), 42);
}

TEST_F(PoolTest, NoConnectionWithinTheDeadlineSaysWhy) {
  boost::asio::io_context io(1);
  Pool lost(io.get_executor(), {.conninfo = "host=/nonexistent port=1", .size = 1});
  lost.Start();
  try {
    test_support::RunCoroutine(io, lost.Execute(kSleep, Number(1), After(200ms)));
    FAIL() << "an answer from nowhere";
  } catch (const PgError& error) {
    EXPECT_TRUE(error.unavailable());
    EXPECT_NE(std::string(error.what()).find("/nonexistent"), std::string::npos) << error.what();
  }
  lost.Close();
  io.restart();
  io.run_for(5s);
}

TEST_F(PoolTest, AStatementThatCannotBePreparedFailsItsCallsAndNoOthers) {
  const Statement missing{"missing", "select n as done from numbers where n = $1", kSleepParams,
                          kSleepColumns};
  sql_.Run("create table numbers (m int)");
  for (int i = 0; i < 2; ++i) {
    try {
      Run(small_->Execute(missing, Number(1), Soon()));
      ADD_FAILURE() << "there is an answer";
    } catch (const PgError& error) {
      EXPECT_EQ(error.sqlstate(), "42703") << error.what();
      EXPECT_FALSE(error.outcome_unknown());
      for (const char* said : {"the statement missing", "column \"n\" does not exist"}) {
        EXPECT_NE(std::string(error.what()).find(said), std::string::npos) << error.what();
      }
    }
    EXPECT_EQ(Sleep(1, Soon()), 1);
  }
  EXPECT_TRUE(small_->connected());

  sql_.Run("alter table numbers rename m to n; insert into numbers values (7)");
  EXPECT_EQ(Run(small_->Execute(missing, Number(7), Soon())).size(), 1);
}

TEST_F(PoolTest, CallersOfAStatementThatCannotBePreparedHearWhyAndLeaveOthersAlone) {
  const Statement missing{"missing", "select n as done from numbers where n = $1", kSleepParams,
                          kSleepColumns};
  ASSERT_EQ(Sleep(0, Soon()), 0);
  const std::string backend =
      "select string_agg(pid::text, ',') from pg_stat_activity "
      "where datname = current_database() and query like '%pg_sleep%' "
      "and pid <> pg_backend_pid()";
  const std::string before = sql_.Value(backend);
  int refused = 0;
  int answered = 0;
  // All are sent before the first answer has come.
  for (int i = 0; i < 5; ++i) {
    boost::asio::co_spawn(io_, small_->Execute(missing, Number(1), Soon()),
                          [&](const std::exception_ptr& error, const Rows&) {
                            ASSERT_TRUE(error);
                            try {
                              std::rethrow_exception(error);
                            } catch (const PgError& caught) {
                              EXPECT_EQ(caught.sqlstate(), "42P01") << caught.what();
                              EXPECT_FALSE(caught.outcome_unknown());
                            }
                            ++refused;
                          });
    boost::asio::co_spawn(io_, SleepAsync(1, Soon()),
                          [&](const std::exception_ptr& error, std::int32_t) {
                            EXPECT_FALSE(error) << "a neighbour lost its answer";
                            ++answered;
                          });
  }
  EXPECT_TRUE(RunUntil(io_, [&] { return refused == 5 && answered == 5; }));
  EXPECT_EQ(sql_.Value(backend), before) << "the connection was replaced";
}

TEST_F(PoolTest, AStatementThatCouldNotBePreparedInTimeIsPreparedByTheNextCall) {
  sql_.Run("create table numbers (n int); insert into numbers values (7)");
  const Statement locked{"locked", "select n as done from numbers where n = $1", kSleepParams,
                         kSleepColumns};
  const Statement limit{"limit", "select set_config('lock_timeout', $1 || 'ms', false) as done",
                        kSleepParams, kSleepColumns};
  Run(small_->Execute(limit, Number(50), Soon()));
  sql_.Run("begin; lock table numbers in access exclusive mode");
  try {
    Run(small_->Execute(locked, Number(7), Soon()));
    ADD_FAILURE() << "there is an answer";
  } catch (const PgError& error) {
    EXPECT_EQ(error.sqlstate(), "55P03") << error.what();
  }
  sql_.Run("commit");
  EXPECT_EQ(Run(small_->Execute(locked, Number(7), Soon())).size(), 1);
}

TEST_F(PoolTest, AConnectionThatCannotBeSetUpFailsEachCallWithTheDatabasesError) {
  Pool pool(io_.get_executor(), {.conninfo = conninfo_, .size = 2, .setup = &kSetup});
  pool.Start();
  try {
    Run(pool.Execute(kSleep, Number(1), Soon()));
    ADD_FAILURE() << "there is an answer";
  } catch (const PgError& error) {
    EXPECT_EQ(error.sqlstate(), "42P01") << error.what();
    EXPECT_FALSE(error.outcome_unknown());
  }
  EXPECT_FALSE(pool.connected());

  sql_.Run("create table numbers (n int)");
  ASSERT_TRUE(RunUntil(io_, [&] { return pool.connected(); })) << "it goes on trying";
  EXPECT_EQ(Run(pool.Execute(kSleep, Number(7), Soon())).size(), 1);
}

TEST_F(PoolTest, ServerKilledAndRestartedIsFoundAgain) {
  test_support::TemporaryFolder folder;
  auto cluster = embedded::Cluster::Start(
      {.binaries = test_support::TestBinaries(), .data_dir = folder / "data", .durable = false});
  ASSERT_TRUE(cluster) << cluster.error().message;
  boost::asio::io_context io(1);
  Pool pool(io.get_executor(), {.conninfo = (*cluster)->connection_string(), .size = 2});
  pool.Start();
  auto answer = test_support::RunCoroutine(io, pool.Execute(kSleep, Number(1), After(20s)));
  EXPECT_EQ(answer.size(), 1);
  kill((*cluster)->postmaster_pid(), SIGKILL);
  ASSERT_TRUE(RunUntil(io, [&] { return !pool.connected() && !pool.trouble().empty(); }))
      << "the death was not noticed";
  // The kernel closes a killed process's sockets a moment before it can be reaped.
  ASSERT_TRUE(RunUntil(io, [&] { return !(*cluster)->Running(); }));
  const auto restarted = (*cluster)->Restart();
  ASSERT_TRUE(restarted) << restarted.error().message;
  auto again = test_support::RunCoroutine(io, pool.Execute(kSleep, Number(1), After(20s)));
  EXPECT_EQ(again.size(), 1);
  pool.Close();
  io.restart();
  io.run_for(5s);
}

}  // namespace
}  // namespace djps::pg
