// Compares the headers of the .sql files with a migrated database.
#include <algorithm>
#include <boost/json/parse.hpp>
#include <set>

#include "store/history_store.h"
#include "store/progress_store.h"
#include "store/worker_store.h"
#include "support/store_fixture.h"

namespace djps {
namespace {

using namespace std::chrono_literals;
using test_support::StoreTest;

void Check(PGconn* conn, const pg::ResultHandle& result) {
  if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) {
    throw std::runtime_error(PQerrorMessage(conn));
  }
}

/// Prepares a statement exactly as pg::Connection does and asks Postgres what it is.
pg::ResultHandle Describe(PGconn* conn, const pg::Statement& statement) {
  std::vector<Oid> types;
  for (const pg::Type type : statement.params) types.push_back(static_cast<Oid>(type));
  const std::string name(statement.name);
  Check(conn, pg::ResultHandle(PQprepare(conn, name.c_str(), std::string(statement.text).c_str(),
                                         static_cast<int>(types.size()), types.data())));
  pg::ResultHandle described(PQdescribePrepared(conn, name.c_str()));
  Check(conn, described);
  return described;
}

class SqlContractTest : public StoreTest {};

TEST_F(SqlContractTest, EveryStatementIsWhatItsHeaderSays) {
  ASSERT_FALSE(sql::AllStatements().empty());
  for (const pg::Statement* statement : sql::AllStatements()) {
    SCOPED_TRACE(std::string(statement->name));
    const pg::ResultHandle described = Describe(sql_.handle(), *statement);
    EXPECT_EQ(PQnparams(described.get()), static_cast<int>(statement->params.size()))
        << "the signature and the $n in the text differ";
    ASSERT_EQ(PQnfields(described.get()), static_cast<int>(statement->columns.size()));
    for (int i = 0; i < PQnfields(described.get()); ++i) {
      const pg::Column& column = statement->columns[static_cast<std::size_t>(i)];
      EXPECT_EQ(PQfname(described.get(), i), column.name);
      EXPECT_EQ(PQftype(described.get(), i), static_cast<Oid>(column.type)) << column.name;
    }
  }
}

TEST_F(SqlContractTest, StatementNamesAreUnique) {
  std::set<std::string_view> names;
  for (const pg::Statement* statement : sql::AllStatements()) names.insert(statement->name);
  EXPECT_EQ(names.size(), sql::AllStatements().size());
}

TEST(SqlColumnsTest, AReaderIsSharedOnlyWhereNamesTypesAndOrderAreTheSame) {
  const pg::Column id{"id", pg::Type::kUuid};
  const pg::Column at{"at", pg::Type::kTimestamptz};
  const auto start = [](std::vector<pg::Column> columns, std::vector<pg::Column> first) {
    return pg::StartWith(columns, first);
  };
  EXPECT_TRUE(start({id, at}, {id, at}));
  EXPECT_TRUE(start({id, at}, {id}));
  EXPECT_FALSE(start({id}, {id, at}));
  EXPECT_FALSE(start({at, id}, {id, at}));
  EXPECT_FALSE(start({{"job", pg::Type::kUuid}}, {id}));
  EXPECT_FALSE(start({{"id", pg::Type::kText}}, {id}));
}

/// What a connection has run.
constexpr std::string_view kRunText =
    "select name from pg_prepared_statements where generic_plans + custom_plans > 0";
const pg::Column kRunColumns[] = {{"name", pg::Type::kText}};
constexpr pg::ColumnAt<std::string> kRunName(0);
const pg::Statement kRun{"run", kRunText, {}, kRunColumns};

/// Every statement must be run by a store.
class SqlCoverageTest : public StoreTest {
 protected:
  /// One connection, so that its list of prepared statements is complete.
  SqlCoverageTest()
      : single_(std::make_unique<pg::Pool>(
            io_.get_executor(),
            pg::PoolConfig{.conninfo = conninfo_, .size = 1, .setup = &sql::kConfigureSession})) {
    single_->Start();
  }

