// What is past its retention goes, whatever else happens to its day meanwhile; nothing else goes.
#include <set>

#include "support/history_fixture.h"

namespace djps::test_support {
namespace {

using namespace std::chrono_literals;

TEST_F(HistoryTest, JobsGoByTheRuleOfTheirQueueAndStatus) {
  Keep("mail", JobStatus::kSucceeded, 24h);
  Keep("slow", JobStatus::kSucceeded, 24h * 30);
  Keep("mail", JobStatus::kDead, 24h * 5);
  const auto gone = Make(4, {});
  const auto mail_gone = Make(3, {.days = 3, .queue = "mail"});
  const Uuid mail_dead = Make({.state = "dead", .queue = "mail"});
  const Uuid canceled = Make({.state = "canceled"});
  const Uuid slow = Make({.queue = "slow"});
  const Uuid dead = Make({.state = "dead"});
  const Uuid young = Make({.days = 3});
  const Uuid ended_late = Make({.days = 10, .ended_days = 1});
  StepTo("idle");
  for (const Uuid id : gone) EXPECT_FALSE(Exists(id));
  for (const Uuid id : mail_gone) EXPECT_FALSE(Exists(id));
  EXPECT_FALSE(Exists(mail_dead));
  EXPECT_FALSE(Exists(canceled));
  EXPECT_EQ(Status(slow), JobStatus::kSucceeded);
  EXPECT_EQ(Status(dead), JobStatus::kDead);
  EXPECT_EQ(Status(young), JobStatus::kSucceeded);
  EXPECT_EQ(Status(ended_late), JobStatus::kSucceeded);
  EXPECT_EQ(Count("attempts"), "4") << "of the jobs that stay";
  EXPECT_FALSE(DayIsThere(10));
  EXPECT_FALSE(DayIsThere(3));
  ExpectSound();
  ExpectTidy();
}

TEST_F(HistoryTest, ADayOfWhichNothingStaysIsDroppedWhole) {
  Make(3, {.days = 9});
  sql_.Run("select make_day(20)");  // a day without jobs
  StepTo("idle");
  EXPECT_EQ(Count("facts"), "0");
  EXPECT_FALSE(DayIsThere(9));
  EXPECT_FALSE(DayIsThere(20));
  EXPECT_EQ(KeptParts(), "0");
  ExpectTidy();
}

TEST_F(HistoryTest, AJobThatStillLivesOutlivesItsDay) {
  const Uuid fresh = EnqueueOne({.type = "t"});  // statements are prepared before anything moves
  EXPECT_EQ(Complete(Claim(1).lease, fresh).size(), 1U);
  const Uuid live = Make({.days = 40, .state = "queued", .tag = "late"});
  const Uuid running = Make({.days = 40, .state = "running"});
  Make(3, {.days = 40});
  StepTo("idle");
  EXPECT_FALSE(DayIsThere(40));
  EXPECT_EQ(KeptParts(), "1");
  EXPECT_EQ(Status(live), JobStatus::kQueued);
  EXPECT_EQ(Status(running), JobStatus::kRunning);
  EXPECT_EQ(Complete(running, running).size(), 1U) << "the lease has the job's id here";
  EXPECT_EQ(Status(running), JobStatus::kSucceeded);

  auto batch = Claim(1);
  ASSERT_EQ(batch.jobs.size(), 1U);
  EXPECT_EQ(batch.jobs[0].id, live);
  EXPECT_EQ(Fail(batch.lease, live).size(), 1U);
  EndBackoffs();
  batch = Claim(1);
  EXPECT_EQ(Complete(batch.lease, live, R"({"n":1})").size(), 1U);
  EXPECT_EQ(Status(live), JobStatus::kSucceeded);
  EXPECT_EQ(sql_.Value("select result ->> 'n' from djps.jobs where id = '" + live.ToString() + "'"),
            "1");
  EXPECT_EQ(Count("job_tags"), "1");
  ExpectSound();

  // Later it is past its retention too, and the part that was kept goes as a day does.
  sql_.Run(
      "update djps.outcomes set finished_at = now() - interval '10 days'; "
      "update djps.history_parts set check_at = now()");
  StepTo("idle");
  EXPECT_FALSE(Exists(live));
  EXPECT_EQ(KeptParts(), "0");
  EXPECT_EQ(Count("job_tags"), "0");
  EXPECT_EQ(Count("attempts"), "0");
  ExpectTidy();
}

TEST_F(HistoryTest, WhatStandsBesideAJobGoesWithItAndAKeyOutlivesItWhileItCounts) {
  const Uuid gone = Make({.key = "gone", .tag = "gone"});
  Make({.key = "lasting"});
  Make({.key = "over"});
  const Uuid stays = Make({.state = "dead", .key = "stays", .tag = "stays"});
  sql_.Run(
      "update djps.idempotency_keys set expires_at = now() + interval '1 day' "
      "where key = 'lasting'; "
      "update djps.idempotency_keys set expires_at = now() - interval '1 s' "
      "where key = 'over'");
  for (const Uuid id : {gone, stays}) {
    sql_.Run(
        fmt::format("insert into djps.progress (job_id, updated_at, lane, attempt) values ('{0}', "
                    "now(), 0, 1); "
                    "insert into djps.log_lines (job_id, at, line, lane, attempt, level, message) "
                    "values ('{0}', now(), 1, 0, 1, 'info', 'm'); "
                    "insert into djps.snoozes (job_id, lane, count) values ('{0}', 0, 1); "
                    "insert into djps.unique_keys (lane, hash, job_id, states) "
                    "values (0, '{0}', '{0}', '{{succeeded,dead}}')",
                    id.ToString()));
  }
  StepTo("idle");
  EXPECT_EQ(sql_.Value("select string_agg(key, ',' order by key) from djps.idempotency_keys"),
            "lasting,stays");
  EXPECT_EQ(sql_.Value("select string_agg(tag, ',') from djps.job_tags"), "stays");
  for (const char* table : {"progress", "log_lines", "snoozes", "unique_keys"}) {
    EXPECT_EQ(sql_.Value(fmt::format("select string_agg(job_id::text, ',') from djps.{}", table)),
              stays.ToString())
        << table;
  }
  NewJob again{.type = "t"};
  again.idempotency_key = "gone";
  EXPECT_NE(EnqueueOne(again), gone);
}

TEST_F(HistoryTest, WhatHappensWhileADayIsCopiedIsNotLost) {
  Make(10, {});
  const Uuid redriven = Make({.state = "canceled"});
  const Uuid completed = Make({.state = "running"});
  const Uuid failed = Make({.state = "running"});
  const Uuid edited = Make({.state = "queued"});
  const Uuid purged = Make({.state = "dead"});
  StepToSwap();
  EXPECT_EQ(Run(operators_.RetryJobs({redriven}, {JobStatus::kCanceled}, "ann", Soon())).size(),
            1U);
  EXPECT_EQ(Complete(completed, completed).size(), 1U);
  EXPECT_EQ(Fail(failed, failed).size(), 1U);
  EXPECT_TRUE(Run(operators_.EditJob(edited, {.payload = "{\"a\":1}"}, "ann", Soon())).changed);
  EXPECT_EQ(Run(operators_.PurgeJobs({purged}, {JobStatus::kDead}, "ann", Soon())).size(), 1U);
  EXPECT_EQ(Step(), "swapped");
  StepTo("idle");
  EXPECT_EQ(Status(redriven), JobStatus::kQueued);
  EXPECT_EQ(Status(completed), JobStatus::kSucceeded);
  EXPECT_EQ(Status(failed), JobStatus::kFailed);
  EXPECT_EQ(Job(edited).payload, "{\"a\": 1}");
  EXPECT_FALSE(Exists(purged));
  EXPECT_EQ(Count("facts"), "4");
  EXPECT_EQ(Count("attempts"), "2") << "of the redriven one and of the one that failed";
  ExpectSound();
  ExpectTidy();
}

TEST_F(HistoryTest, ManyChangesAreCaughtUpWithBeforeTheLock) {
  Make(1, {});
  sql_.Run(
      "insert into djps.facts (id, created_at, run_at, lane, priority, max_attempts, queue, "
      "type, payload) select old_id(10), now(), now(), 0, 0, 25, 'q', 't', '1' "
      "from generate_series(1, 300); "
      "insert into djps.outcomes (id, finished_at, status, lane, attempts) "
      "select id, now() - interval '20 days', 'succeeded', 0, 1 from djps.facts where queue = 'q'");
  StepToSwap();
  sql_.Run("update djps.outcomes set status = 'dead'");
  EXPECT_EQ(Step(), "caught_up");
  EXPECT_EQ(Step(), "swapped");
  StepTo("idle");
  EXPECT_EQ(sql_.Value("select count(*) from djps.jobs where status = 'dead'"), "301");
  ExpectSound();
}

TEST_F(HistoryTest, ATransactionThatIsUnderWayIsWaitedForAndCounts) {
  Make(5, {});
  const Uuid completed = Make({.state = "running"});
  const Uuid redriven = Make({.state = "canceled"});
  const Uuid undone = Make({.state = "canceled"});
  StepToSwap();
  pg::Session first(conninfo_);
  pg::Session second(conninfo_);
  first.Run("begin");
  first.Run(fmt::format("select djps.complete('{0}', '{0}')", completed.ToString()));
  first.Run(fmt::format("select djps.retry_jobs(0::int2, array['{}']::uuid[], '{{canceled}}', 'a')",
                        redriven.ToString()));
  second.Run("begin");
  second.Run(
      fmt::format("select djps.retry_jobs(0::int2, array['{}']::uuid[], '{{canceled}}', 'a')",
                  undone.ToString()));
  EXPECT_EQ(Step(), "locked");
  first.Run("commit");
  EXPECT_EQ(Step(), "locked");
  EXPECT_EQ(Status(completed), JobStatus::kSucceeded);
  second.Run("rollback");
  StepTo("swapped");
  StepTo("idle");
  EXPECT_EQ(Status(completed), JobStatus::kSucceeded);
  EXPECT_EQ(Status(redriven), JobStatus::kQueued);
  EXPECT_FALSE(Exists(undone));
  ExpectSound();
  ExpectTidy();
}

TEST_F(HistoryTest, ALongReaderMakesItWaitForALaterRound) {
  Make(2, {});
  StepToSwap();
  pg::Session reader(conninfo_);
  reader.Run("begin");
  reader.Run("select count(*) from djps.facts");
  EXPECT_EQ(Step(), "locked");
  EXPECT_EQ(Step(), "locked");
  // Meanwhile all goes on.
  const Uuid fresh = EnqueueOne({.type = "t"});
  EXPECT_EQ(Complete(Claim(1).lease, fresh).size(), 1U);
  reader.Run("commit");
  EXPECT_EQ(Step(), "swapped");
  // The old tables may be held as well.
  reader.Run("begin");
  reader.Run(
      sql_.Value("select 'select count(*) from djps.facts_' || sources[1] "
                 "from djps.history_work"));
  while (Step() == "sweep") continue;
  EXPECT_EQ(Step(), "locked");
  reader.Run("commit");
  StepTo("idle");
  ExpectTidy();
}

TEST_F(HistoryTest, ASwapDoesNotQueueForALockThatAVacuumHolds) {
  Make(2, {});
  StepToSwap();
  const std::string held = "select djps.history_is_held(w) from djps.history_work w";
  EXPECT_EQ(sql_.Value(held), "f");
  for (const char* table : {"facts", "outcomes_default", "attempts_default"}) {
    pg::Session other(conninfo_);
    other.Run("begin");
    other.Run(fmt::format("lock table only djps.{} in share update exclusive mode", table));
    EXPECT_EQ(sql_.Value(held), "t") << table;
    EXPECT_EQ(Step(), "locked") << table;
    other.Run("rollback");
  }
  EXPECT_EQ(Step(), "swapped");
}

TEST_F(HistoryTest, OneAtATime) {
  Make(2, {});
  pg::Session other(conninfo_);
  other.Run("begin");
  other.Run("select djps.history_step()");
  EXPECT_EQ(Step(), "busy");
  other.Run("commit");
  EXPECT_EQ(Step(), "survey");
}

TEST_F(HistoryTest, ACrashInAnyStepLosesNothing) {
  Make(6, {.days = 12, .tag = "a"});
  const Uuid dead = Make({.days = 12, .state = "dead", .tag = "b"});
  const Uuid live = Make({.days = 12, .state = "queued"});
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    pg::Session dying(conninfo_);
    dying.Run("begin");
    dying.Run("select djps.history_step(4)");
    dying.Run("rollback");
    EXPECT_EQ(Status(dead), JobStatus::kDead);
    EXPECT_EQ(Status(live), JobStatus::kQueued);
    const std::string done = Run(history_.RunStep(4, Soon()));
    seen.insert(done);
    if (done == "idle") break;
  }
  const std::set<std::string> all = {"chosen", "survey",  "began",    "copy", "swapped",
                                     "sweep",  "dropped", "finished", "idle"};
  EXPECT_EQ(seen, all);
  EXPECT_EQ(Count("facts"), "2");
  EXPECT_EQ(sql_.Value("select string_agg(tag, ',') from djps.job_tags"), "b");
  ExpectSound();
  ExpectTidy();
}

TEST_F(HistoryTest, ANewRuleThrowsAwayWhatWasCopiedByTheOldOne) {
  const auto jobs = Make(5, {});
  StepToSwap();
  Keep("*", JobStatus::kSucceeded, 24h * 30);
  EXPECT_EQ(Step(), "abandoned");
  StepTo("idle");
  for (const Uuid id : jobs) EXPECT_TRUE(Exists(id));
  EXPECT_TRUE(DayIsThere(10));
  ExpectTidy();
  Keep("*", JobStatus::kSucceeded, 24h * 8);
  StepTo("idle");
  EXPECT_EQ(Count("facts"), "0");
  EXPECT_EQ(sql_.Value("select string_agg(detail ->> 'after', ',' order by id) from djps.audit "
                       "where action = 'retention' and actor = 'ann'"),
            "720:00:00,192:00:00");
}

TEST_F(HistoryTest, ASchemaThatChangesInBetweenBeginsItAnew) {
  Make(3, {});
  const Uuid dead = Make({.state = "dead"});
  StepToSwap();
  sql_.Run("alter table djps.facts add column extra text");
  EXPECT_EQ(Step(), "failed");
  EXPECT_EQ(Step(), "abandoned");
  EXPECT_EQ(Step(), "idle") << "not again at once";
  ExpectTidy();
  EXPECT_EQ(Count("facts"), "4");
  sql_.Run("update djps.history_parts set check_at = null");
  StepTo("idle");
  EXPECT_EQ(Count("facts"), "1");
  EXPECT_EQ(Status(dead), JobStatus::kDead);
}

TEST_F(HistoryTest, ADayWaitsUntilHalfOfItMayGoButNotForLong) {
  Make(2, {.days = 8});
  Make(3, {.days = 8, .state = "dead"});
  StepTo("left");
  EXPECT_EQ(Step(), "idle") << "not looked at before tomorrow";
  EXPECT_EQ(Count("facts"), "5");
  EXPECT_TRUE(DayIsThere(8));
  sql_.Run(
      "update djps.outcomes set finished_at = finished_at - interval '7 days'; "
      "update djps.history_parts set check_at = null");
  StepTo("idle");
  EXPECT_EQ(Count("facts"), "3");
  EXPECT_EQ(KeptParts(), "1");
  ExpectTidy();
}

TEST_F(HistoryTest, WhatIsKeptOfManyDaysIsInOnePart) {
  for (int days = 30; days > 10; days -= 2) {  // with gaps in between
    Make(2, {.days = days});
    Make({.days = days, .state = "dead"});
  }
  StepTo("idle");
  EXPECT_EQ(Count("facts"), "10");
  EXPECT_EQ(Count("outcomes"), "10");
  EXPECT_EQ(KeptParts(), "1");
  ExpectSound();
  ExpectTidy();
}

TEST_F(HistoryTest, ManyDaysBecomeFewPartsHoweverLongJobsAreKept) {
  Keep("*", JobStatus::kSucceeded, 24h * 3660);
  Keep("*", JobStatus::kCanceled, std::nullopt);
  std::vector<Uuid> jobs;
  for (int days = 70; days >= 1; --days) {
    if (days % 9 != 0) jobs.push_back(Make({.days = days}));  // with gaps in between
  }
  const Uuid live = Make({.days = 40, .state = "queued"});
  const Uuid running = Make({.days = 41, .state = "running", .key = "old", .tag = "old"});
  StepTo("idle");
  EXPECT_EQ(sql_.Value("select count(*) <= 16 from djps.history_parts"), "t")
      << sql_.Value("select count(*) from djps.history_parts");
  for (int days = 1; days <= 8; ++days) EXPECT_TRUE(DayIsThere(days)) << "day " << days;
  for (const Uuid id : jobs) EXPECT_EQ(Status(id), JobStatus::kSucceeded);
  EXPECT_EQ(Status(live), JobStatus::kQueued);
  EXPECT_EQ(Complete(running, running).size(), 1U);
  EXPECT_EQ(Count("attempts"), std::to_string(jobs.size()));
  EXPECT_EQ(Count("job_tags"), "1");
  EXPECT_EQ(Count("idempotency_keys"), "1");
  ExpectSound();
  ExpectTidy();

  // However many days a part spans, it goes when its jobs are past their retention.
  Keep("*", JobStatus::kSucceeded, 24h * 7);
  StepTo("idle");
  for (const Uuid id : jobs) {
    if (Run(jobs_.FindJob(id, Soon()))) {
      EXPECT_EQ(sql_.Value("select djps.day_of('" + id.ToString() +
                           "') >= (now() at time zone 'UTC')::date - 8"),
                "t");
    }
  }
  EXPECT_EQ(Status(live), JobStatus::kQueued);
  EXPECT_EQ(Status(running), JobStatus::kSucceeded);
  ExpectSound();
  ExpectTidy();
}

TEST_F(HistoryTest, AMergeWaitsWhereARowIsInTheWay) {
  Keep("*", JobStatus::kSucceeded, std::nullopt);
  Keep("*", JobStatus::kCanceled, std::nullopt);
  for (int days = 31; days >= 9; --days) {
    if (days != 30) Make({.days = days});
  }
  StepToSwap();
  ASSERT_EQ(sql_.Value("select cardinality(sources) || '/' || to_day - from_day "
                       "from djps.history_work"),
            "4/5");
  sql_.Run(
      "insert into djps.facts select (jsonb_populate_record(f, jsonb_build_object('id', "
      "old_id(30)))).* from djps.facts f limit 1");
  ASSERT_EQ(Count("facts_default"), "1");
  EXPECT_EQ(Step(), "failed");
  EXPECT_EQ(Step(), "abandoned");
  StepTo("idle");
  EXPECT_TRUE(DayIsThere(31)) << "others were merged instead";
  EXPECT_TRUE(DayIsThere(27));
  EXPECT_EQ(Count("facts_default"), "1");
  EXPECT_EQ(sql_.Value("select count(*) <= 16 from djps.history_parts"), "t");
  ExpectTidy();

  sql_.Run("update djps.history_parts set merge_at = null");
  for (int days = 8; days >= 1; --days) Make({.days = days});
  StepTo("idle");
  EXPECT_TRUE(DayIsThere(31)) << "the row is still there";
  EXPECT_EQ(Count("facts"), "31");
  ExpectTidy();
}

TEST_F(HistoryTest, KeptPartsAreFoundByIndex) {
  Make(3, {.days = 12});
  const Uuid kept = Make({.days = 12, .state = "dead"});
  StepTo("idle");
  ASSERT_EQ(KeptParts(), "1");
  sql_.Run("analyze");
  sql_.Run(
      "set plan_cache_mode = force_generic_plan; set enable_seqscan = off; "
      "set enable_bitmapscan = off; set random_page_cost = 0.01; "
      "prepare find(uuid) as select * from djps.jobs where id = $1");
  const pg::ResultHandle plan = sql_.Run("explain execute find('" + kept.ToString() + "')");
  std::string text;
  for (int row = 0; row < PQntuples(plan.get()); ++row) {
    text += PQgetvalue(plan.get(), row, 0);
    text += '\n';
  }
  EXPECT_NE(text.find("Index Scan using facts_k"), std::string::npos) << text;
  EXPECT_NE(text.find("Index Scan using outcomes_k"), std::string::npos) << text;
  EXPECT_EQ(text.find("Seq Scan"), std::string::npos) << text;
}

}  // namespace
}  // namespace djps::test_support
