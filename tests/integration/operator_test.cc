// Cancel, retry, edit, purge, pause: every pair of state and action, the ones that do nothing too.
#include "support/store_fixture.h"

namespace djps {
namespace {

using namespace std::chrono_literals;
using test_support::StoreTest;

class OperatorTest : public StoreTest {
 protected:
  /// A new job, brought into a state.
  Uuid JobIn(JobStatus status) {
    // Waiting jobs of earlier cases must not be claimed in this one.
    sql_.Run("update djps.ready set visible_at = now() + interval '1 day', moved_at = now()");
    NewJob job{.type = "t"};
    if (status == JobStatus::kFailed) job.max_attempts = 3;
    const Uuid id = EnqueueOne(job);
    if (status == JobStatus::kQueued) return id;
    if (status == JobStatus::kCanceled) {
      Cancel(id);
      return id;
    }
    lease_ = Claim(1).lease;
    if (status == JobStatus::kSucceeded) Complete(lease_, id, "7");
    if (status == JobStatus::kFailed) Fail(lease_, id);
    if (status == JobStatus::kDead) Fail(lease_, id, false);
    return id;
  }

  std::string Cancel(Uuid id) {
    const auto canceled = Run(operators_.CancelJobs({id}, "ann", "no need", Soon()));
    return canceled.empty() ? "missing" : canceled.front().state;
  }

  std::vector<store::RetriedJob> Retry(Uuid id, std::vector<JobStatus> from = kAll) {
    return Run(operators_.RetryJobs({id}, from, "ann", Soon()));
  }

  bool Purge(Uuid id) { return !Run(operators_.PurgeJobs({id}, kAll, "ann", Soon())).empty(); }

  bool Edit(Uuid id, const store::JobEdit& edit) {
    return Run(operators_.EditJob(id, edit, "ann", Soon())).changed;
  }

  std::string Audit(Uuid id) {
    std::string actions;
    const auto page = Run(operators_.ListAudit(id.ToString(), std::nullopt, 10, Soon()));
    for (const store::AuditEntry& entry : page.entries) {
      EXPECT_EQ(entry.actor, "ann");
      actions += (actions.empty() ? "" : ",") + entry.action;
    }
    return actions;
  }

  /// The invariant: a job waits, runs or has ended, and never two of these.
  int PlacesOf(Uuid id) {
    return std::stoi(
        sql_.Value(fmt::format("select (select count(*) from djps.ready where id = '{0}') + "
                               "(select count(*) from djps.leases where '{0}' = any (job_ids)) + "
                               "(select count(*) from djps.outcomes where id = '{0}')",
                               id.ToString())));
  }

  static inline const std::vector<JobStatus> kAll = {JobStatus::kQueued,   JobStatus::kRunning,
                                                     JobStatus::kFailed,   JobStatus::kSucceeded,
                                                     JobStatus::kCanceled, JobStatus::kDead};

