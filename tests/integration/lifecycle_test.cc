// The rules of a job's life, one by one, as docs/lifecycle.md states them.
#include "support/store_fixture.h"
#include "support/together.h"

namespace djps {
namespace {

using namespace std::chrono_literals;
using test_support::RunUntil;
using test_support::StoreTest;
using test_support::Together;

class LifecycleTest : public StoreTest {
 protected:
  static NewJob JobWith(int max_attempts = 3) {
    return {.type = "t", .max_attempts = max_attempts};
  }

  bool SomebodyWaitsFor(const std::string& table) {
    return sql_.Value(
               "select exists (select from pg_locks where not granted and relation = 'djps." +
               table + "'::regclass)") == "t";
  }

  /// One job, claimed.
  struct Running {
    Uuid id;
    Uuid lease;
    int attempt = 0;
  };
  Running Start(int max_attempts = 3) {
    const Uuid id = EnqueueOne(JobWith(max_attempts));
    const store::ClaimedBatch batch = Claim();
    EXPECT_EQ(batch.jobs.size(), 1U);
    return {id, batch.lease, batch.jobs.at(0).attempt};
  }
};

TEST_F(LifecycleTest, SubmittedJobIsQueuedWithItsFields) {
  const auto run_at =
      std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now() + 1h);
  const Uuid id = EnqueueOne({.type = "t",
                              .payload = R"({"to":"a@b.com"})",
                              .queue = "mail",
                              .priority = -5,
                              .run_at = run_at,
                              .max_attempts = 7,
                              .idempotency_key = "k"});
  const JobRecord job = Job(id);
  EXPECT_EQ(job.status, JobStatus::kQueued);
  EXPECT_EQ(job.type, "t");
  EXPECT_EQ(job.payload, R"({"to": "a@b.com"})");
  EXPECT_EQ(job.queue, "mail");
  EXPECT_EQ(job.priority, -5);
  EXPECT_EQ(job.run_at, run_at);
  EXPECT_EQ(job.attempts, 0);
  EXPECT_EQ(job.max_attempts, 7);
  EXPECT_EQ(job.idempotency_key, "k");
  EXPECT_EQ(job.updated_at, job.created_at);
  EXPECT_FALSE(job.finished_at || job.result || job.last_error);
}

TEST_F(LifecycleTest, JobIdsAreVersion7InLaneZeroAndOrderedByCreation) {
  const auto jobs = Enqueue(std::vector<NewJob>(5000, JobWith()));
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    EXPECT_EQ(jobs[i].id.bytes[6] >> 4, 7);
    EXPECT_EQ(jobs[i].id.bytes[15] & 0x3f, 0);
    if (i == 0) continue;
    EXPECT_LT(jobs[i - 1].id, jobs[i].id);
  }
  EXPECT_EQ(sql_.Value("select bool_and(djps.lane_of(id) = lane) from djps.facts"), "t");
}

TEST_F(LifecycleTest, KnownKeyReturnsTheExistingJobAndStoresNothing) {
  NewJob job = JobWith();
  job.idempotency_key = "order-1";
  job.payload = R"({"a": 1, "b": 2})";
  const SubmittedJob first = Enqueue({job}).front();
  job.payload = R"({"b":2,"a":1})";
  const SubmittedJob again = Enqueue({job}).front();
  EXPECT_FALSE(first.replayed);
  EXPECT_TRUE(again.replayed);
  EXPECT_FALSE(again.payload_differs) << "the same JSON in other spelling is the same payload";
  EXPECT_EQ(again.id, first.id);
  EXPECT_EQ(Count("facts"), "1");
  EXPECT_EQ(Count("ready"), "1");
}

TEST_F(LifecycleTest, ReplayWithAnotherPayloadIsMarkedAndChangesNothing) {
  NewJob job = JobWith();
  job.idempotency_key = "order-1";
  job.payload = R"({"amount": 1})";
  const Uuid id = EnqueueOne(job);
  job.payload = R"({"amount": 2})";
  const SubmittedJob again = Enqueue({job}).front();
  EXPECT_TRUE(again.replayed && again.payload_differs);
  EXPECT_EQ(Job(id).payload, R"({"amount": 1})");
}

