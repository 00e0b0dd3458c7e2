// Real worker processes, killed and stopped at bad moments. Executions are counted per job id
// twice: in the database, and in the ledger that the handlers wrote.
#include <signal.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "build_paths.h"
#include "store/migrator.h"
#include "support/process.h"
#include "support/store_fixture.h"

namespace djps {
namespace {

using namespace std::chrono_literals;
using test_support::Process;
using test_support::RunUntil;
using test_support::StoreTest;
using test_support::TemporaryFolder;

/// What the handlers wrote: per job, the attempts that were started.
class LedgerFile {
 public:
  explicit LedgerFile(const std::string& path) {
    std::istringstream lines(test_support::ReadFile(path));
    std::string event;
    std::string job;
    int attempt = 0;
    pid_t pid = 0;
    while (lines >> event >> job >> attempt >> pid) {
      if (event == "start") starts_[job].insert(attempt);
      if (event == "start") ++start_count_;
      if (event == "end") ended_by_[job].insert(pid);
    }
  }

  std::size_t jobs() const { return starts_.size(); }
  std::size_t starts() const { return start_count_; }
  bool EndedBy(const Uuid& job, pid_t pid) const {
    const auto ended = ended_by_.find(job.ToString());
    return ended != ended_by_.end() && ended->second.contains(pid);
  }
  bool Started(const Uuid& job) const { return starts_.contains(job.ToString()); }

 private:
  std::map<std::string, std::set<int>> starts_;
  std::map<std::string, std::set<pid_t>> ended_by_;
  std::size_t start_count_ = 0;
};

class ChaosTest : public StoreTest {
 protected:
  std::unique_ptr<Process> StartWorker(int concurrency, int lease_ms = 10'000) {
    return StartWorker(conninfo_, concurrency, lease_ms);
  }
  std::unique_ptr<Process> StartWorker(const std::string& conninfo, int concurrency, int lease_ms) {
    return std::make_unique<Process>(
        std::vector<std::string>{test_support::kLedgerWorker, ledger_path_,
                                 std::to_string(concurrency), std::to_string(lease_ms)},
        std::vector<std::string>{"DATABASE_URL=" + conninfo}, folder_ / "workers.log");
  }

  LedgerFile Ledger() const { return LedgerFile(ledger_path_); }
  std::string Log() const { return test_support::ReadFile(folder_ / "workers.log"); }
  void Touch(const std::string& path) const { std::ofstream(path) << "go"; }

  bool Reaches(Uuid job, JobStatus status) {
    return RunUntil(io_, [&] {
      return sql_.Value("select status from djps.jobs where id = '" + job.ToString() + "'") ==
             StatusName(status);
    });
  }

