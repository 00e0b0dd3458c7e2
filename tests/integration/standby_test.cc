// Commits that wait for a missing synchronous standby, and commits whose wait is canceled: Postgres
// reports success, with a warning that it is in doubt.
#include <fmt/format.h>

#include <deque>
#include <future>

#include "djps/client.h"
#include "store/migrator.h"
#include "support/api_server.h"
#include "support/store_fixture.h"
#include "support/together.h"
#include "support/work_api.h"

namespace djps::test_support {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

/// A separate cluster, since a missing standby blocks every database. Sessions of the test do
/// not wait for it: the cluster is made without synchronous_commit.
class StandbyTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder = new TemporaryFolder;
    auto started = embedded::Cluster::Start(
        {.binaries = TestBinaries(), .data_dir = *folder / "data", .durable = false});
    ASSERT_TRUE(started) << started.error().message;
    cluster = started->release();
  }
  static void TearDownTestSuite() {
    delete cluster;
    delete folder;
  }

  StandbyTest()
      : admin_(cluster->connection_string()),
        name_(fmt::format("standby_{}", ++databases)),
        conninfo_(NewDatabase()),
        pool_(io_.get_executor(),
              {.conninfo = conninfo_, .size = 2, .setup = &sql::kConfigureSession}) {
    pool_.Start();
  }
  ~StandbyTest() override {
    LetStandbyGo();
    pool_.Close();
    io_.restart();
    io_.run_for(5s);
    admin_.Run("drop database " + name_ + " with (force)");
  }

  std::string NewDatabase() {
    admin_.Run("create database " + name_);
    const std::string conninfo = cluster->connection_string() + " dbname=" + name_;
    const auto migrated = store::ApplyMigrations(conninfo);
    if (!migrated) throw std::runtime_error(migrated.error().message);
    return conninfo;
  }

  void SetStandby(const std::string& name) {
    admin_.Run(fmt::format("alter system set synchronous_standby_names = '{}'", name));
    admin_.Run("select pg_reload_conf()");
    ASSERT_TRUE(
        RunUntil(io_, [&] { return admin_.Value("show synchronous_standby_names") == name; }));
  }
  /// From now on commits wait: the processes of Postgres learn of it one after the other.
  void MissStandby() {
    SetStandby("missing");
    pg::Session probe(cluster->connection_string());
    probe.Run("set synchronous_commit = on");
    bool waits = false;
    ASSERT_TRUE(RunUntil(io_, [&] {
      PQsendQuery(probe.handle(), "select pg_logical_emit_message(true, 'probe', '')");
      while (!waits && PQconsumeInput(probe.handle()) == 1 && PQisBusy(probe.handle()) == 1) {
        waits = Waiting("pid = " + std::to_string(PQbackendPID(probe.handle()))) == 1;
      }
      if (waits)
        admin_.Run(fmt::format("select pg_cancel_backend({})", PQbackendPID(probe.handle())));
      while (PGresult* result = PQgetResult(probe.handle())) PQclear(result);
      return waits;
    }));
  }

  int Waiting(const std::string& condition) {
    return std::stoi(admin_.Value(
        "select count(*) from pg_stat_activity where wait_event = 'SyncRep' and " + condition));
  }
  void LetStandbyGo() { SetStandby(""); }

  /// "cancel" or "terminate": how many waits were cut short.
  int CutShort(const std::string& how) {
    return std::stoi(admin_.Value(
        fmt::format("select count(*) filter (where pg_{}_backend(pid)) from pg_stat_activity "
                    "where datname = '{}' and wait_event = 'SyncRep'",
                    how, name_)));
  }

  /// Runs a call to its end, while waits for the standby are cut short.
  template <typename T>
  std::shared_ptr<typename Together<T>::Outcome> RunCutShort(asio::awaitable<T> call,
                                                             const std::string& how = "cancel") {
    Together<T> calls;
    calls.Start(io_, std::move(call));
    int cut = 0;
    EXPECT_TRUE(RunUntil(io_, [&] { return (cut += CutShort(how)) > 0; })) << "nothing waits";
    return calls.Finish(io_).front();
  }

  template <typename T>
  void ExpectDoubt(asio::awaitable<T> call) {
    MissStandby();
    const auto outcome = RunCutShort(std::move(call));
    EXPECT_FALSE(outcome->value.has_value());
    EXPECT_EQ(outcome->sqlstate, pg::kResolutionUnknown);
    EXPECT_TRUE(outcome->unknown);
    LetStandbyGo();
  }

  template <typename T>
  T Run(asio::awaitable<T> call) {
    return RunCoroutine(io_, std::move(call));
  }
  pg::Deadline Soon() const { return pg::After(20s); }

  store::ClaimedBatch Claim() {
    return Run(leases_.ClaimJobs(
        {.queue = "default", .types = {"t"}, .limit = 1, .worker = "w", .lease = 60s}, Soon()));
  }

  std::string Count(const std::string& table) {
    return pg::Session(conninfo_).Value("select count(*) from djps." + table);
  }

  /// Processes that serve this database, but for those of the test.
  int Backends() {
    return std::stoi(admin_.Value(fmt::format(
        "select count(*) from pg_stat_activity where datname = '{}' and backend_type = 'client "
        "backend'",
        name_)));
  }

  inline static TemporaryFolder* folder = nullptr;
  inline static embedded::Cluster* cluster = nullptr;
  inline static int databases = 0;

  asio::io_context io_{1};
  pg::Session admin_;
  std::string name_;
  std::string conninfo_;
  pg::Pool pool_;
  store::JobStore jobs_{pool_};
  store::LeaseStore leases_{pool_};
  store::OperatorStore operators_{pool_};
};