TEST_F(LifecycleTest, SameKeyOfAnotherTypeIsAnotherJob) {
  NewJob job = JobWith();
  job.idempotency_key = "k";
  const Uuid first = EnqueueOne(job);
  job.type = "u";
  EXPECT_NE(EnqueueOne(job), first);
}

TEST_F(LifecycleTest, KeyTwiceInOneBatchIsOneJob) {
  NewJob keyed = JobWith();
  keyed.idempotency_key = "k";
  const auto jobs = Enqueue({keyed, JobWith(), keyed});
  EXPECT_FALSE(jobs[0].replayed);
  EXPECT_FALSE(jobs[1].replayed);
  EXPECT_TRUE(jobs[2].replayed);
  EXPECT_EQ(jobs[0].id, jobs[2].id);
  EXPECT_EQ(Count("facts"), "2");
}

TEST_F(LifecycleTest, KeyStillNamesItsJobAfterItIsDone) {
  NewJob job = JobWith();
  job.idempotency_key = "k";
  const Uuid id = EnqueueOne(job);
  Complete(Claim().lease, id);
  const SubmittedJob again = Enqueue({job}).front();
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.id, id);
  EXPECT_TRUE(Claim().jobs.empty());
}

TEST_F(LifecycleTest, BatchWithOneBadPayloadStoresNothing) {
  NewJob bad = JobWith();
  bad.payload = R"({"n": 1e999999})";
  NewJob keyed = JobWith();
  keyed.idempotency_key = "k";
  try {
    Enqueue({JobWith(), keyed, bad});
    FAIL() << "a number beyond jsonb's range was taken";
  } catch (const pg::PgError& error) {
    EXPECT_TRUE(error.bad_value()) << error.sqlstate();
  }
  EXPECT_EQ(Count("facts"), "0");
  EXPECT_EQ(Count("ready"), "0");
  EXPECT_EQ(Count("idempotency_keys"), "0");
}

TEST_F(LifecycleTest, ClaimMakesTheJobRunningAndCountsTheAttempt) {
  const Running job = Start();
  EXPECT_EQ(job.attempt, 1);
  EXPECT_EQ(Status(job.id), JobStatus::kRunning);
  EXPECT_EQ(Job(job.id).attempts, 1);
  EXPECT_EQ(Count("ready"), "0");
  EXPECT_EQ(Count("leases"), "1");
}

TEST_F(LifecycleTest, JobOfTheFutureIsNotClaimed) {
  NewJob job = JobWith();
  job.run_at = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now() + 1h);
  EnqueueOne(job);
  EXPECT_TRUE(Claim().jobs.empty());
}

TEST_F(LifecycleTest, RunAtInThePastMeansNow) {
  NewJob job = JobWith();
  job.run_at = Timestamp(1000s);
  const JobRecord stored = Job(EnqueueOne(job));
  EXPECT_GE(stored.run_at, stored.created_at);
  EXPECT_EQ(Claim().jobs.size(), 1U);
}

TEST_F(LifecycleTest, SmallerPriorityNumberRunsFirstThenTheOlderJob) {
  const auto with = [](std::int16_t priority) { return NewJob{.type = "t", .priority = priority}; };
  const auto jobs = Enqueue({with(5), with(0), with(-1), with(0)});
  std::vector<Uuid> order;
  for (int i = 0; i < 4; ++i) order.push_back(Claim(1).jobs.at(0).id);
  EXPECT_EQ(order, (std::vector<Uuid>{jobs[2].id, jobs[1].id, jobs[3].id, jobs[0].id}));
}

