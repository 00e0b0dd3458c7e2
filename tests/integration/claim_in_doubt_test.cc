// Claims whose answer was lost, or came too late: no worker has run these jobs, so the attempts do
// not count.
#include <fmt/format.h>

#include <atomic>
#include <functional>

#include "support/postgres_proxy.h"
#include "support/together.h"
#include "support/worker_fixture.h"

namespace djps::test_support {
namespace {

using namespace std::chrono_literals;
using store::ClaimedBatch;

boost::asio::awaitable<ClaimedBatch> ClaimBy(store::LeaseStore& leases, std::size_t limit = 10) {
  const store::ClaimRequest request{
      .queue = "default", .types = {"t"}, .limit = limit, .worker = "worker-a", .lease = 10s};
  co_return co_await leases.ClaimJobs(request, pg::After(20s));
}

/// Only claims go through a proxy.
class ClaimInDoubtTest : public WorkerTest {
 protected:
  ClaimInDoubtTest() { proxied_.Start(); }
  ~ClaimInDoubtTest() override {
    Drain();
    proxied_.Close();
  }

  store::LeasePools ProxiedPools() { return {proxied_, *pool_, *pool_}; }

  /// From then on `leases` knows the queue: what it sends next is a claim.
  void WarmUp(store::LeaseStore& leases) {
    const Uuid id = EnqueueOne({.type = "t"});
    const ClaimedBatch batch = Run(ClaimBy(leases));
    EXPECT_EQ(Complete(batch.lease, id).size(), 1U);
  }

  /// Claims, and loses the answer once the claim was committed.
  void LoseAClaim(store::LeaseStore& leases, const std::function<void()>& before_the_loss = [] {}) {
    Together<ClaimedBatch> calls;
    proxy_.Hold();
    calls.Start(io_, ClaimBy(leases));
    EXPECT_TRUE(RunUntil(io_, [this] { return Count("leases") == "1"; }));
    before_the_loss();
    proxy_.Cut();
    const auto& outcome = calls.Finish(io_).front();
    EXPECT_FALSE(outcome->value);
    EXPECT_TRUE(outcome->unknown) << outcome->sqlstate;
  }

  /// A pause of the queue takes this lock, and claims wait for it.
  void LockQueue() { sql_.Run("select pg_advisory_lock(djps.queue_lock('default'))"); }
  void UnlockQueue() { sql_.Run("select pg_advisory_unlock_all()"); }
  bool AClaimWaits(bool waits) {
    return RunUntil(io_, [&] {
      return sql_.Value(
                 "select count(*) from pg_stat_activity where wait_event = 'advisory' "
                 "and datname = current_database()") == (waits ? "1" : "0");
    });
  }

  /// A worker has claimed all jobs, but does not know it yet.
  void StartAndHoldItsFirstAnswer() {
    LockQueue();
    worker::Registry registry;
    registry.Add("t", Handler([this](const djps::Job&) -> Outcome {
                   ++runs_;
                   return Succeeded{};
                 }));
    runtime_ = std::make_unique<worker::Runtime>(io_.get_executor(), ProxiedPools(), config_,
                                                 std::move(registry));
    runtime_->Start();
    EXPECT_TRUE(AClaimWaits(true));
    proxy_.Hold();
    UnlockQueue();
    EXPECT_TRUE(RunUntil(io_, [this] { return Count("leases") == "1"; }));
  }

  std::string PlaceOf(Uuid job) {
    return sql_.Value(
        fmt::format("select status || ', attempts ' || attempts from djps.jobs "
                    "where id = '{}'",
                    job.ToString()));
  }
  bool IsQueuedUncounted(Uuid job) {
    return RunUntil(io_, [&] { return PlaceOf(job) == "queued, attempts 0"; });
  }

