// What is past its retention goes, whatever else happens to its day meanwhile; nothing else goes.
// Time passes by making jobs of past days, never by waiting.
#include <fmt/format.h>

#include <set>

#include "store/history_store.h"
#include "support/store_fixture.h"
#include "upkeep/upkeep.h"

namespace djps {
namespace {

using namespace std::chrono_literals;
using test_support::StoreTest;

/// A job that was submitted days ago.
struct OldJob {
  int days = 10;
  std::string state = "succeeded";  ///< Or canceled, dead, queued, running.
  std::string queue = "default";
  std::string key = {};
  std::string tag = {};
  int ended_days = -1;  ///< -1: on the day it was submitted.
};

class HistoryTest : public StoreTest {
 protected:
  HistoryTest() {
    sql_.Run(R"(
create sequence old_jobs;
create function old_id(days integer) returns uuid language sql volatile as $$
  select (left(djps.uuid_floor((((now() at time zone 'UTC')::date - days)::timestamp
                                at time zone 'UTC') + interval '1 hour')::text, 14)
          || '7000-8000-' || lpad(to_hex(nextval('old_jobs')), 10, '0') || '00')::uuid;
$$;
create function make_day(days integer) returns void language sql volatile as $$
  select djps.make_partition(parent, (now() at time zone 'UTC')::date - days)
  from unnest(array['facts', 'outcomes', 'attempts']) parent;
$$;)");
  }

  Uuid Make(const OldJob& job) {
    sql_.Run(fmt::format("select make_day({})", job.days));
    const std::string id = sql_.Value(fmt::format("select old_id({})", job.days));
    const std::string then = fmt::format("now() - interval '{} days'", job.days);
    sql_.Run(fmt::format(
        "insert into djps.facts (id, created_at, run_at, lane, priority, max_attempts, queue, "
        "type, "
        "payload, tags, idempotency_key) values ('{0}', {1}, {1}, 0, 0, 25, '{2}', 't', '1', {3}, "
        "{4})",
        id, then, job.queue, job.tag.empty() ? "null" : "array['" + job.tag + "']",
        job.key.empty() ? "null" : "'" + job.key + "'"));
    if (!job.key.empty()) {
      sql_.Run(
          fmt::format("insert into djps.idempotency_keys (lane, type, key, job_id, "
                      "payload_hash, created_at) values (0, 't', '{}', '{}', 0, {})",
                      job.key, id, then));
    }
    if (job.state == "queued") {
      sql_.Run(fmt::format(
          "insert into djps.ready (id, visible_at, lane, priority, attempts, failed, queue, type) "
          "select id, run_at, 0, 0, 0, false, queue, type from djps.facts where id = '{}'",
          id));
    } else if (job.state == "running") {
      sql_.Run(
          fmt::format("insert into djps.leases (id, expires_at, claimed_at, lane, worker, "
                      "job_ids, attempts) values ('{0}', now() + interval '1 h', now(), 0, "
                      "'w', array['{0}']::uuid[], '{{1}}')",
                      id));
    } else {
      sql_.Run(fmt::format(
          "insert into djps.attempts (job_id, started_at, ended_at, lane, attempt, error_class, "
          "message, detail, worker) values ('{0}', {1}, {1}, 0, 1, 'c', 'm', 'd', 'w'); "
          "insert into djps.outcomes (id, finished_at, status, lane, attempts) "
          "values ('{0}', now() - interval '{2} days', '{3}', 0, 2)",
          id, then, job.ended_days < 0 ? job.days : job.ended_days, job.state));
    }
    return *Uuid::Parse(id);
  }

  std::vector<Uuid> Make(int count, const OldJob& job) {
    std::vector<Uuid> ids;
    for (int i = 0; i < count; ++i) ids.push_back(Make(job));
    return ids;
  }