NewJob Keyed() { return {.type = "t", .idempotency_key = "k"}; }
NewJob WithOptions() { return {.type = "t", .tags = {"a"}}; }

TEST_F(StandbyTest, ASubmissionWhoseCommitIsDoubtfulIsNotAcknowledged) {
  for (const NewJob& job : {NewJob{.type = "t"}, Keyed(), WithOptions()}) {
    const std::vector<NewJob> jobs(1, job);
    ExpectDoubt(jobs_.EnqueueJobs(jobs, Soon()));
  }
  EXPECT_EQ(Count("facts"), "3") << "they are there, on this machine";
}

TEST_F(StandbyTest, NorIsAnythingElseThatIsWritten) {
  const std::vector<NewJob> jobs(5, NewJob{.type = "t"});
  const auto made = Run(jobs_.EnqueueJobs(jobs, Soon()));
  const store::ClaimRequest request{
      .queue = "default", .types = {"t"}, .limit = 1, .worker = "w", .lease = 60s};
  ExpectDoubt(leases_.ClaimJobs(request, Soon()));
  const auto ended = Claim();
  const auto failed = Claim();
  const auto kept = Claim();
  ASSERT_EQ(kept.jobs.size(), 1U);
  ExpectDoubt(leases_.CompleteJobs({{ended.lease, ended.jobs[0].id, "1"}}, Soon()));
  ExpectDoubt(leases_.FailJobs({{.lease = failed.lease,
                                 .job = failed.jobs[0].id,
                                 .error_class = "boom",
                                 .message = "it broke"}},
                               Soon()));
  ExpectDoubt(leases_.ExtendLeases({kept.lease}, 120s, Soon()));
  ExpectDoubt(leases_.ReturnJobs({{kept.lease, kept.jobs[0].id}}, Soon()));
  ExpectDoubt(operators_.CancelJobs({made.back().id}, "me", {}, Soon()));
}

TEST_F(StandbyTest, ATerminatedWaitIsDoubtfulToo) {
  MissStandby();
  const std::vector<NewJob> jobs(1, NewJob{.type = "t"});
  const auto outcome = RunCutShort(jobs_.EnqueueJobs(jobs, Soon()), "terminate");
  EXPECT_FALSE(outcome->value.has_value());
  EXPECT_TRUE(outcome->unknown);
  EXPECT_EQ(Count("facts"), "1");
}

TEST_F(StandbyTest, WhatIsSentBesideADoubtfulCommitIsNotDoubted) {
  pg::Pool one(io_.get_executor(),
               {.conninfo = conninfo_, .size = 1, .setup = &sql::kConfigureSession});
  one.Start();
  store::JobStore jobs(one);
  const std::vector<NewJob> batch(1, NewJob{.type = "t"});
  Run(jobs.EnqueueJobs(batch, Soon()));  // connects
  MissStandby();
  Together<std::vector<SubmittedJob>> calls;
  calls.Start(io_, jobs.EnqueueJobs(batch, Soon()));
  ASSERT_TRUE(RunUntil(io_, [&] { return Waiting("true") == 1; }));
  Together<std::optional<JobRecord>> behind;
  behind.Start(io_, jobs.FindJob(Uuid{}, Soon()));
  ASSERT_EQ(CutShort("cancel"), 1);
  EXPECT_TRUE(calls.Finish(io_).front()->unknown);
  EXPECT_TRUE(behind.Finish(io_).front()->value.has_value()) << "it wrote nothing";
  one.Close();
}