TEST_F(LifecycleTest, ScheduledJobsOfOnePriorityDoNotHideReadyOnesOfTheNext) {
  sql_.Run(
      "insert into djps.ready (id, visible_at, lane, priority, attempts, failed, queue, type) "
      "select gen_random_uuid(), now() + interval '1 day', 0, 0, 0, false, 'default', 't' "
      "from generate_series(1, 20000)");
  const Uuid id = EnqueueOne({.type = "t", .priority = 9});
  const auto batch = Claim(1);
  ASSERT_EQ(batch.jobs.size(), 1U);
  EXPECT_EQ(batch.jobs[0].id, id);
}

TEST_F(LifecycleTest, ClaimTakesOnlyTypesItNames) {
  EnqueueOne({.type = "other"});
  const Uuid id = EnqueueOne(JobWith());
  const auto batch = Claim();
  ASSERT_EQ(batch.jobs.size(), 1U);
  EXPECT_EQ(batch.jobs[0].id, id);
}

TEST_F(LifecycleTest, ClaimTakesOnlyItsQueue) {
  EnqueueOne({.type = "t", .queue = "mail"});
  EXPECT_TRUE(Claim().jobs.empty());
}

TEST_F(LifecycleTest, ClaimNeverExceedsItsLimit) {
  Enqueue(std::vector<NewJob>(50, JobWith()));
  EXPECT_EQ(Claim(7).jobs.size(), 7U);
  EXPECT_EQ(Count("ready"), "43");
}

TEST_F(LifecycleTest, ClaimPassesOverRowsThatAnotherHasLocked) {
  const auto jobs = Enqueue({JobWith(), JobWith()});
  pg::Session other(conninfo_);
  other.Run("begin; select 1 from djps.ready where id = '" + jobs[0].id.ToString() +
            "' for update");
  const auto batch = Claim();
  ASSERT_EQ(batch.jobs.size(), 1U);
  EXPECT_EQ(batch.jobs[0].id, jobs[1].id);
  other.Run("rollback");
  EXPECT_EQ(Claim().jobs.at(0).id, jobs[0].id);
}

TEST_F(LifecycleTest, CompleteMakesTheJobSucceededAndKeepsTheResult) {
  const Running job = Start();
  EXPECT_EQ(Complete(job.lease, job.id, R"({"sent": true})"), std::vector<Uuid>{job.id});
  const JobRecord done = Job(job.id);
  EXPECT_EQ(done.status, JobStatus::kSucceeded);
  EXPECT_EQ(done.result, R"({"sent": true})");
  EXPECT_EQ(done.attempts, 1);
  EXPECT_TRUE(done.finished_at);
  EXPECT_EQ(Count("leases"), "0") << "the last job of a lease takes it away";
}

TEST_F(LifecycleTest, CompleteOfPartOfALeaseLeavesTheRestRunning) {
  const auto jobs = Enqueue({JobWith(), JobWith(), JobWith()});
  const auto batch = Claim();
  Complete(batch.lease, jobs[1].id);
  EXPECT_EQ(Status(jobs[0].id), JobStatus::kRunning);
  EXPECT_EQ(Status(jobs[1].id), JobStatus::kSucceeded);
  EXPECT_EQ(Job(jobs[2].id).attempts, 1);
  EXPECT_EQ(sql_.Value("select cardinality(job_ids) = 2 and cardinality(attempts) = 2 "
                       "from djps.leases"),
            "t");
}

TEST_F(LifecycleTest, OneCallEndsJobsOfSeveralLeases) {
  const auto jobs = Enqueue({JobWith(), JobWith()});
  const auto first = Claim(1);
  const auto second = Claim(1);
  const auto done = Run(leases_.CompleteJobs(
      {{first.lease, jobs[0].id, "1"}, {second.lease, jobs[1].id, "2"}}, Soon()));
  EXPECT_EQ(done.size(), 2U);
  EXPECT_EQ(Job(jobs[1].id).result, "2");
}

