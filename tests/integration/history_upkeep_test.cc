// What upkeep does for the history besides dropping it: partitions ahead, keys, its own loop.
#include "support/history_fixture.h"
#include "support/log_capture.h"
#include "upkeep/upkeep.h"

namespace djps::test_support {
namespace {

using namespace std::chrono_literals;

class HistoryUpkeepTest : public HistoryTest {};

TEST_F(HistoryUpkeepTest, RowsInTheDefaultPartitionDoNotKeepTheirDayFromBeingMade) {
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

TEST_F(HistoryUpkeepTest, DaysThatNobodyMadeInTimeAreMadeLaterAndThrownAwayAsOthers) {
  for (const int days : {9, 12}) {
    const std::string id = sql_.Value(fmt::format("select old_id({})", days));
    sql_.Run(
        fmt::format("insert into djps.facts (id, created_at, run_at, lane, priority, max_attempts, "
                    "queue, type, "
                    "payload) values ('{0}', now(), now(), 0, 0, 25, 'default', 't', '1'); "
                    "insert into djps.outcomes (id, finished_at, status, lane, attempts) "
                    "values ('{0}', now() - interval '8 days', 'succeeded', 0, 1)",
                    id));
  }
  EXPECT_EQ(Count("facts_default"), "2");
  EXPECT_EQ(Run(upkeep_.EnsurePartitions(3, Soon())), 6);
  EXPECT_EQ(Count("facts_default"), "0");
  EXPECT_EQ(Count("outcomes_default"), "0");
  EXPECT_TRUE(DayIsThere(9));
  EXPECT_TRUE(DayIsThere(12));
  EXPECT_EQ(Run(upkeep_.EnsurePartitions(3, Soon())), 0);
  StepTo("idle");
  EXPECT_EQ(Count("facts"), "0");
}

TEST_F(HistoryUpkeepTest, PartitionsOfADayAreNotVacuumedForTheirInserts) {
  EXPECT_EQ(
      sql_.Value("select count(*) from pg_inherits i join pg_class c on c.oid = i.inhrelid "
                 "where i.inhparent in ('djps.facts'::regclass, 'djps.outcomes'::regclass, "
                 "'djps.attempts'::regclass) and c.relname ~ '[0-9]{8}$' and not c.reloptions "
                 "@> '{autovacuum_vacuum_insert_threshold=-1,autovacuum_freeze_min_age=0}'"),
      "0");
}

TEST_F(HistoryUpkeepTest, KeysWhoseLifetimeIsOverArePurgedInBoundedSteps) {
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

TEST_F(HistoryUpkeepTest, UpkeepThrowsAwayWhatIsPastItsRetention) {
  Make(5, {});
  const Uuid dead = Make({.state = "dead"});
  upkeep::Upkeep upkeep(io_.get_executor(), *pool_, *pool_, {.history_pause = 0ms});
  EXPECT_EQ(Run(upkeep.ThrowAway()), upkeep::UpkeepConfig().history_interval);
  EXPECT_EQ(Count("facts"), "1");
  EXPECT_TRUE(Exists(dead));
  Make(5, {.days = 20});
  pg::Session reader(conninfo_);
  reader.Run("begin");
  reader.Run("select count(*) from djps.facts");
  EXPECT_EQ(Run(upkeep.ThrowAway()), upkeep::UpkeepConfig().history_retry);
}

TEST_F(HistoryUpkeepTest, APartitionThatCannotBeDroppedIsLoggedOnce) {
  Make({.days = 10});
  const std::string part =
      sql_.Value("select 'facts_' || to_char((now() at time zone 'UTC')::date - 10, 'YYYYMMDD')");
  sql_.Run(fmt::format("create view keeps_it as select * from djps.{}", part));
  const LogCapture log;
  upkeep::Upkeep upkeep(io_.get_executor(), *pool_, *pool_,
                        {.history_retry = 1ms, .history_pause = 0ms});
  upkeep.Start();
  ASSERT_TRUE(RunUntil(io_, [&] { return log.Lines("cannot drop table") > 0; }));
  io_.run_for(50ms);  // time for many further tries
  EXPECT_EQ(log.Lines("cannot drop table"), 1) << log.text();
  Run(upkeep.Stop());
}

TEST_F(HistoryUpkeepTest, PartitionsThatCouldNotBeMadeAreTriedAgainSoon) {
  sql_.Run("select djps.ensure_partitions(4)");
  const std::string last = sql_.Value(
      "select 'djps.facts_' || to_char((now() at time zone 'UTC')::date + 3, 'YYYYMMDD')");
  sql_.Run("drop table " + last);
  pg::Session reader(conninfo_);
  reader.Run("begin");
  reader.Run("select count(*) from djps.facts_default");
  upkeep::Upkeep upkeep(io_.get_executor(), *pool_, *pool_, {.partition_retry = 1ms});
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

TEST_F(HistoryUpkeepTest, AKeyThatIsDeletedUnderASubmitterIsNoAnswer) {
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
}  // namespace djps::test_support