TEST_F(StandbyTest, TheServerAnswersThatItDoesNotKnow) {
  ApiServer server(conninfo_);
  ASSERT_EQ(server.Connect().Post("/jobs", R"({"type":"t"})").status, 201);
  MissStandby();
  for (const std::string body : {R"({"type":"t"})", R"({"type":"t","idempotencyKey":"k"})",
                                 R"({"type":"t","tags":["a"]})"}) {
    auto reply =
        std::async(std::launch::async, [&] { return server.Connect().Post("/jobs", body); });
    ASSERT_TRUE(RunUntil(io_, [&] {
      CutShort("cancel");
      return reply.wait_for(0s) == std::future_status::ready;
    }));
    const HttpReply got = reply.get();
    EXPECT_EQ(got.status, 503) << got.body;
    EXPECT_NE(got.body.find("may or may not"), std::string::npos) << got.body;
  }
}

TEST_F(StandbyTest, AClientHearsThatItMayHaveBeenDone) {
  Client client({.database_url = conninfo_});
  ASSERT_TRUE(client.Find(Uuid{}).has_value());
  MissStandby();
  auto job = std::async(std::launch::async, [&] { return client.Submit({.type = "t"}); });
  ASSERT_TRUE(RunUntil(io_, [&] {
    CutShort("cancel");
    return job.wait_for(0s) == std::future_status::ready;
  }));
  const auto submitted = job.get();
  ASSERT_FALSE(submitted.has_value());
  EXPECT_EQ(submitted.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(submitted.error().message.find("may have been done"), std::string::npos);
}

TEST_F(StandbyTest, AMigrationWhoseCommitIsDoubtfulDoesNotCount) {
  admin_.Run(fmt::format("drop database {0} with (force)", name_));
  admin_.Run("create database " + name_);
  MissStandby();
  auto migration =
      std::async(std::launch::async, [&] { return store::ApplyMigrations(conninfo_); });
  ASSERT_TRUE(RunUntil(io_, [&] {
    CutShort("cancel");
    return migration.wait_for(0s) == std::future_status::ready;
  }));
  const auto applied = migration.get();
  ASSERT_FALSE(applied.has_value());
  EXPECT_EQ(applied.error().code, ErrorCode::kUnavailable);
  LetStandbyGo();
  EXPECT_TRUE(store::ApplyMigrations(conninfo_).has_value()) << "it goes on from there";
}

TEST_F(StandbyTest, StatementsThatWereGivenUpAreCanceled) {
  MissStandby();
  const std::vector<NewJob> jobs(1, NewJob{.type = "t"});
  Together<std::vector<SubmittedJob>> calls;
  for (int i = 0; i < 5; ++i) calls.Start(io_, jobs_.EnqueueJobs(jobs, pg::After(200ms)));
  for (const auto& outcome : calls.Finish(io_)) EXPECT_FALSE(outcome->value.has_value());
  EXPECT_TRUE(RunUntil(io_, [&] { return Waiting("true") == 0; }))
      << "nobody waits for an answer any more";
}

TEST_F(StandbyTest, AServerTakesUpABoundedNumberOfProcessesWhileCommitsWait) {
  // Two connections, and as many for keys and for what waits; twice that at the most.
  constexpr int kMost = 12;
  ApiServer server(conninfo_, {.store_timeout = 50ms});
  ASSERT_TRUE(RunUntil(io_, [&] { return server.Connect().Get("/health").status == 200; }));
  MissStandby();
  int most = 0;
  for (int i = 0; i < 60; ++i) {
    const std::string body = fmt::format(R"({{"type":"t","idempotencyKey":"{}"}})", i);
    EXPECT_EQ(server.Connect().Post("/jobs", i % 2 == 0 ? R"({"type":"t"})" : body).status, 503);
    most = std::max(most, Backends());
  }
  EXPECT_LE(most, kMost);
}

}  // namespace
}  // namespace djps::test_support