TEST_F(LifecycleTest, SecondCompleteChangesNothing) {
  const Running job = Start();
  Complete(job.lease, job.id, "1");
  EXPECT_TRUE(Complete(job.lease, job.id, "2").empty());
  EXPECT_EQ(Job(job.id).result, "1");
}

TEST_F(LifecycleTest, CompleteUnderAForeignLeaseIsRefused) {
  const Running job = Start();
  EXPECT_TRUE(Complete(Uuid{}, job.id).empty());
  EXPECT_EQ(Status(job.id), JobStatus::kRunning);
}

TEST_F(LifecycleTest, FailWithAttemptsLeftIsRetriedAfterABackoff) {
  const Running job = Start();
  EXPECT_EQ(Fail(job.lease, job.id), std::vector<Uuid>{job.id});
  const JobRecord failed = Job(job.id);
  EXPECT_EQ(failed.status, JobStatus::kFailed);
  EXPECT_EQ(failed.attempts, 1);
  ASSERT_TRUE(failed.last_error);
  EXPECT_NE(failed.last_error->find(R"("class": "boom")"), std::string::npos);
  EXPECT_NE(failed.last_error->find(R"("message": "it broke")"), std::string::npos);
  EXPECT_LE(failed.run_at, failed.updated_at + 1s + 100ms) << "the first backoff is at most 1 s";
  EndBackoffs();
  EXPECT_EQ(Claim().jobs.at(0).attempt, 2);
}

TEST_F(LifecycleTest, RetryAfterOverridesTheBackoff) {
  const Running job = Start();
  Run(leases_.FailJobs({{.lease = job.lease,
                         .job = job.id,
                         .error_class = "busy",
                         .message = "later",
                         .detail = "",
                         .retryable = true,
                         .retry_after = 2h}},
                       Soon()));
  const JobRecord failed = Job(job.id);
  EXPECT_GE(failed.run_at, failed.updated_at + 2h - 1s);
  EXPECT_TRUE(Claim().jobs.empty());
}

TEST_F(LifecycleTest, FailOfTheLastAttemptIsDead) {
  const Running job = Start(1);
  Fail(job.lease, job.id);
  EXPECT_EQ(Status(job.id), JobStatus::kDead);
  EXPECT_EQ(Count("ready"), "0");
  EXPECT_EQ(Count("leases"), "0");
}

TEST_F(LifecycleTest, ErrorThatRetryingCannotHelpIsDeadAtOnce) {
  const Running job = Start(25);
  Fail(job.lease, job.id, /*retryable=*/false);
  EXPECT_EQ(Status(job.id), JobStatus::kDead);
  EXPECT_EQ(Job(job.id).attempts, 1);
}

TEST_F(LifecycleTest, AttemptsNeverExceedTheirMaximum) {
  const Uuid id = EnqueueOne(JobWith(4));
  int claims = 0;
  for (auto batch = Claim(); !batch.jobs.empty(); batch = Claim()) {
    EXPECT_EQ(batch.jobs[0].attempt, ++claims);
    Fail(batch.lease, id);
    EndBackoffs();
  }
  EXPECT_EQ(claims, 4);
  EXPECT_EQ(Status(id), JobStatus::kDead);
  EXPECT_EQ(Count("attempts"), "4") << "every failed attempt is kept";
}

TEST_F(LifecycleTest, FailUnderALostLeaseChangesNothing) {
  const Running job = Start();
  Complete(job.lease, job.id);
  EXPECT_TRUE(Fail(job.lease, job.id).empty());
  EXPECT_EQ(Status(job.id), JobStatus::kSucceeded) << "a terminal state stays";
  EXPECT_EQ(Count("attempts"), "0");
}