  std::unique_ptr<pg::Pool> single_;
};

TEST_F(SqlCoverageTest, EveryStatementIsReachedThroughAStore) {
  store::JobStore jobs(*single_);
  store::LookPace pace;
  pace.empty = 0ms;
  pace.idle = 0ms;
  pace.save = 0ms;
  store::LeaseStore leases(*single_, pace);
  store::OperatorStore operators(*single_);
  store::TokenStore tokens(*single_);
  store::UpkeepStore upkeep(*single_);
  store::WorkerStore workers(*single_);
  store::ProgressStore progress(*single_);
  store::ListStore lists(*single_);
  store::StateStore states(*single_);
  store::QueueStore queues(*single_);
  store::HistoryStore history(*single_);
  NewJob keyed{.type = "t"};
  keyed.idempotency_key = "k";
  Run(jobs.EnqueueJobs(std::vector<NewJob>(4, NewJob{.type = "t"}), Soon()));
  Run(jobs.EnqueueJobs({keyed}, Soon()));
  Run(jobs.EnqueueGuarded({keyed}, {.strict = true}, Soon()));
  const auto batch = Run(leases.ClaimJobs(
      {.queue = "default", .types = {"t"}, .limit = 10, .worker = "w", .lease = 10s}, Soon()));
  ASSERT_EQ(batch.jobs.size(), 5U);
  const store::ClaimRequest again{.queue = "default", .types = {"t"}, .worker = "w"};
  Run(leases.ClaimForMany({again, again}, Soon()));
  Run(jobs.FindJob(batch.jobs[0].id, Soon()));
  Run(leases.ExtendLeases({batch.lease}, 10s, Soon()));
  Run(progress.WriteProgress({{.lease = batch.lease, .job = batch.jobs[0].id}}, Soon()));
  Run(progress.WriteLogLines(batch.lease, batch.jobs[0].id, {{"info", "m"}}, Soon()));
  Run(progress.ListLogLines(batch.jobs[0].id, {}, 0, 10, Soon()));
  Run(progress.PurgeProgress(1h, 10, Soon()));
  Run(workers.ReportWorkers({{.name = "w", .kind = "http"}}, Soon()));
  Run(workers.ListWorkers(60s, 10, Soon()));
  Run(workers.CountWorkers("default", {"t"}, Soon()));
  Run(workers.RemoveWorker({.name = "w", .kind = "http"}, Soon()));
  Run(workers.ForgetWorkers(1h, Soon()));
  Run(leases.CompleteJobs({{batch.lease, batch.jobs[0].id, "1"}}, Soon()));
  Run(leases.FailJobs({{.lease = batch.lease, .job = batch.jobs[1].id}}, Soon()));
  Run(leases.ReturnJobs({{batch.lease, batch.jobs[2].id, 0ms}}, Soon()));
  leases.ReturnLease(Uuid{});
  Run(leases.FinishReturns(Soon()));
  Run(leases.FindCancellations({batch.lease}, Soon()));
  Run(leases.FindEndedAttempts({{batch.lease, batch.jobs[0].id}}, Soon()));
  Run(leases.RescueExpiredLeases(10, Soon()));
  Run(upkeep.ForgetClaimCursors(1h, Soon()));
  // A pool's own, when it listens; and a coroutine's that nobody waits for.
  Run(single_->Execute(sql::kListenForWork, {}, Soon()));
  const std::vector<std::string> told = {"default"};
  pg::Params named;
  named.AddArray(told, [](const std::string& queue) { return std::string_view(queue); });
  Run(single_->Execute(sql::kNotifyWorkers, std::move(named), Soon()));
  Run(lists.ListJobs({}, Soon()));
  Run(lists.ListJobs(
      {.filter = {.statuses = {JobStatus::kQueued}}, .order = store::ListOrder::kNext}, Soon()));
  for (const JobStatus status : {JobStatus::kRunning, JobStatus::kFailed, JobStatus::kDead}) {
    Run(lists.ListJobs({.filter = {.statuses = {status}}}, Soon()));
  }
  Run(lists.ListJobs({.filter = {.type = "t", .idempotency_key = "k"}}, Soon()));
  Run(lists.ListJobs({.filter = {.tag = "a"}}, Soon()));
  Run(states.ListAttempts(batch.jobs[1].id, Soon()));
  Run(states.WatchJobs({batch.jobs[1].id}, Soon()));
  Run(states.ExplainJob(batch.jobs[1].id, Soon()));
  Run(queues.ListQueues({}, {}, Soon()));
  Run(queues.CountLive(Soon()));
  Run(queues.CountOutcomes(Soon()));
  NewJob tagged{.type = "t"};
  tagged.tags = {"a"};
  Run(jobs.EnqueueJobs({tagged}, Soon()));
  const std::vector<Uuid> ids = {batch.jobs[1].id};
  Run(operators.EditJob(ids[0], {.priority = std::int16_t{1}}, "me", Soon()));
  Run(operators.CancelJobs(ids, "me", std::nullopt, Soon()));
  Run(operators.RetryJobs(ids, {JobStatus::kCanceled}, "me", Soon()));
  Run(operators.PurgeJobs(ids, {JobStatus::kCanceled}, "me", Soon()));
  Run(operators.BuryOverdue(10, Soon()));
  Run(operators.SetQueuePaused("q", true, "me", Soon()));
  Run(operators.SetQueueLimit("q", 5, "me", Soon()));
  Run(operators.ListFullQueues(Soon()));
  Run(operators.SetRetryPolicy("t", R"({"kind":"fixed","delay_ms":1})", "me", Soon()));
  Run(operators.ListRetryPolicies(Soon()));
  Run(operators.ListAudit("q", std::nullopt, 10, Soon()));
  Run(operators.OpenBulk({.action = "cancel", .detail = "{}"}, "me", Soon()));
  Run(operators.ListAuditJobs(1, 0, 10, Soon()));
  const auto token = Run(tokens.CreateToken({.grant = {"n", "admin"}}, "me", Soon()));
  Run(tokens.EnsureToken("a deployer's own text", "admin", "test", Soon()));
  Run(tokens.ListTokens(Soon()));
  Run(tokens.LoadActiveTokens(Soon()));
  Run(tokens.TouchToken(token.record.id, Soon()));
  Run(tokens.RevokeToken(token.record.id, "me", Soon()));
  Run(history.RunStep(10, Soon()));
  Run(history.PurgeExpiredKeys(10, Soon()));
  Run(history.PurgeAudit(10, Soon()));
  Run(history.SetAuditRetention(std::chrono::hours(48), "me", Soon()));
  Run(history.AuditRetention(Soon()));
  Run(history.SetRetention({"q", JobStatus::kDead, 24h}, false, "me", Soon()));
  Run(history.ListRetention(Soon()));
  Run(upkeep.EnsurePartitions(3, Soon()));
  Run(upkeep.CheckServer(Soon()));

  std::set<std::string> never_run;
  for (const pg::Statement* one : sql::AllStatements()) never_run.emplace(one->name);
  for (const pg::Row row : Run(single_->Execute(kRun, {}, Soon()))) {
    never_run.erase(row.Get(kRunName));
  }
  // The journals are read by the migrator, on a session of its own (migrator_test). What cannot be
  // read is made and buried in claim_order_test.
  EXPECT_EQ(never_run,
            (std::set<std::string>{"bury_unreadable", "list_definitions", "list_migrations"}))
      << "statements that nothing runs; delete them, or call them here";
}

/// Plans must not depend on what the statistics happened to say.
class SqlPlanTest : public StoreTest {
 protected:
  SqlPlanTest() {
    Describe(sql_.handle(), sql::kConfigureSession);
    sql_.Run("execute configure_session('30s')");
  }

