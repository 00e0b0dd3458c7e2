// Logical replication beside DJPS: a publication for all tables refuses updates and deletes in
// tables whose rows it cannot name.
#include "support/history_fixture.h"

namespace djps::test_support {
namespace {

using namespace std::chrono_literals;

/// A database with such a publication, as change data capture sets it up.
class PublicationTest : public HistoryTest {
 protected:
  PublicationTest() { sql_.Run("create publication cdc for all tables"); }

  /// Tables of djps whose rows a publication cannot identify.
  std::string TablesWithoutIdentity() {
    return sql_.Value(R"(
select coalesce(string_agg(c.relname, ', '), 'none')
from pg_class c
where c.relnamespace = 'djps'::regnamespace and c.relkind = 'r'
  and not case c.relreplident
            when 'f' then true
            when 'd' then exists (
              select from pg_index i where i.indrelid = c.oid and i.indisprimary)
            when 'i' then exists (
              select from pg_index i where i.indrelid = c.oid and i.indisreplident)
          end)");
  }
};

TEST_F(PublicationTest, EveryTableHasAnIdentityAlsoThoseMadeLater) {
  EXPECT_EQ(TablesWithoutIdentity(), "none");
  Make({.days = 5});  // its day gets partitions
  Make({.days = 30, .state = "dead"});
  EXPECT_EQ(TablesWithoutIdentity(), "none");
  Make(3, {.days = 30});
  StepToSwap();
  EXPECT_EQ(TablesWithoutIdentity(), "none") << "while a copy is made";
  StepTo("idle");
  EXPECT_EQ(KeptParts(), "1");
  EXPECT_EQ(TablesWithoutIdentity(), "none");
}

TEST_F(PublicationTest, AJobGoesThroughEveryTransition) {
  NewJob job{.type = "t", .priority = 3, .idempotency_key = "k"};
  job.tags = {"a"};
  const auto jobs = Enqueue(std::vector<NewJob>(5, {.type = "t"}));
  const Uuid keyed = EnqueueOne(job);
  const auto batch = Claim(10);
  ASSERT_EQ(batch.jobs.size(), 6U);
  EXPECT_EQ(Complete(batch.lease, jobs[0].id).size(), 1U);
  EXPECT_EQ(Fail(batch.lease, jobs[1].id).size(), 1U);
  EXPECT_EQ(Fail(batch.lease, jobs[2].id, false).size(), 1U);
  EXPECT_EQ(Run(leases_.ReturnJobs({{batch.lease, jobs[3].id, 1h}}, Soon())).size(), 1U);
  EXPECT_EQ(Run(leases_.ExtendLeases({batch.lease}, 10s, Soon())).size(), 1U);
  ExpireLeases();
  EXPECT_EQ(Run(leases_.RescueExpiredLeases(10, Soon())).size(), 2U);
  sql_.Run(fmt::format(
      "select djps.retry_jobs(0::int2, array['{0}']::uuid[], '{{dead}}', 'me'); "
      "select djps.edit_job(0::int2, '{0}', 7::int2, null, '1', null, 'me'); "
      "select djps.cancel_jobs(0::int2, array(select id from djps.facts), 'me', null); "
      "select djps.purge_jobs(0::int2, array(select id from djps.facts), '{{canceled,succeeded}}', "
      "'me')",
      jobs[2].id.ToString()));
  EXPECT_EQ(Count("facts"), "0");
  EXPECT_EQ(Count("attempts"), "0");
  EXPECT_EQ(Count("job_tags"), "0");
  EXPECT_FALSE(Exists(keyed));
  // A stray of the default partition moves into one of its own.
  sql_.Run(
      "insert into djps.attempts (job_id, started_at, ended_at, lane, attempt, error_class, "
      "message, detail, worker) values (old_id(40), now(), now(), 0, 1, '', '', '', ''); "
      "select make_day(40)");
  EXPECT_EQ(Count("attempts_default"), "0");
}

TEST_F(PublicationTest, WhatIsPastItsRetentionGoes) {
  const Uuid stays = Make({.days = 9, .state = "dead", .tag = "x"});
  Make(5, {.days = 9, .key = ""});
  StepToSwap();
  sql_.Run(
      "select djps.retry_jobs(0::int2, array(select id from djps.outcomes where status = "
      "'dead'), '{dead}', 'me')");  // changes while it is copied
  StepTo("idle");
  EXPECT_EQ(Status(stays), JobStatus::kQueued);
  EXPECT_EQ(Count("facts"), "1");
  ExpectTidy();
}

}  // namespace
}  // namespace djps::test_support