  std::atomic<int> runs_ = 0;
  PostgresProxy proxy_{conninfo_};
  pg::Pool proxied_{io_.get_executor(),
                    {.conninfo = proxy_.conninfo(), .size = 1, .setup = &sql::kConfigureSession}};
};

TEST_F(ClaimInDoubtTest, IsGivenBackAndTheAttemptNotCounted) {
  store::LeaseStore leases(ProxiedPools());
  WarmUp(leases);
  const Uuid id = EnqueueOne({.type = "t", .max_attempts = 1});
  LoseAClaim(leases);
  ASSERT_TRUE(IsQueuedUncounted(id));
  EXPECT_EQ(Count("attempts"), "0");
  EXPECT_EQ(Count("snoozes"), "0");
  const ClaimedBatch again = Run(ClaimBy(leases));
  ASSERT_EQ(again.jobs.size(), 1U);
  EXPECT_EQ(again.jobs[0].attempt, 1);
}

TEST_F(ClaimInDoubtTest, IsGivenBackWhenTheDatabaseCanBeWrittenAgain) {
  store::LeaseStore leases(ProxiedPools());
  WarmUp(leases);
  const Uuid id = EnqueueOne({.type = "t", .max_attempts = 1});
  LoseAClaim(leases, [this] { sql_.Run("alter table djps.leases rename to leases_away"); });
  ASSERT_TRUE(RunUntil(io_, [this] {
    return sql_.Value(
               "select count(*) > 0 from pg_stat_activity where state = 'idle' "
               "and query like '%renewed%' and datname = current_database()") == "t";
  })) << "it was tried";
  sql_.Run("alter table djps.leases_away rename to leases");
  EXPECT_TRUE(IsQueuedUncounted(id));
}

TEST_F(ClaimInDoubtTest, RunsLaterOnTheWorkerThatLostTheAnswer) {
  const Uuid id = EnqueueOne({.type = "t", .max_attempts = 1});
  StartAndHoldItsFirstAnswer();
  proxy_.Cut();
  ASSERT_TRUE(Reaches(id, JobStatus::kSucceeded));
  EXPECT_EQ(Job(id).attempts, 1);
  EXPECT_EQ(runs_, 1);
}

TEST_F(ClaimInDoubtTest, AnAnswerThatComesAfterTheLeaseStartsNothing) {
  config_.lease = 1s;
  const Uuid id = EnqueueOne({.type = "t", .max_attempts = 1});
  StartAndHoldItsFirstAnswer();
  ASSERT_TRUE(RunUntil(io_, [this] {
    return sql_.Value("select count(*) from djps.leases where expires_at < now()") == "1";
  }));
  proxy_.Release();
  ASSERT_TRUE(Reaches(id, JobStatus::kSucceeded));
  EXPECT_EQ(Job(id).attempts, 1);
  EXPECT_EQ(runs_, 1);
}

TEST_F(ClaimInDoubtTest, OneThatIsStillUnderWayCannotBeMadeLater) {
  store::LeaseStore leases(ProxiedPools());
  WarmUp(leases);
  const Uuid id = EnqueueOne({.type = "t", .max_attempts = 1});
  LockQueue();
  Together<ClaimedBatch> calls;
  calls.Start(io_, ClaimBy(leases));
  ASSERT_TRUE(AClaimWaits(true));
  proxy_.Cut();
  ASSERT_TRUE(calls.Finish(io_).front()->unknown);
  Run(leases.FinishReturns(Soon()));
  UnlockQueue();
  ASSERT_TRUE(AClaimWaits(false));
  EXPECT_TRUE(IsQueuedUncounted(id));
  EXPECT_EQ(sql_.Value("select count(*) from djps.leases where job_ids <> '{}'"), "0");
}

TEST_F(ClaimInDoubtTest, IsGivenBackAfterItsLeaseTooUnlessSomebodyActedOnThat) {
  const Uuid id = EnqueueOne({.type = "t", .max_attempts = 1});
  store::LeaseStore leases(Pools());
  const ClaimedBatch batch = Run(ClaimBy(leases));
  ASSERT_EQ(batch.jobs.size(), 1U);
  ExpireLeases();
  leases.ReturnLease(batch.lease);
  Run(leases.FinishReturns(Soon()));
  EXPECT_EQ(PlaceOf(id), "queued, attempts 0");

  store::LeaseStore late(Pools());
  const ClaimedBatch lost = Run(ClaimBy(late));
  ASSERT_EQ(lost.jobs.size(), 1U);
  ExpireLeases();
  ASSERT_EQ(Run(late.RescueExpiredLeases(10, Soon())).size(), 1U);
  late.ReturnLease(lost.lease);
  Run(late.FinishReturns(Soon()));
  EXPECT_EQ(PlaceOf(id), "dead, attempts 1");
}

TEST_F(ClaimInDoubtTest, OneCanceledMeanwhileEndsAsCanceled) {
  const Uuid id = EnqueueOne({.type = "t"});
  store::LeaseStore leases(Pools());
  const ClaimedBatch batch = Run(ClaimBy(leases));
  const std::vector<Uuid> ids = {id};
  Run(operators_.CancelJobs(ids, "ann", std::nullopt, Soon()));
  leases.ReturnLease(batch.lease);
  Run(leases.FinishReturns(Soon()));
  EXPECT_EQ(Status(id), JobStatus::kCanceled);
}

TEST_F(ClaimInDoubtTest, TheEmptyRowsThatKeepClaimsOutGoByThemselves) {
  store::LeaseStore leases(Pools());
  leases.ReturnLease(Uuid{});
  Run(leases.FinishReturns(Soon()));
  EXPECT_EQ(Count("leases"), "1");
  ExpireLeases();
  EXPECT_TRUE(Run(leases.RescueExpiredLeases(10, Soon())).empty());
  EXPECT_EQ(Count("leases"), "0");
}

/// After Start, commits wait for a standby that does not exist.
class MissingStandby {
 public:
  explicit MissingStandby(const std::string& conninfo) : sql_(conninfo) {
    sql_.Run("set synchronous_commit = local");
    sql_.Run("alter system set synchronous_standby_names = 'missing'");
    sql_.Run("select pg_reload_conf()");
  }
  ~MissingStandby() { End(); }
  MissingStandby(const MissingStandby&) = delete;
  MissingStandby& operator=(const MissingStandby&) = delete;