TEST_F(LifecycleTest, SnoozeGivesTheAttemptBack) {
  const Running job = Start(1);
  const auto returned = Run(leases_.ReturnJobs({{job.lease, job.id, 1h}}, Soon()));
  EXPECT_EQ(returned, std::vector<Uuid>{job.id});
  const JobRecord snoozed = Job(job.id);
  EXPECT_EQ(snoozed.status, JobStatus::kQueued);
  EXPECT_EQ(snoozed.attempts, 0);
  EXPECT_GE(snoozed.run_at, snoozed.updated_at + 1h - 1s);
  EXPECT_TRUE(Claim().jobs.empty());
  EndBackoffs();
  EXPECT_EQ(Claim().jobs.at(0).attempt, 1);
}

TEST_F(LifecycleTest, HeartbeatExtendsALeaseThatHolds) {
  const Running job = Start();
  const std::string before = sql_.Value("select expires_at from djps.leases");
  const auto extended = Run(leases_.ExtendLeases({job.lease}, 60s, Soon()));
  ASSERT_EQ(extended.size(), 1U);
  EXPECT_EQ(extended[0].id, job.lease);
  EXPECT_EQ(sql_.Value("select expires_at > '" + before +
                       "'::timestamptz + interval '40 s' "
                       "from djps.leases"),
            "t");
}

TEST_F(LifecycleTest, HeartbeatOfAnExpiredLeaseIsRefused) {
  const Running job = Start();
  ExpireLeases();
  EXPECT_TRUE(Run(leases_.ExtendLeases({job.lease}, 60s, Soon())).empty());
}

TEST_F(LifecycleTest, HeartbeatDoesNotWaitForACompletionInProgress) {
  const Running job = Start();
  pg::Session other(conninfo_);
  other.Run("begin; select 1 from djps.leases for update");
  EXPECT_EQ(Run(leases_.ExtendLeases({job.lease}, 60s, pg::After(5s))).size(), 1U);
  other.Run("rollback");
}

TEST_F(LifecycleTest, HeartbeatsDoNotStandBehindWhatWaitsForALock) {
  const Running job = Start();
  const pg::PoolConfig one{.conninfo = conninfo_, .size = 1, .setup = &sql::kConfigureSession};
  pg::Pool claims(io_.get_executor(), one);
  pg::Pool outcomes(io_.get_executor(), one);
  claims.Start();
  outcomes.Start();
  ASSERT_TRUE(RunUntil(io_, [&] { return claims.connected() && outcomes.connected(); }));
  store::LeaseStore leases({claims, outcomes, *pool_});

  sql_.Run("begin; lock table djps.outcomes in exclusive mode");
  const std::vector<store::CompletedJob> done = {{.lease = job.lease, .job = job.id}};
  Together<std::vector<Uuid>> completing;
  completing.Start(io_, leases.CompleteJobs(done, Soon()));
  ASSERT_TRUE(RunUntil(io_, [&] { return SomebodyWaitsFor("outcomes"); }));
  EXPECT_EQ(Run(leases.ExtendLeases({job.lease}, 60s, Soon())).size(), 1U);
  EXPECT_GT(outcomes.in_flight(), 0U) << "it still waits";
  sql_.Run("rollback");
  EXPECT_EQ(completing.Finish(io_).front()->value, std::vector<Uuid>{job.id});

  const Running next = Start();
  sql_.Run("begin; lock table djps.ready in access exclusive mode");
  const store::ClaimRequest request{.queue = "default", .types = {"t"}, .worker = "w"};
  Together<store::ClaimedBatch> claiming;
  claiming.Start(io_, leases.ClaimJobs(request, Soon()));
  ASSERT_TRUE(RunUntil(io_, [&] { return SomebodyWaitsFor("ready"); }));
  EXPECT_EQ(Run(leases.ExtendLeases({next.lease}, 60s, Soon())).size(), 1U);
  EXPECT_GT(claims.in_flight(), 0U) << "it still waits";
  sql_.Run("rollback");
  claiming.Finish(io_);
  claims.Close();
  outcomes.Close();
}

TEST_F(LifecycleTest, CompleteAfterExpiryIsRefusedEvenBeforeRescue) {
  const Running job = Start();
  ExpireLeases();
  EXPECT_TRUE(Complete(job.lease, job.id).empty());
  EXPECT_EQ(Status(job.id), JobStatus::kRunning);
}