  Uuid lease_;
};

TEST_F(OperatorTest, CancelInEveryState) {
  const std::vector<std::pair<JobStatus, std::string>> cases = {
      {JobStatus::kQueued, "canceled"},   {JobStatus::kFailed, "canceled"},
      {JobStatus::kRunning, "requested"}, {JobStatus::kSucceeded, "succeeded"},
      {JobStatus::kCanceled, "canceled"}, {JobStatus::kDead, "dead"}};
  for (const auto& [before, state] : cases) {
    SCOPED_TRACE(StatusName(before));
    const Uuid id = JobIn(before);
    EXPECT_EQ(Cancel(id), state);
    const bool waits = before == JobStatus::kQueued || before == JobStatus::kFailed;
    EXPECT_EQ(Status(id), waits ? JobStatus::kCanceled : before);
    EXPECT_EQ(PlacesOf(id), 1);
    if (before == JobStatus::kRunning) Complete(lease_, id);
  }
  EXPECT_EQ(Cancel(Uuid{}), "missing");
}

TEST_F(OperatorTest, ARunningJobEndsAsCanceledHoweverItsAttemptEnds) {
  const std::vector<std::function<void(Uuid)>> endings = {
      [this](Uuid id) { Fail(lease_, id); },
      [this](Uuid id) { Run(leases_.ReturnJobs({{lease_, id, 1h}}, Soon())); },
      [this](Uuid) {
        ExpireLeases();
        Run(leases_.RescueExpiredLeases(10, Soon()));
      }};
  for (const auto& end : endings) {
    const Uuid id = JobIn(JobStatus::kRunning);
    ASSERT_EQ(Cancel(id), "requested");
    EXPECT_TRUE(Job(id).cancel_requested);
    const auto found = Run(leases_.FindCancellations({lease_}, Soon()));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found.front().job, id);
    end(id);
    EXPECT_EQ(Status(id), JobStatus::kCanceled);
    EXPECT_EQ(PlacesOf(id), 1);
  }
}

TEST_F(OperatorTest, WorkThatWasDoneAllTheSameCounts) {
  const Uuid id = JobIn(JobStatus::kRunning);
  ASSERT_EQ(Cancel(id), "requested");
  EXPECT_EQ(Complete(lease_, id).size(), 1U);
  EXPECT_EQ(Status(id), JobStatus::kSucceeded);
}

TEST_F(OperatorTest, CancelingOneJobOfABatchLeavesTheOthersAlone) {
  const auto jobs = Enqueue(std::vector<NewJob>(3, NewJob{.type = "t"}));
  lease_ = Claim(3).lease;
  ASSERT_EQ(Cancel(jobs[1].id), "requested");
  for (const auto& job : jobs) Fail(lease_, job.id);
  EXPECT_EQ(Status(jobs[0].id), JobStatus::kFailed);
  EXPECT_EQ(Status(jobs[1].id), JobStatus::kCanceled);
  EXPECT_EQ(Status(jobs[2].id), JobStatus::kFailed);
}

TEST_F(OperatorTest, RetryInEveryState) {
  for (const JobStatus before : kAll) {
    SCOPED_TRACE(StatusName(before));
    const Uuid id = JobIn(before);
    const auto retried = Retry(id);
    if (before == JobStatus::kRunning) {
      EXPECT_TRUE(retried.empty());
      Complete(lease_, id);
      continue;
    }
    ASSERT_EQ(retried.size(), 1U);
    EXPECT_EQ(retried.front().was, before);
    EXPECT_EQ(Status(id), before == JobStatus::kFailed ? JobStatus::kFailed : JobStatus::kQueued);
    EXPECT_EQ(Job(id).attempts, before == JobStatus::kFailed ? 1 : 0);
    EXPECT_EQ(PlacesOf(id), 1);
    EXPECT_EQ(Claim(1).jobs.size(), 1U) << "it is due now";
    sql_.Run("delete from djps.leases");
  }
}

TEST_F(OperatorTest, RetryTouchesOnlyTheStatusesNamed) {
  const Uuid id = JobIn(JobStatus::kSucceeded);
  EXPECT_TRUE(Retry(id, {JobStatus::kDead, JobStatus::kCanceled}).empty());
  EXPECT_EQ(Status(id), JobStatus::kSucceeded);
}

TEST_F(OperatorTest, ARedrivenJobKeepsItsHistoryAndForgetsADeadlineThatHasPassed) {
  const Uuid id = JobIn(JobStatus::kDead);
  sql_.Run("update djps.facts set finish_by = now() - interval '1 s'");
  ASSERT_EQ(Retry(id).size(), 1U);
  EXPECT_EQ(sql_.Value("select count(*) from djps.attempts"), "1");
  EXPECT_EQ(Claim(1).jobs.size(), 1U);
}

TEST_F(OperatorTest, EditInEveryState) {
  for (const JobStatus before : kAll) {
    SCOPED_TRACE(StatusName(before));
    const Uuid id = JobIn(before);
    const bool waits = before == JobStatus::kQueued || before == JobStatus::kFailed;
    EXPECT_EQ(Edit(id, {.priority = std::int16_t{-3}, .payload = R"({"new":true})"}), waits);
    const JobRecord job = Job(id);
    EXPECT_EQ(job.status, before);
    EXPECT_EQ(job.priority, waits ? -3 : 0);
    EXPECT_EQ(job.payload, waits ? R"({"new": true})" : "{}");
    if (before == JobStatus::kRunning) Complete(lease_, id);
  }
}

TEST_F(OperatorTest, AnEditedPriorityOutlivesARetry) {
  const Uuid id = EnqueueOne({.type = "t"});
  ASSERT_TRUE(Edit(id, {.priority = std::int16_t{9}}));
  const auto batch = Claim(1);
  ASSERT_EQ(batch.jobs.size(), 1U);
  EXPECT_EQ(batch.jobs[0].priority, 9);
  Fail(batch.lease, id);
  EXPECT_EQ(Job(id).priority, 9);
}

TEST_F(OperatorTest, AnEditedTimeIsKept) {
  const Uuid id = EnqueueOne({.type = "t"});
  const Timestamp later = Job(id).created_at + 1h;
  ASSERT_TRUE(Edit(id, {.run_at = later, .max_attempts = 2}));
  EXPECT_EQ(Job(id).run_at, later);
  EXPECT_EQ(Job(id).max_attempts, 2);
  EXPECT_TRUE(Claim(1).jobs.empty());
}

TEST_F(OperatorTest, PurgeInEveryState) {
  for (const JobStatus before : kAll) {
    SCOPED_TRACE(StatusName(before));
    const Uuid id = JobIn(before);
    const bool ended = before == JobStatus::kSucceeded || before == JobStatus::kCanceled ||
                       before == JobStatus::kDead;
    EXPECT_EQ(Purge(id), ended);
    EXPECT_EQ(sql_.Value("select count(*) from djps.facts where id = '" + id.ToString() + "'"),
              ended ? "0" : "1");
    if (before == JobStatus::kRunning) Complete(lease_, id);
  }
}

TEST_F(OperatorTest, APurgedJobsSnoozesAreForgotten) {
  const Uuid gone = JobIn(JobStatus::kDead);
  const Uuid stays = JobIn(JobStatus::kDead);
  sql_.Run("insert into djps.snoozes select id, 0, 7 from djps.jobs");
  EXPECT_TRUE(Purge(gone));
  EXPECT_EQ(sql_.Value("select string_agg(job_id::text, ',') from djps.snoozes"), stays.ToString());
}

TEST_F(OperatorTest, APurgedJobsKeyIsFreeUnlessItHasALifetimeOfItsOwn) {
  NewJob plain{.type = "t", .idempotency_key = "plain"};
  NewJob lasting{.type = "t", .idempotency_key = "lasting"};
  lasting.key_lifetime = 1h;
  const auto first = Enqueue({plain, lasting});
  for (const auto& job : first) {
    Cancel(job.id);
    EXPECT_TRUE(Purge(job.id));
  }
  EXPECT_FALSE(Enqueue({plain}).front().replayed);
  const auto again = Enqueue({lasting}).front();
  EXPECT_TRUE(again.replayed) << "the key outlives its job";
  EXPECT_EQ(again.id, first[1].id);
}

TEST_F(OperatorTest, EveryActionIsWrittenDown) {
  const Uuid id = EnqueueOne({.type = "t"});
  Edit(id, {.priority = std::int16_t{1}});
  Cancel(id);
  Retry(id);
  Cancel(id);
  Purge(id);
  EXPECT_EQ(Audit(id), "purge,cancel,retry,cancel,edit");
  EXPECT_EQ(sql_.Value("select (detail #>> '{before,priority}') || (detail #>> '{after,priority}') "
                       "from djps.audit where action = 'edit'"),
            "01");
}

TEST_F(OperatorTest, NoClaimOfAPausedQueueCommits) {
  EnqueueOne({.type = "t"});
  EXPECT_TRUE(Run(operators_.SetQueuePaused("default", true, "ann", Soon())));
  EXPECT_FALSE(Run(operators_.SetQueuePaused("default", true, "bob", Soon())));
  EXPECT_TRUE(Claim().jobs.empty());
  EXPECT_TRUE(Run(operators_.SetQueuePaused("default", false, "ann", Soon())));
  EXPECT_EQ(Claim().jobs.size(), 1U);
}

TEST_F(OperatorTest, APauseWaitsForTheClaimsThatAreUnderWay) {
  EnqueueOne({.type = "t"});
  pg::Session claimer(conninfo_);
  claimer.Run("begin; select djps.queue_is_open(0::int2, 'default')");
  // Named, since the coroutine keeps references and starts later.
  const std::string queue = "default";
  const std::string actor = "ann";
  bool paused = false;
  boost::asio::co_spawn(io_, operators_.SetQueuePaused(queue, true, actor, Soon()),
                        [&](const std::exception_ptr& error, bool changed) {
                          EXPECT_FALSE(error);
                          paused = changed;
                        });
  ASSERT_TRUE(test_support::RunUntil(io_, [&] {
    return sql_.Value(
               "select count(*) from pg_locks where locktype = 'advisory' and not granted "
               "and database = (select oid from pg_database "
               "where datname = current_database())") == "1";
  }));
  EXPECT_FALSE(paused);
  claimer.Run("commit");
  EXPECT_TRUE(test_support::RunUntil(io_, [&] { return paused; }));
}

TEST_F(OperatorTest, AQueueWithALimitIsFullWhenItIsReached) {
  Run(operators_.SetQueueLimit("default", 2, "ann", Soon()));
  EnqueueOne({.type = "t"});
  EXPECT_TRUE(Run(operators_.ListFullQueues(Soon())).empty());
  EnqueueOne({.type = "t"});
  const auto full = Run(operators_.ListFullQueues(Soon()));
  ASSERT_EQ(full.size(), 1U);
  EXPECT_EQ(full.front().name, "default");
  EXPECT_EQ(full.front().max_backlog, 2);
  Run(operators_.SetQueueLimit("default", std::nullopt, "ann", Soon()));
  EXPECT_TRUE(Run(operators_.ListFullQueues(Soon())).empty());
}

TEST_F(OperatorTest, AJobWhoseDeadlineHasPassedIsNeverStarted) {
  NewJob job{.type = "t"};
  job.finish_by = Timestamp(std::chrono::seconds(1));
  const Uuid claimed = EnqueueOne(job);
  EXPECT_TRUE(Claim().jobs.empty());
  EXPECT_EQ(Status(claimed), JobStatus::kDead);

  const Uuid waiting = EnqueueOne(job);
  EXPECT_EQ(Run(operators_.BuryOverdue(10, Soon())), std::vector<Uuid>{waiting});
  EXPECT_EQ(Status(waiting), JobStatus::kDead);
  EXPECT_EQ(sql_.Value("select count(*) from djps.attempts where error_class = "
                       "'deadline_exceeded'"),
            "2");
}

TEST_F(OperatorTest, ADeadlineOfAnyAgeIsFoundWhateverPutTheJobBack) {
  NewJob job{.type = "t"};
  const Uuid plain = EnqueueOne({.type = "t"});
  job.finish_by = Job(plain).created_at + 1h;
  const auto jobs = Enqueue(std::vector<NewJob>(6, job));
  const auto batch = Claim(10);
  ASSERT_EQ(batch.jobs.size(), 7U);
  const auto held = [&](std::size_t i) { return jobs[i].id; };
  Fail(batch.lease, held(0));
  EXPECT_EQ(Run(leases_.ReturnJobs({{batch.lease, held(1)}}, Soon())).size(), 1U);
  Fail(batch.lease, held(2), false);
  ASSERT_EQ(Retry(held(2)).size(), 1U);
  Run(leases_.ReturnJobs({{batch.lease, held(3)}}, Soon()));
  ASSERT_TRUE(Edit(held(3), {.priority = std::int16_t{-3}}));
  Run(leases_.ReturnJobs({{batch.lease, held(4)}}, Soon()));
  ASSERT_EQ(Retry(held(4)).size(), 1U);
  Run(leases_.ReturnJobs({{batch.lease, plain}}, Soon()));
  EXPECT_EQ(sql_.Value("select count(*) from djps.ready r join djps.facts f using (id) "
                       "where r.finish_by is not distinct from f.finish_by"),
            "6");
  EXPECT_TRUE(Run(operators_.BuryOverdue(10, Soon())).empty());
  // A year passes. What runs, and what has no deadline, is left alone.
  sql_.Run(
      "update djps.facts set finish_by = finish_by - interval '1 year'; "
      "update djps.ready set finish_by = finish_by - interval '1 year'");
  EXPECT_EQ(Run(operators_.BuryOverdue(3, Soon())).size(), 3U);
  EXPECT_EQ(Run(operators_.BuryOverdue(10, Soon())).size(), 2U);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(Status(held(i)), JobStatus::kDead) << i;
  EXPECT_EQ(Status(held(5)), JobStatus::kRunning);
  EXPECT_EQ(Status(plain), JobStatus::kQueued);
}

TEST_F(OperatorTest, ARetryThatWouldComeAfterTheDeadlineIsNone) {
  NewJob job{.type = "t"};
  job.retry = RetryPolicy{.kind = RetryPolicy::Kind::kFixed, .delay = 1h};
  const Uuid patient = EnqueueOne(job);
  job.finish_by = Job(patient).created_at + 30min;
  const Uuid hurried = EnqueueOne(job);
  const auto batch = Claim(2);
  EXPECT_EQ(batch.jobs[0].begin_within, std::nullopt);
  ASSERT_TRUE(batch.jobs[1].begin_within);
  EXPECT_LE(*batch.jobs[1].begin_within, 30min);
  Fail(batch.lease, patient);
  Fail(batch.lease, hurried);
  EXPECT_EQ(Status(patient), JobStatus::kFailed);
  EXPECT_EQ(Status(hurried), JobStatus::kDead);
}

TEST_F(OperatorTest, ThePolicyOfTheJobComesBeforeTheHandlersAndTheTypes) {
  Run(operators_.SetRetryPolicy("t", R"({"kind":"fixed","delay_ms":3600000})", "ann", Soon()));
  NewJob own{.type = "t"};
  own.retry = RetryPolicy{.kind = RetryPolicy::Kind::kFixed, .delay = 3h};
  const auto jobs = Enqueue({own, NewJob{.type = "t"}, NewJob{.type = "t"}});
  const auto batch = Claim(3);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    store::FailedJob failed{.lease = batch.lease, .job = jobs[i].id};
    if (i < 2) failed.policy = R"({"kind":"fixed","delay_ms":7200000})";
    Run(leases_.FailJobs({failed}, Soon()));
  }
  const auto hours = [&](std::size_t i) {
    return sql_.Value(
        "select round(extract(epoch from run_at - updated_at) / 3600) from djps.jobs "
        "where id = '" +
        jobs[i].id.ToString() + "'");
  };
  EXPECT_EQ(hours(0), "3");
  EXPECT_EQ(hours(1), "2");
  EXPECT_EQ(hours(2), "1");
}

}  // namespace
}  // namespace djps