  std::string Step() { return Run(history_.RunStep(1'000, Soon())).done; }

  /// Takes steps until one is `wanted`.
  void StepTo(const std::string& wanted) {
    for (int i = 0; i < 500; ++i) {
      if (Step() == wanted) return;
    }
    FAIL() << "no step was " << wanted;
  }

  /// The step that follows is the swap.
  void StepToSwap() {
    StepTo("began");
    while (sql_.Value("select phase from djps.history_work") != "swap") Step();
  }

  bool Exists(Uuid id) { return Run(jobs_.FindJob(id, Soon())).has_value(); }

  /// Each of them is in facts once and in nothing twice.
  void ExpectSound() {
    EXPECT_EQ(sql_.Value("select count(*) from djps.facts"),
              sql_.Value("select count(distinct id) from djps.facts"));
    EXPECT_EQ(sql_.Value("select count(*) from djps.outcomes"),
              sql_.Value("select count(distinct id) from djps.outcomes"));
    EXPECT_EQ(sql_.Value("select count(*) from djps.jobs"),
              sql_.Value("select count(*) from djps.facts"));
    EXPECT_EQ(sql_.Value("select count(*) from djps.outcomes o where not exists (select from "
                         "djps.facts f where f.id = o.id)"),
              "0");
    EXPECT_EQ(sql_.Value("select count(*) from djps.attempts a where not exists (select from "
                         "djps.facts f where f.id = a.job_id)"),
              "0");
  }

  /// No table but the parents' partitions, no note of work in progress.
  void ExpectTidy() {
    EXPECT_EQ(
        sql_.Value("select count(*) from pg_class c where c.relnamespace = 'djps'::regnamespace "
                   "and c.relname ~ '^(facts|outcomes|attempts)_' and c.relkind = 'r' "
                   "and not c.relispartition"),
        "0");
    EXPECT_EQ(sql_.Value("select count(*) from pg_trigger where tgname = 'djps_note_change'"), "0");
    EXPECT_EQ(Count("history_work"), "0");
    EXPECT_EQ(Count("history_changes"), "0");
  }

  std::string KeptParts() {
    return sql_.Value(
        "select count(*) from pg_inherits i join pg_class c on c.oid = i.inhrelid "
        "where i.inhparent = 'djps.facts'::regclass and c.relname ~ '_k[0-9]+$'");
  }

  bool DayIsThere(int days) {
    return sql_.Value(fmt::format(
               "select to_regclass('djps.facts_' || to_char((now() at time zone 'UTC')::date - {}, "
               "'YYYYMMDD')) is not null",
               days)) == "t";
  }

  void Keep(const std::string& queue, JobStatus status, std::optional<std::chrono::hours> keep) {
    const store::RetentionRule rule{.queue = queue, .status = status, .keep = keep};
    Run(history_.SetRetention(rule, "ann", Soon()));
  }

  store::HistoryStore history_{*pool_};
};

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
                    "insert into djps.unique_keys (lane, hash, job_id, states) "
                    "values (0, '{0}', '{0}', '{{succeeded,dead}}')",
                    id.ToString()));
  }
  StepTo("idle");
  EXPECT_EQ(sql_.Value("select string_agg(key, ',' order by key) from djps.idempotency_keys"),
            "lasting,stays");
  EXPECT_EQ(sql_.Value("select string_agg(tag, ',') from djps.job_tags"), "stays");
  for (const char* table : {"progress", "log_lines", "unique_keys"}) {
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
  EXPECT_TRUE(Run(operators_.EditJob(edited, {.payload = "{\"a\":1}"}, "ann", Soon())));
  EXPECT_EQ(Run(operators_.PurgeJobs({purged}, {JobStatus::kDead}, "ann", Soon())).size(), 1U);
  EXPECT_EQ(Step(), "swapped");
  StepTo("idle");
  EXPECT_EQ(Status(redriven), JobStatus::kQueued);
  EXPECT_EQ(Status(completed), JobStatus::kSucceeded);
  EXPECT_EQ(Status(failed), JobStatus::kFailed);
  EXPECT_EQ(Job(edited).payload, "{\"a\":1}");
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
  EXPECT_EQ(Complete(Claim(1).lease, EnqueueOne({.type = "t"})).size(), 0U);
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
    const std::string done = Run(history_.RunStep(4, Soon())).done;
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

TEST_F(HistoryTest, KeptPartsAreFoundByIndex) {
  Make(3, {.days = 12});
  Make({.days = 12, .state = "dead"});
  StepTo("idle");
  ASSERT_EQ(KeptParts(), "1");
  sql_.Run("insert into djps.facts select * from djps.facts where false; analyze");
  sql_.Run(
      "set plan_cache_mode = force_generic_plan; set enable_seqscan = off; "
      "set enable_bitmapscan = off; set random_page_cost = 0.01; "
      "prepare find(uuid) as select * from djps.jobs where id = $1");
  const pg::ResultHandle plan = sql_.Run("explain execute find(gen_random_uuid())");
  std::string text;
  for (int row = 0; row < PQntuples(plan.get()); ++row) {
    text += PQgetvalue(plan.get(), row, 0);
    text += '\n';
  }
  EXPECT_NE(text.find("Index Scan using facts_k"), std::string::npos) << text;
  EXPECT_NE(text.find("Index Scan using outcomes_k"), std::string::npos) << text;
  EXPECT_EQ(text.find("Seq Scan"), std::string::npos) << text;
}

TEST_F(HistoryTest, RowsInTheDefaultPartitionDoNotKeepTheirDayFromBeingMade) {
  const std::string id = sql_.Value("select old_id(-10)");
  sql_.Run(
      fmt::format("insert into djps.facts (id, created_at, run_at, lane, priority, "
                  "max_attempts, queue, type, payload, tags) values ('{}', now(), now(), 0, 0, "
                  "25, 'default', 't', '1', '{{a}}')",
                  id));
  EXPECT_EQ(Count("facts_default"), "1");
  EXPECT_EQ(
      sql_.Value("select djps.make_partition('facts', (now() at time zone 'UTC')::date + 10)"),
      "t");
  EXPECT_EQ(Count("facts_default"), "0");
  EXPECT_EQ(sql_.Value("select id from djps.facts"), id);
  EXPECT_EQ(sql_.Value("select tag from djps.job_tags"), "a");

  sql_.Run(
      "insert into djps.attempts select old_id(-11), now(), now(), 0, 1, 'c', 'm', 'd', 'w' "
      "from generate_series(1, 10001)");
  EXPECT_EQ(
      sql_.Value("select djps.make_partition('attempts', (now() at time zone 'UTC')::date + 11)"),
      "f");
  EXPECT_EQ(sql_.Value("select djps.ensure_partitions(12)"), "25") << "all the others are made";
  EXPECT_EQ(Count("attempts"), "10001");
}

TEST_F(HistoryTest, PartitionsOfADayAreNotVacuumedForTheirInserts) {
  EXPECT_EQ(
      sql_.Value("select count(*) from pg_inherits i join pg_class c on c.oid = i.inhrelid "
                 "where i.inhparent in ('djps.facts'::regclass, 'djps.outcomes'::regclass, "
                 "'djps.attempts'::regclass) and c.relname ~ '[0-9]{8}$' and not c.reloptions "
                 "@> '{autovacuum_vacuum_insert_threshold=-1,autovacuum_freeze_min_age=0}'"),
      "0");
}

TEST_F(HistoryTest, KeysWhoseLifetimeIsOverArePurgedInBoundedSteps) {
  sql_.Run(
      "insert into djps.idempotency_keys (lane, type, key, job_id, payload_hash, created_at, "
      "expires_at) select 0, 't', 'k' || i, gen_random_uuid(), 0, now(), "
      "case when i <= 5 then now() - interval '1 s' when i = 6 then now() + interval '1 h' end "
      "from generate_series(1, 7) i; "
      "insert into djps.unique_keys (lane, hash, job_id, states, expires_at) "
      "select 0, gen_random_uuid(), gen_random_uuid(), '{queued}', "
      "case when i <= 2 then now() - interval '1 s' end from generate_series(1, 3) i");
  EXPECT_EQ(Run(history_.PurgeExpiredKeys(3, Soon())), 5);
  EXPECT_EQ(Run(history_.PurgeExpiredKeys(3, Soon())), 2);
  EXPECT_EQ(Run(history_.PurgeExpiredKeys(3, Soon())), 0);
  EXPECT_EQ(Count("idempotency_keys"), "2");
  EXPECT_EQ(Count("unique_keys"), "1");
}

TEST_F(HistoryTest, UpkeepThrowsAwayWhatIsPastItsRetention) {
  Make(5, {});
  const Uuid dead = Make({.state = "dead"});
  upkeep::Upkeep upkeep(io_.get_executor(), *pool_, {.history_pause = 0ms});
  EXPECT_EQ(Run(upkeep.ThrowAway()), upkeep::UpkeepConfig().history_interval);
  EXPECT_EQ(Count("facts"), "1");
  EXPECT_TRUE(Exists(dead));
  Make(5, {});
  pg::Session reader(conninfo_);
  reader.Run("begin");
  reader.Run("select count(*) from djps.facts");
  EXPECT_EQ(Run(upkeep.ThrowAway()), upkeep::UpkeepConfig().history_retry);
}

TEST_F(HistoryTest, PartitionsThatCouldNotBeMadeAreTriedAgainSoon) {
  sql_.Run("select djps.ensure_partitions(4)");
  const std::string last = sql_.Value(
      "select 'djps.facts_' || to_char((now() at time zone 'UTC')::date + 3, 'YYYYMMDD')");
  sql_.Run("drop table " + last);
  pg::Session reader(conninfo_);
  reader.Run("begin");
  reader.Run("select count(*) from djps.facts_default");
  upkeep::Upkeep upkeep(io_.get_executor(), *pool_, {.partition_retry = 1ms});
  upkeep.Start();
  // It fails first: the reader lets go only once somebody has waited for the lock.
  const std::string waits = "select exists (select from pg_locks where not granted)";
  while (sql_.Value(waits) != "t") io_.run_for(1ms);
  while (sql_.Value(waits) == "t") io_.run_for(1ms);
  EXPECT_EQ(sql_.Value("select to_regclass('" + last + "')"), "");
  reader.Run("commit");
  while (sql_.Value("select to_regclass('" + last + "')").empty()) io_.run_for(1ms);
  Run(upkeep.Stop());
}

TEST_F(HistoryTest, AKeyThatIsDeletedUnderASubmitterIsNoAnswer) {
  NewJob keyed{.type = "t"};
  keyed.idempotency_key = "k";
  const Uuid first = EnqueueOne(keyed);
  EXPECT_EQ(EnqueueOne(keyed), first);
  sql_.Run(
      "create function forget() returns trigger language plpgsql as $$ begin "
      "delete from djps.idempotency_keys where key = 'k'; return null; end $$; "
      "create trigger forget after insert on djps.idempotency_keys for each statement "
      "when (pg_trigger_depth() = 0) execute function forget()");
  pg::Session other(conninfo_);
  try {
    other.Run(
        "select * from djps.reserve_keys(0::int2, '{t}', '{k}', array[gen_random_uuid()], "
        "'{0}')");
    FAIL() << "a key that is not there named a job";
  } catch (const pg::PgError& error) {
    EXPECT_EQ(error.sqlstate(), "40001");
  }
}

}  // namespace
}  // namespace djps