  TemporaryFolder folder_;
  std::string ledger_path_ = folder_ / "ledger";
};

TEST_F(ChaosTest, EightWorkersExecuteTwentyThousandJobsOnceEach) {
  constexpr int kWorkers = 8;
  constexpr int kJobs = 20'000;
  constexpr int kBatch = 1'000;
  std::vector<std::unique_ptr<Process>> workers;
  for (int i = 0; i < kWorkers; ++i) workers.push_back(StartWorker(16));
  for (int i = 0; i < kJobs / kBatch; ++i) Enqueue(std::vector<NewJob>(kBatch, {.type = "t"}));

  ASSERT_TRUE(RunUntil(
      io_, [&] { return Count("outcomes") == std::to_string(kJobs); }, 5min))
      << Count("outcomes") << " done\n"
      << Log();
  for (const auto& worker : workers) worker->Signal(SIGTERM);
  for (const auto& worker : workers) EXPECT_EQ(worker->Wait(), 0) << Log();

  EXPECT_EQ(
      sql_.Value("select count(*) from djps.jobs where status = 'succeeded' and attempts = 1"),
      std::to_string(kJobs));
  EXPECT_EQ(sql_.Value("select count(distinct id) from djps.outcomes"), std::to_string(kJobs));
  EXPECT_EQ(Count("ready"), "0");
  EXPECT_EQ(Count("leases"), "0");
  EXPECT_EQ(Count("attempts"), "0");
  const LedgerFile ledger = Ledger();
  EXPECT_EQ(ledger.jobs(), kJobs) << "every job was executed";
  EXPECT_EQ(ledger.starts(), kJobs) << "no job was executed twice";
}

TEST_F(ChaosTest, JobOfAKilledWorkerRunsElsewhere) {
  const std::string never = folder_ / "never";
  auto doomed = StartWorker(1, 2'000);
  const Uuid id = EnqueueOne({.type = "hold", .payload = "\"" + never + "\""});
  ASSERT_TRUE(RunUntil(io_, [&] { return Ledger().Started(id); })) << Log();
  auto heir = StartWorker(1, 2'000);
  doomed->Signal(SIGKILL);
  const std::string killed_at = sql_.Value("select clock_timestamp()");
  ASSERT_TRUE(Reaches(id, JobStatus::kSucceeded)) << Log();
  EXPECT_EQ(Job(id).attempts, 2);
  EXPECT_EQ(Job(id).result, std::to_string(heir->pid()));
  EXPECT_EQ(sql_.Value("select error_class from djps.attempts"), "lease_expired");
  std::cout << "  noticed "
            << sql_.Value("select extract(epoch from ended_at - '" + killed_at +
                          "')::numeric(6,3) "
                          "from djps.attempts")
            << " s after the kill (lease 2 s, rescue every 1 s)\n";
}

TEST_F(ChaosTest, WorkerThatWasStoppedAndContinuedCannotOverwriteItsHeir) {
  const std::string gate = folder_ / "gate";
  auto sleeper = StartWorker(1, 2'000);
  const Uuid id = EnqueueOne({.type = "hold", .payload = "\"" + gate + "\""});
  ASSERT_TRUE(RunUntil(io_, [&] { return Ledger().Started(id); })) << Log();
  const std::string stale_lease = sql_.Value("select id from djps.leases");
  sleeper->Signal(SIGSTOP);

  auto heir = StartWorker(1, 2'000);
  ASSERT_TRUE(Reaches(id, JobStatus::kSucceeded)) << Log();
  const JobRecord before = Job(id);
  EXPECT_EQ(before.result, std::to_string(heir->pid()));

  // The old worker wakes up, its handler ends, and it tries to report.
  Touch(gate);
  sleeper->Signal(SIGCONT);
  ASSERT_TRUE(RunUntil(io_, [&] { return Ledger().EndedBy(id, sleeper->pid()); })) << Log();
  sleeper->Signal(SIGTERM);
  EXPECT_EQ(sleeper->Wait(), 0);
  EXPECT_EQ(Job(id).result, before.result);
  EXPECT_EQ(Job(id).finished_at, before.finished_at);
  // Whether or not the worker sends its report, the fence refuses it.
  EXPECT_TRUE(Complete(*Uuid::Parse(stale_lease), id, "\"stale\"").empty());
  EXPECT_EQ(Count("outcomes"), "1");
}

TEST_F(ChaosTest, StoppedWorkerHandsBackWhatItHolds) {
  auto worker = StartWorker(4);
  Enqueue(std::vector<NewJob>(500, {.type = "t"}));
  ASSERT_TRUE(RunUntil(io_, [&] { return Ledger().starts() > 20; })) << Log();
  worker->Signal(SIGTERM);
  EXPECT_EQ(worker->Wait(), 0);
  EXPECT_EQ(Count("leases"), "0");
  EXPECT_EQ(Count("attempts"), "0");
  EXPECT_EQ(std::stoi(Count("ready")) + std::stoi(Count("outcomes")), 500);
}

/// A separate durable server, so that killing it does not affect other tests.
class ServerDeathTest : public ChaosTest {
 protected:
  ServerDeathTest() {
    auto cluster = embedded::Cluster::Start(
        {.binaries = test_support::TestBinaries(), .data_dir = folder_ / "data"});
    if (!cluster) throw std::runtime_error(cluster.error().message);
    cluster_ = std::move(*cluster);
    url_ = cluster_->connection_string();
    if (auto migrated = store::ApplyMigrations(url_); !migrated) {
      throw std::runtime_error(migrated.error().message);
    }
    mortal_ = std::make_unique<pg::Pool>(
        io_.get_executor(),
        pg::PoolConfig{.conninfo = url_, .size = 2, .setup = &sql::kConfigureSession});
    mortal_->Start();
    jobs_under_fire_ = std::make_unique<store::JobStore>(*mortal_);
  }

  /// Submits batches until told to stop, and records the acknowledged ones. A batch whose answer
  /// was lost is sent again with the same keys, as a client would do.
  boost::asio::awaitable<void> Produce(int producer) {
    for (int batch = 0; !stop_; ++batch) {
      std::vector<NewJob> jobs(20, NewJob{.type = "t"});
      for (std::size_t i = 0; i < jobs.size(); ++i) {
        jobs[i].idempotency_key = fmt::format("{}-{}-{}", producer, batch, i);
      }
      for (bool sent = false; !sent;) {
        try {
          for (const auto& job : co_await jobs_under_fire_->EnqueueJobs(jobs, pg::After(20s))) {
            acknowledged_.push_back(job.id);
          }
          sent = true;
        } catch (const pg::PgError& error) {
          EXPECT_TRUE(error.unavailable()) << error.sqlstate() << " " << error.what();
          ++lost_answers_;
        }
      }
    }
    --producers_;
  }

  std::unique_ptr<embedded::Cluster> cluster_;
  std::string url_;
  std::unique_ptr<pg::Pool> mortal_;
  std::unique_ptr<store::JobStore> jobs_under_fire_;
  std::vector<Uuid> acknowledged_;
  int lost_answers_ = 0;
  int producers_ = 0;
  bool stop_ = false;
};

TEST_F(ServerDeathTest, KillingPostgresUnderLoadLosesNoAcknowledgedJob) {
  auto first = StartWorker(url_, 8, 3'000);
  auto second = StartWorker(url_, 8, 3'000);
  for (int i = 0; i < 3; ++i) {
    ++producers_;
    boost::asio::co_spawn(io_, Produce(i), [](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
    });
  }
  constexpr int kKills = 3;
  for (int i = 0; i < kKills; ++i) {
    const std::size_t goal = acknowledged_.size() + 2'000;
    ASSERT_TRUE(RunUntil(io_, [&] { return acknowledged_.size() >= goal; })) << Log();
    kill(cluster_->postmaster_pid(), SIGKILL);
    ASSERT_TRUE(RunUntil(io_, [&] { return !cluster_->Running(); }));
    const auto restarted = cluster_->Restart();
    ASSERT_TRUE(restarted) << restarted.error().message;
  }
  stop_ = true;
  ASSERT_TRUE(RunUntil(io_, [&] { return producers_ == 0; }));

  pg::Session check(url_);
  ASSERT_TRUE(RunUntil(
      io_,
      [&] {
        return check.Value(
                   "select (select count(*) from djps.facts) = "
                   "(select count(*) from djps.outcomes)") == "t";
      },
      2min))
      << Log();
  const std::set<Uuid> distinct(acknowledged_.begin(), acknowledged_.end());
  EXPECT_EQ(distinct.size(), acknowledged_.size())
      << "an acknowledged key was answered by two jobs";
  std::string ids;
  for (const Uuid& id : distinct) ids += (ids.empty() ? "" : ",") + id.ToString();
  EXPECT_EQ(check.Value("select count(*) from djps.jobs where id = any ('{" + ids +
                        "}'::uuid[]) and status = 'succeeded'"),
            std::to_string(distinct.size()))
      << "acknowledged jobs were lost";
  EXPECT_EQ(check.Value("select count(*) from djps.facts"), std::to_string(distinct.size()))
      << "jobs exist that nobody was told of";
  // Executed twice only if a lost lease explains it.
  const LedgerFile ledger = Ledger();
  EXPECT_EQ(ledger.jobs(), distinct.size());
  const auto repeats = ledger.starts() - ledger.jobs();
  EXPECT_LE(repeats, std::stoul(check.Value("select count(*) from djps.attempts")));
  std::cout << "  " << distinct.size() << " jobs acknowledged, " << kKills << " kills, "
            << lost_answers_ << " answers lost, " << repeats << " executions repeated\n";
}

}  // namespace
}  // namespace djps