  void End() {
    sql_.Run("alter system reset synchronous_standby_names");
    sql_.Run("select pg_reload_conf()");
  }

 private:
  pg::Session sql_;
};

TEST_F(ClaimInDoubtTest, WhileAStandbyIsMissingNoAttemptIsUsedUp) {
  sql_.Run("set synchronous_commit = local");
  pg::Pool heard(io_.get_executor(),
                 {.conninfo = conninfo_, .size = 1, .setup = &sql::kConfigureSession});
  heard.Start();
  store::LeaseStore leases({heard, *pool_, *pool_});
  WarmUp(leases);
  std::vector<Uuid> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(EnqueueOne({.type = "t", .max_attempts = 1}));
  MissingStandby standby(conninfo_);
  // Claims one after the other until the server has heard of the standby, and one of them waits.
  const std::string waiting =
      "select pid from pg_stat_activity where wait_event = 'SyncRep' "
      "and datname = current_database()";
  bool waits = false;
  for (std::size_t i = 0; i < ids.size() && !waits; ++i) {
    Together<ClaimedBatch> calls;
    bool done = false;
    calls.Start(io_, ClaimBy(leases, 1));
    ASSERT_TRUE(RunUntil(io_, [&] {
      waits = !sql_.Value(waiting).empty();
      done = Count("leases") == "1";
      return waits || done;
    }));
    if (waits) {
      // The claim is committed and visible here, but its sender gets no answer.
      sql_.Run("select pg_terminate_backend(pid) from (" + waiting + ") waiting");
      EXPECT_TRUE(calls.Finish(io_).front()->unknown);
    } else {
      calls.Finish(io_);
      sql_.Run("delete from djps.leases");
    }
  }
  ASSERT_TRUE(waits);
  standby.End();
  Run(leases.FinishReturns(Soon()));
  EXPECT_EQ(sql_.Value("select count(*) from djps.leases where job_ids <> '{}'"), "0");
  EXPECT_EQ(sql_.Value("select count(*) from djps.jobs where status = 'dead'"), "0");
  heard.Close();
}

}  // namespace
}  // namespace djps::test_support