  std::string Explain(const pg::Statement& statement, const std::string& arguments,
                      const std::string& options = "") {
    Describe(sql_.handle(), statement);
    const std::string list = arguments.empty() ? "" : "(" + arguments + ")";
    const pg::ResultHandle plan =
        sql_.Run("explain " + options + " execute " + std::string(statement.name) + list);
    std::string text;
    for (int row = 0; row < PQntuples(plan.get()); ++row) {
      text += PQgetvalue(plan.get(), row, 0);
      text += '\n';
    }
    sql_.Run("deallocate " + std::string(statement.name));
    return text;
  }

  static constexpr const char* kCountPages =
      "(analyze, buffers, costs off, timing off, format json)";

  /// Pages that a statement explained with kCountPages touched.
  static double PagesOf(const std::string& explained) {
    const auto all = boost::json::parse(explained).as_array();
    const auto& plan = all.at(0).as_object().at("Plan").as_object();
    return plan.at("Shared Hit Blocks").to_number<double>() +
           plan.at("Shared Read Blocks").to_number<double>();
  }

  std::vector<std::string> ExplainClaims() {
    const std::string common =
        "0::int2, 'default', array['t'], array[0]::int2[], array['-infinity']::timestamptz[], "
        "array[gen_random_uuid()], array[null]::timestamptz[], 100, ";
    return {Explain(sql::kClaimJobs, common + "gen_random_uuid(), 'w', '10 s'"),
            Explain(sql::kClaimJobsForMany,
                    common + "array[gen_random_uuid(), gen_random_uuid()], array['v', 'w'], "
                             "array['10 s', '20 s']::interval[], array[1, 51]")};
  }