TEST_F(LifecycleTest, ExpiredLeaseWithAttemptsLeftIsRetried) {
  const Running job = Start();
  ExpireLeases();
  const auto rescued = Run(leases_.RescueExpiredLeases(10, Soon()));
  ASSERT_EQ(rescued.size(), 1U);
  EXPECT_EQ(rescued[0].id, job.id);
  EXPECT_EQ(rescued[0].worker, "worker-a");
  const JobRecord failed = Job(job.id);
  EXPECT_EQ(failed.status, JobStatus::kFailed);
  EXPECT_NE(failed.last_error->find("lease_expired"), std::string::npos);
  EXPECT_TRUE(Run(leases_.RescueExpiredLeases(10, Soon())).empty()) << "acted on once";
}

TEST_F(LifecycleTest, ExpiredLeaseOfTheLastAttemptIsDead) {
  const Running job = Start(1);
  ExpireLeases();
  Run(leases_.RescueExpiredLeases(10, Soon()));
  EXPECT_EQ(Status(job.id), JobStatus::kDead);
}

TEST_F(LifecycleTest, LeaseThatHoldsIsNotRescued) {
  Start();
  EXPECT_TRUE(Run(leases_.RescueExpiredLeases(10, Soon())).empty());
}

TEST_F(LifecycleTest, RescueDoesNotPassACompletionInProgress) {
  Start();
  ExpireLeases();
  pg::Session other(conninfo_);
  other.Run("begin; select 1 from djps.leases for update");
  EXPECT_TRUE(Run(leases_.RescueExpiredLeases(10, pg::After(5s))).empty());
  other.Run("rollback");
  EXPECT_EQ(Run(leases_.RescueExpiredLeases(10, Soon())).size(), 1U);
}

TEST_F(LifecycleTest, StaleCompletionAfterTakeoverIsRefused) {
  const Running job = Start();
  ExpireLeases();
  Run(leases_.RescueExpiredLeases(10, Soon()));
  EndBackoffs();
  const auto second = Claim(1, "worker-b");
  ASSERT_EQ(second.jobs.size(), 1U);
  EXPECT_TRUE(Complete(job.lease, job.id, R"("stale")").empty());
  EXPECT_TRUE(Fail(job.lease, job.id).empty());
  EXPECT_EQ(Complete(second.lease, job.id, R"("fresh")").size(), 1U);
  EXPECT_EQ(Job(job.id).result, R"("fresh")");
}

TEST_F(LifecycleTest, RetriedJobKeepsItsPriorityAndQueue) {
  const Uuid id = EnqueueOne({.type = "t", .priority = 3});
  Fail(Claim().lease, id);
  EXPECT_EQ(sql_.Value("select priority = 3 and queue = 'default' and failed and attempts = 1 "
                       "from djps.ready"),
            "t");
}

TEST_F(LifecycleTest, EveryJobIsInExactlyOnePlace) {
  const auto jobs = Enqueue(std::vector<NewJob>(40, JobWith(2)));
  for (int round = 0; round < 6; ++round) {
    const auto batch = Claim(7);
    for (std::size_t i = 0; i < batch.jobs.size(); ++i) {
      if (i % 3 == 0) Complete(batch.lease, batch.jobs[i].id);
      if (i % 3 == 1) Fail(batch.lease, batch.jobs[i].id);
    }
    if (round == 3) ExpireLeases();
    Run(leases_.RescueExpiredLeases(10, Soon()));
    EndBackoffs();
    EXPECT_EQ(sql_.Value("select count(*) from djps.facts f where 1 <> "
                         "(select count(*) from djps.ready r where r.id = f.id) + "
                         "(select count(*) from djps.leases l where f.id = any (l.job_ids)) + "
                         "(select count(*) from djps.outcomes o where o.id = f.id)"),
              "0");
  }
}

}  // namespace
}  // namespace djps
