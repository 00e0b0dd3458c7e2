// The worker runtime with real handlers against a real database.
#include <atomic>
#include <filesystem>

#include "support/temporary_folder.h"
#include "support/worker_fixture.h"
#include "upkeep/upkeep.h"
#include "worker/exec/exec_handler.h"

namespace djps::worker {
namespace {

using namespace std::chrono_literals;
using test_support::Gate;
using test_support::RunUntil;
using test_support::WorkerTest;

TEST_F(WorkerTest, RunsAJobAndKeepsItsResult) {
  Start(
      [](const djps::Job& job) -> Outcome { return Succeeded{"{\"echo\": " + job.payload + "}"}; });
  const Uuid id = EnqueueOne({.type = "t", .payload = R"({"n": 1})"});
  ASSERT_TRUE(Reaches(id, JobStatus::kSucceeded));
  EXPECT_EQ(Job(id).result, R"({"echo": {"n": 1}})");
}

TEST_F(WorkerTest, HandlerSeesTheFactsOfItsJob) {
  djps::Job seen;
  Start([&](const djps::Job& job) -> Outcome {
    seen = job;
    return Succeeded{};
  });
  NewJob job{.type = "t", .priority = 3, .max_attempts = 9};
  job.idempotency_key = "k";
  job.metadata = R"({"asked_by": "ann"})";
  job.tags = {"a b", "\"quoted\""};
  const Uuid id = EnqueueOne(job);
  ASSERT_TRUE(Reaches(id, JobStatus::kSucceeded));
  EXPECT_EQ(seen.id, id);
  EXPECT_EQ(seen.type, "t");
  EXPECT_EQ(seen.queue, "default");
  EXPECT_EQ(seen.priority, 3);
  EXPECT_EQ(seen.attempt, 1);
  EXPECT_EQ(seen.max_attempts, 9);
  EXPECT_EQ(seen.idempotency_key, "k");
  EXPECT_EQ(seen.metadata, job.metadata);
  EXPECT_EQ(seen.tags, job.tags);
  EXPECT_EQ(seen.created_at, Job(id).created_at);
  EXPECT_NE(seen.lease_token, Uuid{});
}

TEST_F(WorkerTest, CoroutineHandlerRunsOnTheIoThread) {
  Registry registry;
  registry.Add("t", CoroutineHandler([](const djps::Job&) -> boost::asio::awaitable<Outcome> {
                 boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, 1ms);
                 co_await timer.async_wait(boost::asio::use_awaitable);
                 co_return Succeeded{"1"};
               }));
  Start(std::move(registry));
  const Uuid id = EnqueueOne({.type = "t"});
  ASSERT_TRUE(Reaches(id, JobStatus::kSucceeded));
  EXPECT_EQ(Job(id).result, "1");
}

TEST_F(WorkerTest, FailedAttemptIsRetriedAndThenSucceeds) {
  Start([](const djps::Job& job) -> Outcome {
    if (job.attempt < 3) {
      return Failed{.error_class = "flaky", .message = "not yet", .retry_after = 1ms};
    }
    return Succeeded{};
  });
  const Uuid id = EnqueueOne({.type = "t"});
  ASSERT_TRUE(Reaches(id, JobStatus::kSucceeded));
  EXPECT_EQ(Job(id).attempts, 3);
  EXPECT_EQ(sql_.Value("select count(*) filter (where worker = 'worker-under-test' and "
                       "error_class = 'flaky' and ended_at >= started_at) from djps.attempts"),
            "2");
}

TEST_F(WorkerTest, ExceptionBecomesAFailureWithItsTypeAndText) {
  Start([](const djps::Job&) -> Outcome { throw std::out_of_range("index 7 of 3"); });
  const Uuid id = EnqueueOne({.type = "t", .max_attempts = 1});
  ASSERT_TRUE(Reaches(id, JobStatus::kDead));
  const std::string error = Job(id).last_error.value_or("");
  EXPECT_NE(error.find("std::out_of_range"), std::string::npos) << error;
  EXPECT_NE(error.find("index 7 of 3"), std::string::npos) << error;
}

TEST_F(WorkerTest, SomethingThrownThatIsNoExceptionIsAFailureToo) {
  Start([](const djps::Job&) -> Outcome { throw 42; });
  const Uuid id = EnqueueOne({.type = "t", .max_attempts = 1});
  ASSERT_TRUE(Reaches(id, JobStatus::kDead));
}

TEST_F(WorkerTest, NotRetryableFailureIsDeadAtOnce) {
  Start([](const djps::Job&) -> Outcome {
    return Failed{.error_class = "no_such_user", .message = "gone", .retryable = false};
  });
  const Uuid id = EnqueueOne({.type = "t"});
  ASSERT_TRUE(Reaches(id, JobStatus::kDead));
  EXPECT_EQ(Job(id).attempts, 1);
}

TEST_F(WorkerTest, SnoozedJobComesBackWithoutUsingAnAttempt) {
  std::atomic<int> calls = 0;
  Start([&](const djps::Job&) -> Outcome {
    if (++calls < 3) return Snoozed{1ms};
    return Succeeded{};
  });
  const Uuid id = EnqueueOne({.type = "t", .max_attempts = 1});
  ASSERT_TRUE(Reaches(id, JobStatus::kSucceeded));
  EXPECT_EQ(Job(id).attempts, 1);
  EXPECT_EQ(calls, 3);
}

TEST_F(WorkerTest, ASnoozeTooManyFailsByThePolicyOfTheHandler) {
  Registry registry;
  HandlerOptions options;
  options.retry = RetryPolicy{.kind = RetryPolicy::Kind::kFixed, .delay = 1h};
  registry.Add("t", Handler([](const djps::Job&) -> Outcome { return Snoozed{1ms}; }), options);
  const Uuid id = EnqueueOne({.type = "t"});
  sql_.Run("insert into djps.snoozes values ('" + id.ToString() + "', 0, 998)");
  Start(std::move(registry));
  ASSERT_TRUE(Reaches(id, JobStatus::kFailed));
  EXPECT_EQ(Job(id).attempts, 1);
  EXPECT_EQ(sql_.Value("select error_class from djps.attempts"), "snooze_limit");
  EXPECT_EQ(sql_.Value("select visible_at > now() + interval '50 min' from djps.ready"), "t");
}

TEST_F(WorkerTest, ACanceledJobStopsItsHandlerAndEndsAsCanceled) {
  Start([](const djps::Job& job) -> Outcome {
    Gate stopped;
    const std::stop_callback on_stop(job.stop, [&] { stopped.Open(); });
    stopped.Wait();
    return Failed{.error_class = "interrupted"};
  });
  const Uuid id = EnqueueOne({.type = "t"});
  ASSERT_TRUE(Reaches(id, JobStatus::kRunning));
  const std::vector<Uuid> ids = {id};
  ASSERT_EQ(Run(operators_.CancelJobs(ids, "ann", std::nullopt, Soon())).front().state,
            "requested");
  ASSERT_TRUE(Reaches(id, JobStatus::kCanceled));
  EXPECT_NE(Job(id).last_error->find(R"("class": "canceled")"), std::string::npos);
}

TEST_F(WorkerTest, AJobsOwnTimeLimitComesBeforeTheHandlersAndTheWorkers) {
  config_.timeout = 1h;
  Registry registry;
  const auto wait_for_stop = [](const djps::Job& job) -> Outcome {
    Gate stopped;
    const std::stop_callback on_stop(job.stop, [&] { stopped.Open(); });
    stopped.Wait();
    return Succeeded{};
  };
  registry.Add("t", Handler(wait_for_stop));
  registry.Add("quick", Handler(wait_for_stop), {.timeout = 30ms});
  Start(std::move(registry));
  NewJob own{.type = "t", .max_attempts = 1};
  own.timeout = 20ms;
  const Uuid limited = EnqueueOne(own);
  const Uuid by_handler = EnqueueOne({.type = "quick", .max_attempts = 1});
  ASSERT_TRUE(Reaches(limited, JobStatus::kDead));
  EXPECT_NE(Job(limited).last_error->find("longer than 20 ms"), std::string::npos);
  ASSERT_TRUE(Reaches(by_handler, JobStatus::kDead));
  EXPECT_NE(Job(by_handler).last_error->find("longer than 30 ms"), std::string::npos);
  NewJob longer{.type = "quick", .max_attempts = 1};
  longer.timeout = 40ms;
  const Uuid extended = EnqueueOne(longer);
  ASSERT_TRUE(Reaches(extended, JobStatus::kDead));
  EXPECT_NE(Job(extended).last_error->find("longer than 40 ms"), std::string::npos);
}

TEST_F(WorkerTest, TheHandlersRetryPolicyIsUsed) {
  Registry registry;
  registry.Add("t", Handler([](const djps::Job&) -> Outcome { return Failed{.error_class = "x"}; }),
               {.retry = RetryPolicy{.kind = RetryPolicy::Kind::kFixed, .delay = 2h}});
  Start(std::move(registry));
  const Uuid id = EnqueueOne({.type = "t"});
  ASSERT_TRUE(Reaches(id, JobStatus::kFailed));
  EXPECT_EQ(sql_.Value("select round(extract(epoch from run_at - updated_at) / 3600) from "
                       "djps.jobs"),
            "2");
}

TEST_F(WorkerTest, AttemptOverItsTimeoutIsStoppedAndFails) {
  config_.timeout = 50ms;
  Start([](const djps::Job& job) -> Outcome {
    Gate stopped;
    const std::stop_callback on_stop(job.stop, [&] { stopped.Open(); });
    stopped.Wait();
    return Succeeded{};
  });
  const Uuid id = EnqueueOne({.type = "t", .max_attempts = 1});
  ASSERT_TRUE(Reaches(id, JobStatus::kDead));
  EXPECT_NE(Job(id).last_error->find(R"("class": "timeout")"), std::string::npos);
}

TEST_F(WorkerTest, ResultThatCannotBeStoredFailsItsAttemptAndNotItsNeighbours) {
  config_.concurrency = 8;
  Start([](const djps::Job& job) -> Outcome {
    if (job.payload == "1") return Succeeded{"{oops"};
    if (job.payload == "2") return Succeeded{std::string(500'000, '[')};  // too deep for Postgres
    if (job.payload == "3") return Succeeded{'"' + std::string(1U << 20U, 'x') + '"'};
    if (job.payload == "4") {  // a megabyte each, once it is printed
      return Succeeded{"[1e131071,1e131071,1e131071,1e131071,1e131071,1e131071,1e131071,1e131071]"};
    }
    return Succeeded{"2"};
  });
  std::vector<NewJob> jobs(7, NewJob{.type = "t", .payload = "0", .max_attempts = 1});
  for (std::size_t bad = 1; bad <= 4; ++bad) jobs[bad].payload = std::to_string(bad);
  const auto ids = Enqueue(jobs);
  for (const std::size_t bad : {1U, 2U, 3U, 4U}) {
    ASSERT_TRUE(Reaches(ids[bad].id, JobStatus::kDead)) << bad;
    EXPECT_NE(Job(ids[bad].id).last_error->find("invalid_result"), std::string::npos);
  }
  for (const std::size_t good : {0U, 5U, 6U}) {
    EXPECT_TRUE(Reaches(ids[good].id, JobStatus::kSucceeded));
  }
}

TEST_F(WorkerTest, ErrorTextsThatPostgresCannotHoldAreCleaned) {
  Start([](const djps::Job&) -> Outcome {
    return Failed{.error_class = std::string("a\0b", 3),
                  .message = "\xff\xfe broken",
                  .detail = std::string(100'000, 'x'),
                  .retryable = false};
  });
  const Uuid id = EnqueueOne({.type = "t"});
  ASSERT_TRUE(Reaches(id, JobStatus::kDead));
  EXPECT_EQ(sql_.Value("select error_class = 'a\xEF\xBF\xBD' || 'b' and length(detail) = 8192 "
                       "from djps.attempts"),
            "t");
}

TEST_F(WorkerTest, AbsurdDelaysAreBounded) {
  Start([](const djps::Job& job) -> Outcome {
    if (job.payload == "1") return Snoozed{std::chrono::milliseconds::max()};
    return Failed{
        .error_class = "x", .message = "x", .retry_after = std::chrono::milliseconds::min()};
  });
  const auto ids =
      Enqueue({{.type = "t", .payload = "1"}, {.type = "t", .payload = "2", .max_attempts = 3}});
  ASSERT_TRUE(Reaches(ids[1].id, JobStatus::kDead)) << "a delay in the past means at once";
  EXPECT_TRUE(RunUntil(io_, [&] {
    return sql_.Value("select visible_at > now() + interval '300 days' from djps.ready") == "t";
  }));
}

TEST_F(WorkerTest, LongJobIsKeptByHeartbeatsBeyondItsLease) {
  config_.lease = 2s;
  Gate finish;
  std::atomic<int> started = 0;
  Start([&](const djps::Job&) -> Outcome {
    ++started;
    finish.Wait();
    return Succeeded{};
  });
  const Uuid id = EnqueueOne({.type = "t"});
  ASSERT_TRUE(RunUntil(io_, [&] { return started == 1; }));
  const std::string claimed = sql_.Value("select claimed_at from djps.leases");
  upkeep::Upkeep rescuer(io_.get_executor(), *pool_, *pool_);
  ASSERT_TRUE(RunUntil(io_, [&] {
    return sql_.Value("select now() > '" + claimed + "'::timestamptz + interval '3 s'") == "t";
  }));
  EXPECT_EQ(Run(rescuer.RescueOnce()), 0U);
  finish.Open();
  ASSERT_TRUE(Reaches(id, JobStatus::kSucceeded));
  EXPECT_EQ(started, 1);
  EXPECT_EQ(Job(id).attempts, 1);
}

TEST_F(WorkerTest, LostLeaseStopsTheHandlerAndItsOutcomeIsDropped) {
  config_.lease = 1s;
  Gate release;
  std::atomic<bool> told = false;
  Start([&](const djps::Job& job) -> Outcome {
    if (job.attempt > 1) return Succeeded{R"("second")"};
    const std::stop_callback on_stop(job.stop, [&] { told = true; });
    release.Wait();
    return Succeeded{R"("first")"};
  });
  const Uuid id = EnqueueOne({.type = "t"});
  ASSERT_TRUE(Reaches(id, JobStatus::kRunning));
  ExpireLeases();
  upkeep::Upkeep rescuer(io_.get_executor(), *pool_, *pool_);
  EXPECT_EQ(Run(rescuer.RescueOnce()), 1U);
  EXPECT_TRUE(RunUntil(io_, [&] { return told.load(); })) << "the heartbeat tells";
  release.Open();
  ASSERT_TRUE(Reaches(id, JobStatus::kSucceeded));
  EXPECT_EQ(Job(id).result, R"("second")");
}

TEST_F(WorkerTest, HoldsNoLongJobThatItCannotRun) {
  config_.concurrency = 1;
  config_.lease = 3s;
  Gate first;
  Gate second;
  std::atomic<int> started = 0;
  Start([&](const djps::Job&) -> Outcome {
    (++started == 1 ? first : second).Wait();
    return Succeeded{};
  });
  Enqueue(std::vector<NewJob>(3, {.type = "t"}));
  // A third of that: too long for anything to be claimed ahead.
  ASSERT_TRUE(RunUntil(io_, [this] { return HeartbeatCame(); }));
  first.Open();
  ASSERT_TRUE(RunUntil(io_, [&] { return started == 2 && Count("outcomes") == "1"; }));
  // The first claim brought all that it asked for, so that another may go beside the next one.
  EXPECT_EQ(sql_.Value("select sum(cardinality(job_ids)) from djps.leases"), "1");
  second.Open();
  Drain();  // handlers use the gates
}

TEST_F(WorkerTest, NeverRunsMoreThanItsConcurrency) {
  config_.concurrency = 3;
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  std::atomic<int> done = 0;
  Start([&](const djps::Job&) -> Outcome {
    const int now = ++running;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
    }
    --running;
    ++done;
    return Succeeded{};
  });
  Enqueue(std::vector<NewJob>(200, NewJob{.type = "t"}));
  ASSERT_TRUE(RunUntil(io_, [&] { return done == 200; }));
  EXPECT_LE(most, 3);
}

TEST_F(WorkerTest, WorkersThatTakeTurnsRunEveryJobOnce) {
  std::atomic<int> calls = 0;
  std::vector<std::unique_ptr<worker::Runtime>> workers;
  for (const char* name : {"w1", "w2", "w3"}) {
    worker::Registry registry;
    registry.Add("t", Handler([&calls](const djps::Job&) -> Outcome {
                   ++calls;
                   return Succeeded{};
                 }));
    config_.name = name;
    workers.push_back(std::make_unique<worker::Runtime>(io_.get_executor(), Pools(), config_,
                                                        std::move(registry)));
    workers.back()->Start();
  }
  // With its second report, a second after the first, each counts all three.
  EXPECT_TRUE(RunUntil(io_, [this] {
    return sql_.Value(
               "select count(*) from djps.workers "
               "where last_seen_at > started_at + interval '0.5 s'") == "3";
  }));
  // A failure must not leave before the workers have drained.
  for (int round = 1; round <= 20 && !HasFailure(); ++round) {
    Enqueue(std::vector<NewJob>(50, {.type = "t"}));
    for (const auto& worker : workers) worker->Wake("default");
    EXPECT_TRUE(RunUntil(io_, [&] { return Count("outcomes") == std::to_string(50 * round); }))
        << "round " << round;
  }
  EXPECT_EQ(calls, 1'000);
  for (const auto& worker : workers) Run(worker->Drain());
}

TEST_F(WorkerTest, OutcomesThatCannotBeWrittenHoldClaimsUpAndNoLonger) {
  config_.concurrency = 100;
  config_.lease = 3s;
  // Only the writing of outcomes can wake the claims in time.
  config_.poll_interval_max = std::chrono::minutes(1);
  Enqueue(std::vector<NewJob>(6'000, {.type = "t"}));
  sql_.Run("begin; lock table djps.outcomes in exclusive mode");
  std::atomic<int> ran = 0;
  Start([&ran](const djps::Job&) -> Outcome {
    ++ran;
    return Succeeded{};
  });
  ASSERT_TRUE(RunUntil(io_, [&] { return ran >= 2'000; }));
  // Until a heartbeat has come: time enough for claims, if there were any.
  ASSERT_TRUE(RunUntil(io_, [this] { return HeartbeatCame(); }));
  EXPECT_LT(ran, 4'000);
  sql_.Run("commit");
  EXPECT_TRUE(RunUntil(io_, [this] { return Count("outcomes") == "6000"; }, 30s));
  EXPECT_EQ(ran, 6'000);
}

TEST_F(WorkerTest, DrainLetsRunningJobsFinishAndClaimsNoMore) {
  config_.concurrency = 1;
  Gate finish;
  std::atomic<int> started = 0;
  Start([&](const djps::Job&) -> Outcome {
    ++started;
    finish.Wait();
    return Succeeded{};
  });
  const auto ids = Enqueue(std::vector<NewJob>(3, NewJob{.type = "t"}));
  ASSERT_TRUE(RunUntil(io_, [&] { return started == 1; }));
  bool drained = false;
  boost::asio::co_spawn(io_, runtime_->Drain(), [&](const std::exception_ptr&) { drained = true; });
  io_.restart();
  io_.run_for(50ms);
  EXPECT_FALSE(drained);
  finish.Open();
  ASSERT_TRUE(RunUntil(io_, [&] { return drained; }));
  runtime_.reset();
  EXPECT_EQ(started, 1);
  EXPECT_EQ(Status(ids[0].id), JobStatus::kSucceeded);
  EXPECT_EQ(Status(ids[1].id), JobStatus::kQueued);
  EXPECT_EQ(Count("leases"), "0");
}

TEST_F(WorkerTest, JobCutOffByAStopIsHandedBackUnharmed) {
  config_.grace = 0ms;
  std::atomic<int> started = 0;
  Start([&](const djps::Job& job) -> Outcome {
    ++started;
    Gate stopped;
    const std::stop_callback on_stop(job.stop, [&] { stopped.Open(); });
    stopped.Wait();
    return Failed{.error_class = "interrupted", .message = "stopped half way"};
  });
  const Uuid id = EnqueueOne({.type = "t", .max_attempts = 1});
  ASSERT_TRUE(RunUntil(io_, [&] { return started == 1; }));
  Drain();
  const JobRecord job = Job(id);
  EXPECT_EQ(job.status, JobStatus::kQueued) << "a stop must not cost an attempt";
  EXPECT_EQ(job.attempts, 0);
  EXPECT_EQ(Count("attempts"), "0");
  EXPECT_EQ(Count("snoozes"), "0") << "nor a snooze";
  EXPECT_EQ(Claim().jobs.size(), 1U) << "and others can have it at once";
}

TEST_F(WorkerTest, AProgramThatIgnoresSigtermIsKilledAndItsJobHandedBack) {
  config_.grace = 0ms;
  const test_support::TemporaryFolder folder;
  const std::string started = (folder / "started").string();
  Registry registry;
  registry.Add("t",
               MakeExecHandler(
                   {.program = "sh",
                    .args = {"-c", "trap '' TERM; : >\"$0\"; while :; do sleep 1; done", started},
                    .env = {},
                    .kill_after = 50ms}));
  const Uuid id = EnqueueOne({.type = "t", .max_attempts = 1});
  Start(std::move(registry));
  ASSERT_TRUE(RunUntil(io_, [&] { return std::filesystem::exists(started); }));
  Drain();
  EXPECT_EQ(Status(id), JobStatus::kQueued);
  EXPECT_EQ(Job(id).attempts, 0);
}

TEST_F(WorkerTest, OutcomeIsReportedAfterTheConnectionWasLost) {
  Gate finish;
  std::atomic<int> started = 0;
  Start([&](const djps::Job&) -> Outcome {
    ++started;
    finish.Wait();
    return Succeeded{};
  });
  const Uuid id = EnqueueOne({.type = "t"});
  ASSERT_TRUE(RunUntil(io_, [&] { return started == 1; }));
  sql_.Run(
      "select pg_terminate_backend(pid) from pg_stat_activity "
      "where datname = current_database() and pid <> pg_backend_pid()");
  finish.Open();
  ASSERT_TRUE(Reaches(id, JobStatus::kSucceeded));
  EXPECT_EQ(started, 1);
}

}  // namespace
}  // namespace djps::worker