  void Load(int rows) {
    sql_.Run(fmt::format(
        "insert into djps.ready (id, visible_at, lane, priority, attempts, failed, queue, type) "
        "select gen_random_uuid(), now() - i * interval '1 ms', 0, 0, 0, false, 'default', 't' "
        "from generate_series(1, {}) i",
        rows));
  }

  void ExpectClaimPlans() {
    for (const std::string& plan : ExplainClaims()) {
      EXPECT_NE(plan.find("Tid Scan on ready"), std::string::npos) << plan;
      EXPECT_NE(plan.find("Index Scan using ready_claim_key on ready r"), std::string::npos)
          << plan;
      EXPECT_NE(
          plan.find("Index Cond: ((lane = $1) AND (queue = $2) AND (priority = level.priority) "
                    "AND (ROW(visible_at, id) >= ROW(level.from_at, level.from_id)) "
                    "AND (visible_at <= LEAST(now(), level.until)))"),
          std::string::npos)
          << plan;
      EXPECT_EQ(plan.find("Seq Scan"), std::string::npos) << plan;
    }
    // Dealing the jobs out to several workers may sort them; to find them, nothing may.
    const std::string plan = ExplainClaims().front();
    EXPECT_EQ(plan.find("Sort"), std::string::npos) << "rows must come in index order\n" << plan;
  }
};

TEST_F(SqlPlanTest, ClaimOnANewTable) { ExpectClaimPlans(); }

TEST_F(SqlPlanTest, ClaimOnATableThatWasEmptyWhenAnalyzed) {
  sql_.Run("analyze djps.ready");
  Load(20'000);
  ExpectClaimPlans();
}

TEST_F(SqlPlanTest, ClaimOnATableThatWasVacuumedEmpty) {
  Load(20'000);
  sql_.Run("analyze djps.ready");
  // Keeps the pages, with no row in them: the estimate is as wrong as it can be.
  sql_.Run("delete from djps.ready");
  sql_.Run("vacuum (truncate off) djps.ready");
  ExpectClaimPlans();
}

TEST_F(SqlPlanTest, ClaimOnAFullAnalyzedTable) {
  Load(50'000);
  sql_.Run("analyze djps.ready");
  ExpectClaimPlans();
}

/// Of priority -1, while what is due has priority 0.
TEST_F(SqlPlanTest, AMillionJobsOfTheFutureAreNotWalked) {
  sql_.Run("set statement_timeout = 0");
  sql_.Run(
      "insert into djps.ready (id, visible_at, lane, priority, attempts, failed, queue, type) "
      "select gen_random_uuid(), now() + interval '1 day' + i * interval '1 ms', 0, -1, 0, false, "
      "'default', 't' from generate_series(1, 1000000) i");
  sql_.Run("select djps.queue_is_open(0::int2, 'default')");  // compiles it: its pages do not count
  EnqueueOne({.type = "t"});
  // That many pages would be less than a hundredth of the index.
  constexpr double kPagesMax = 60;
  const std::string ranges =
      "array[-1, 0]::int2[], array['-infinity', '-infinity']::timestamptz[], "
      "array[gen_random_uuid(), gen_random_uuid()], ";
  const std::string claim = Explain(sql::kClaimJobs,
                                    "0::int2, 'default', array['t'], " + ranges +
                                        "array[null, null]::timestamptz[], 100, "
                                        "gen_random_uuid(), 'w', '10 s'",
                                    kCountPages);
  const std::string look =
      Explain(sql::kLookAtQueue,
              "0::int2, 'default', array['t'], " + ranges +
                  "array[now(), now()], array[gen_random_uuid(), gen_random_uuid()], "
                  "array[-40000], array[40000], false, 10",
              kCountPages);
  EXPECT_LT(PagesOf(claim), kPagesMax) << claim;
  EXPECT_LT(PagesOf(look), kPagesMax) << look;
  const std::string whole =
      Explain({"whole", "select count(*) from djps.ready where lane = 0 and priority = -1", {}, {}},
              "", kCountPages);
  EXPECT_GT(PagesOf(whole), 100 * kPagesMax) << "what walking them would take";
}

/// While a snapshot is held, every other index has an entry for each lease since then.
TEST_F(SqlPlanTest, ALeaseIsFoundByItsIdWhateverTheStatisticsSay) {
  const pg::Type params[] = {pg::Type::kInt2, pg::Type::kUuid};
  // What the functions behind completions, failures and heartbeats do with one.
  const std::vector<pg::Statement> statements = {
      {"lock_lease",
       "select from djps.leases l where l.lane = $1 and l.id = $2 for update",
       params,
       {}},
      {"drop_lease", "delete from djps.leases l where l.lane = $1 and l.id = $2", params, {}},
      {"shrink_lease",
       "update djps.leases l set job_ids = '{}' where l.lane = $1 and l.id = $2",
       params,
       {}}};
  for (const int rows : {0, 1, 12, 2'000}) {
    sql_.Run(fmt::format(
        "delete from djps.leases; "
        "insert into djps.leases (id, expires_at, claimed_at, lane, worker, job_ids, attempts) "
        "select gen_random_uuid(), now(), now(), 0, 'w', '{{}}', '{{}}' "
        "from generate_series(1, {}); analyze djps.leases",
        rows));
    for (const pg::Statement& statement : statements) {
      const std::string plan = Explain(statement, "0::int2, gen_random_uuid()");
      EXPECT_NE(plan.find("leases_pkey"), std::string::npos) << rows << " leases\n" << plan;
    }
    const std::string heartbeat =
        Explain(sql::kExtendLeases, "0::int2, array[gen_random_uuid()], '10 s'");
    EXPECT_EQ(heartbeat.find("leases_expiry_idx"), std::string::npos) << rows << " leases\n"
                                                                      << heartbeat;
  }
}

TEST_F(SqlPlanTest, NothingHotScansAWholeTable) {
  Load(1'000);
  sql_.Run("analyze");
  const std::string lease_and_job = "0::int2, array[gen_random_uuid()], array[gen_random_uuid()], ";
  const std::vector<std::string> plans = {
      Explain(sql::kCompleteJobs, lease_and_job + "array['1']::jsonb[]"),
      Explain(sql::kFailJobs, lease_and_job + "array['c'], array['m'], array['d'], array[true], "
                                              "array[null]::interval[], array[null]::jsonb[]"),
      Explain(sql::kReturnJobs, lease_and_job + "array['1 s']::interval[], array[null]::jsonb[]"),
      Explain(sql::kFindEndedAttempts,
              "0::int2, array[gen_random_uuid()], array[gen_random_uuid()]"),
      Explain(sql::kExtendLeases, "0::int2, array[gen_random_uuid()], '10 s'"),
      Explain(sql::kRescueExpiredLeases, "0::int2, '5 s', 100"),
      Explain(sql::kFindJob, "gen_random_uuid()"),
      Explain(sql::kFindCancellations, "0::int2, array[gen_random_uuid()]"),
      Explain(sql::kBuryOverdue, "0::int2, 10"),
      Explain(sql::kWriteProgress, lease_and_job + "array[1.0], array['m'], array['1']::jsonb[]"),
      Explain(sql::kListLogLines, "0::int2, gen_random_uuid(), 0::int2, 0, 10, 1000"),
      Explain(sql::kPurgeProgress, "0::int2, '1 day', 10"),
      Explain(sql::kListWorkers, "0::int2, '60 s', 10"),
      Explain(sql::kLoadActiveTokens, ""),
      Explain(sql::kTouchToken, "gen_random_uuid()"),
      Explain(sql::kRevokeToken, "gen_random_uuid(), 'me'"),
      Explain(sql::kListWriters, ""),
      Explain(sql::kLookAtQueue,
              "0::int2, 'default', array['t'], array[0]::int2[], "
              "array['-infinity']::timestamptz[], array[gen_random_uuid()], array[now()], "
              "array[gen_random_uuid()], array[-32769], "
              "array[0], true, 10"),
      Explain(sql::kBuryUnreadable,
              "0::int2, 'default', array['t'], array[0]::int2[], "
              "array['-infinity']::timestamptz[], array[gen_random_uuid()], array[now()], 10")};
  for (const std::string& plan : plans) EXPECT_EQ(plan.find("Seq Scan"), std::string::npos) << plan;
}

}  // namespace
}  // namespace djps
