// The public SQL functions, as an application calls them inside its own transaction.
#include "support/store_fixture.h"

namespace djps {
namespace {

using test_support::StoreTest;

class SqlApiTest : public StoreTest {
 protected:
  SqlApiTest() { sql_.Run("create table effects (job uuid)"); }

  std::string Value(const std::string& statement) { return sql_.Value(statement); }

  /// The SQLSTATE of what goes wrong; empty when nothing does.
  std::string StateOf(pg::Session& session, const std::string& statement) {
    try {
      session.Run(statement);
    } catch (const pg::PgError& error) {
      message_ = error.what();
      return std::string(error.sqlstate());
    }
    return "";
  }
  std::string StateOf(const std::string& statement) { return StateOf(sql_, statement); }

  /// A job that runs, and how to name it and its lease.
  void StartJob() {
    job_ = EnqueueOne({.type = "t", .max_attempts = 2});
    lease_ = Claim(1).lease;
    held_ = fmt::format("'{}', '{}'", job_.ToString(), lease_.ToString());
  }

  Uuid job_, lease_;
  std::string held_;
  std::string message_;
};

TEST_F(SqlApiTest, AJobIsSubmittedWithTheTransactionOrNotAtAll) {
  sql_.Run("begin; insert into effects values (djps.enqueue('t', '{\"a\": 1}')); rollback");
  EXPECT_EQ(Count("jobs"), "0");
  sql_.Run("begin; insert into effects values (djps.enqueue('t', '{\"a\": 1}')); commit");
  EXPECT_EQ(Value("select count(*) from effects join djps.jobs on id = job"), "1");
  EXPECT_EQ(Claim().jobs.size(), 1U);
}

TEST_F(SqlApiTest, IdsAreVersion7InLaneZeroAndSortByTime) {
  EXPECT_EQ(Value("select bool_and(id::text ~ '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]' and "
                  "djps.lane_of(id) = 0 and abs(extract(epoch from now()) * 1000 - "
                  "('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint) < 60000) "
                  "from (select djps.new_job_id() as id from generate_series(1, 200)) s"),
            "t");
}

TEST_F(SqlApiTest, WhatIsWrongIsNamed) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"djps.enqueue(null)", "type is missing"},
      {"djps.enqueue('a b')", "type may hold only A-Z"},
      {"djps.enqueue('t', queue => '')", "queue must have 1 to 128 bytes, got 0"},
      {"djps.enqueue('t', priority => 40000)",
       "priority must be a whole number from -32768 to 32767, got 40000"},
      {"djps.enqueue('t', max_attempts => 0)",
       "max_attempts must be a whole number from 1 to 1000, got 0"},
      {"djps.enqueue('t', delay_ms => -1)", "delay_ms must be a whole number from 0"},
      {"djps.enqueue('t', delay_ms => 1, run_at => now())", "exclude each other"},
      {"djps.enqueue('t', idempotency_key => '')", "idempotency_key must have 1 to 255 bytes"},
      {"djps.enqueue('t', timeout_ms => 0)", "timeout_ms must be a whole number from 1"},
      {"djps.enqueue('t', tags => array[''])", "tags[0] must have 1 to 128 bytes"},
      {"djps.enqueue('t', metadata => '[]')", "metadata must be a JSON object"},
      {"djps.enqueue('t', retry => '{}')", "retry.kind must be"},
      {"djps.enqueue('t', retry => '{\"kind\":\"list\",\"delays_ms\":[]}')",
       "retry.delays_ms must"},
      {"djps.enqueue('t', retry => '{\"kind\":\"fixed\",\"delay_ms\":-1}')",
       "must be a whole number from 0"},
      {"djps.enqueue('t', retry => '{\"kind\":\"linear\"}')", "retry.delay_ms is missing"},
      {"djps.enqueue('t', \"unique\" => '{\"states\":[\"gone\"]}')", "unique.states may hold"},
      {"djps.enqueue('t', \"unique\" => '{\"on_conflict\":\"panic\"}')", "unique.on_conflict must"},
      {"djps.enqueue('t', \"unique\" => '{\"filds\":[]}')", "unique.filds is not known"},
      {"djps.enqueue_many('{}')", "jobs must be a JSON array"},
      {"djps.enqueue_many('[{\"type\":\"t\"},{\"type\":\"t\",\"queu\":1}]')",
       "jobs[1].queu is not known"}};
  for (const auto& [call, message] : cases) {
    EXPECT_EQ(StateOf("select " + call), "22023") << call;
    EXPECT_NE(message_.find(message), std::string::npos) << call << ": " << message_;
  }
  EXPECT_EQ(Count("facts"), "0");
}

TEST_F(SqlApiTest, OneKeyOfManySubmittersIsOneJob) {
  EXPECT_EQ(Value("select string_agg(outcome || payload_differs, ' ') from djps.enqueue_many('["
                  "{\"type\":\"t\",\"idempotency_key\":\"k\",\"payload\":1},"
                  "{\"type\":\"t\",\"idempotency_key\":\"k\",\"payload\":2},"
                  "{\"type\":\"t\",\"idempotency_key\":\"k\",\"payload\":1}]')"),
            "createdfalse replayedtrue replayedfalse");
}

TEST_F(SqlApiTest, AKeyWhoseLifetimeIsOverIsAsGoodAsNew) {
  const std::string call =
      "select djps.enqueue('t', idempotency_key => 'k', key_lifetime_ms => 60000)";
  const std::string first = Value(call);
  EXPECT_EQ(Value(call), first);
  sql_.Run("update djps.idempotency_keys set expires_at = now() - interval '1 s'");
  EXPECT_NE(Value(call), first);
}

TEST_F(SqlApiTest, AUniqueJobThatIsBeingSubmittedIsWaitedFor) {
  const std::string call = "select djps.enqueue('t', '{\"c\": 1}', \"unique\" => '{}')";
  pg::Session other(conninfo_);
  other.Run("begin");
  const std::string first = other.Value(call);
  std::string second;
  std::thread waiter([&] { second = pg::Session(conninfo_).Value(call); });
  EXPECT_TRUE(test_support::RunUntil(
      io_, [&] { return Value("select count(*) from pg_locks where not granted") != "0"; }));
  other.Run("commit");
  waiter.join();
  EXPECT_EQ(second, first);
  EXPECT_EQ(Count("jobs"), "1");
}

TEST_F(SqlApiTest, AJobStopsCountingAsUniqueWithItsStatesAndItsPeriod) {
  const auto submit = [&](const std::string& unique) {
    return Value("select outcome from djps.enqueue_many('[{\"type\":\"t\",\"unique\":" + unique +
                 "}]')");
  };
  EXPECT_EQ(submit("{}"), "created");
  EXPECT_EQ(submit("{}"), "existing");
  const auto batch = Claim(1);
  EXPECT_EQ(submit("{}"), "existing") << "it runs";
  Complete(batch.lease, batch.jobs[0].id);
  EXPECT_EQ(submit(R"({"period_ms":60000})"), "created") << "it had no period: it is over";
  const auto again = Claim(1);
  Complete(again.lease, again.jobs[0].id);
  EXPECT_EQ(submit("{}"), "existing") << "within its period a job that succeeded counts";
  sql_.Run("update djps.unique_keys set expires_at = now() - interval '1 s'");
  EXPECT_EQ(submit("{}"), "created");
  EXPECT_EQ(submit(R"({"key":"x"})"), "created") << "another key is another place";
  EXPECT_EQ(submit(R"({"queue":true})"), "created");
}

TEST_F(SqlApiTest, AFullQueueTakesNoJobs) {
  Run(operators_.SetQueueLimit("small", 2, "ann", Soon()));
  const std::string one = "select djps.enqueue('t', queue => 'small')";
  EXPECT_EQ(StateOf(one), "");
  EXPECT_EQ(StateOf(one), "") << "up to the limit";
  EXPECT_EQ(StateOf(one), "DJ003");
  EXPECT_EQ(message_, "the queue small has 2 jobs waiting, which is its limit");
  EXPECT_EQ(StateOf("select djps.enqueue_many('[{\"type\":\"t\"},"
                    "{\"type\":\"t\",\"queue\":\"small\"}]')"),
            "DJ003")
      << "all or none";
  EXPECT_EQ(StateOf("select djps.enqueue('t')"), "") << "other queues go on";
  EXPECT_EQ(Count("ready"), "3");
  sql_.Run("delete from djps.ready where ctid = (select min(ctid) from djps.ready)");
  EXPECT_EQ(StateOf(one), "") << "there is room again";
  Run(operators_.SetQueueLimit("small", std::nullopt, "ann", Soon()));
  EXPECT_EQ(StateOf(one), "") << "no limit any more";
}

TEST_F(SqlApiTest, ALargeQueueIsCountedOnceASecondInASession) {
  Run(operators_.SetQueueLimit("large", 1001, "ann", Soon()));
  const std::string one = "select djps.enqueue('t', queue => 'large')";
  const auto remember = [&](const std::string& when) {
    sql_.Run(
        "select set_config('djps.backlogs', jsonb_build_object('large', jsonb_build_array("
        "1001, extract(epoch from " +
        when + ")))::text, false)");
  };
  EXPECT_EQ(StateOf(one), "");
  EXPECT_EQ(Value("select current_setting('djps.backlogs')::jsonb #>> '{large,0}'"), "1001");
  sql_.Run(
      "select count(*) from djps.enqueue_many((select jsonb_agg(jsonb_build_object("
      "'type', 't', 'queue', 'large')) from generate_series(1, 1000)))");
  remember("clock_timestamp() + interval '1 hour'");
  EXPECT_EQ(StateOf(one), "DJ003") << "remembered by a clock that was set back";
  remember("clock_timestamp() - interval '2 s'");
  EXPECT_EQ(StateOf(one), "DJ003");
  Run(operators_.SetQueueLimit("large", 1003, "ann", Soon()));
  EXPECT_EQ(StateOf(one), "") << "another limit is looked at anew";
}

TEST_F(SqlApiTest, AnEffectAndItsCompletionCommitTogether) {
  StartJob();
  sql_.Run("begin");
  sql_.Run("insert into effects values ('" + job_.ToString() + "')");
  sql_.Run("select djps.complete(" + held_ + ", '{\"ok\": true}')");
  sql_.Run("commit");
  EXPECT_EQ(Status(job_), JobStatus::kSucceeded);
  EXPECT_EQ(Job(job_).result, R"({"ok": true})");
  EXPECT_EQ(StateOf("select djps.complete(" + held_ + ")"), "DJ001") << "only once";
}

TEST_F(SqlApiTest, WhoLostTheLeaseCommitsNothing) {
  StartJob();
  ExpireLeases();
  for (const std::string call : {"djps.complete(", "djps.assert_lease(", "djps.release("}) {
    EXPECT_EQ(StateOf("begin; insert into effects values (null); select " + call + held_ + ")"),
              "DJ001")
        << call;
    sql_.Run("rollback");
  }
  EXPECT_EQ(StateOf("select djps.fail(" + held_ + ", 'x')"), "DJ001");
  EXPECT_EQ(StateOf("select djps.snooze(" + held_ + ", '1 s')"), "DJ001");
  EXPECT_EQ(Value("select count(*) from effects"), "0");
  EXPECT_EQ(Run(leases_.RescueExpiredLeases(10, Soon())).size(), 1U);
}

TEST_F(SqlApiTest, AnAssertedLeaseIsNotTakenOverBeforeTheTransactionEnds) {
  StartJob();
  pg::Session handler(conninfo_);
  handler.Run("begin; select djps.assert_lease(" + held_ + ")");
  sql_.Run("set lock_timeout = '200ms'");
  EXPECT_EQ(StateOf("update djps.leases set expires_at = now() - interval '1 s'"), "55P03");
  EXPECT_TRUE(Run(leases_.RescueExpiredLeases(10, Soon())).empty());
  handler.Run("select djps.complete(" + held_ + "); commit");
  EXPECT_EQ(Status(job_), JobStatus::kSucceeded);
}

TEST_F(SqlApiTest, FailSnoozeAndReleaseDoAsTheyDoForWorkers) {
  StartJob();
  sql_.Run("select djps.snooze(" + held_ + ", '1 hour')");
  EXPECT_EQ(Status(job_), JobStatus::kQueued);
  EXPECT_EQ(Job(job_).attempts, 0);
  StartJob();
  sql_.Run("select djps.release(" + held_ + ")");
  EXPECT_EQ(Job(job_).attempts, 0);
  lease_ = Claim(1).lease;
  held_ = fmt::format("'{}', '{}'", job_.ToString(), lease_.ToString());
  EXPECT_EQ(Value("select djps.fail(" + held_ + ", 'boom', retry_after => '0')"), "failed");
  lease_ = Claim(1).lease;
  held_ = fmt::format("'{}', '{}'", job_.ToString(), lease_.ToString());
  EXPECT_EQ(Value("select djps.fail(" + held_ + ", 'boom')"), "dead") << "its last attempt";
  EXPECT_EQ(StateOf("select djps.snooze(" + held_ + ", '-1 s')"), "22023");
}

TEST_F(SqlApiTest, SnoozesAreCountedAndReleasesAreNot) {
  StartJob();
  sql_.Run("select djps.release(" + held_ + ")");
  EXPECT_EQ(Count("snoozes"), "0");
  lease_ = Claim(1).lease;
  held_ = fmt::format("'{}', '{}'", job_.ToString(), lease_.ToString());
  sql_.Run("insert into djps.snoozes values ('" + job_.ToString() + "', 0, 1000)");
  sql_.Run("select djps.snooze(" + held_ + ", '0')");
  EXPECT_EQ(Status(job_), JobStatus::kFailed);
  EXPECT_EQ(Value("select error_class from djps.attempts"), "snooze_limit");
}

TEST_F(SqlApiTest, CancelSaysWhatItCameTo) {
  const Uuid waiting = EnqueueOne({.type = "t"});
  const std::string call = "select djps.cancel('" + waiting.ToString() + "', 'no need')";
  EXPECT_EQ(Value(call), "canceled");
  EXPECT_EQ(Value(call), "canceled");
  EXPECT_EQ(StateOf("select djps.cancel(gen_random_uuid())"), "DJ002");
}

TEST_F(SqlApiTest, NoRoleChoosesWhoStandsInTheAuditOrSeesALease) {
  StartJob();
  sql_.Run("create role ann login; grant djps_operator, djps_reader to ann");
  sql_.Run("set session authorization ann");
  Value("select djps.set_retention('q', 'dead', interval '5 days', p_actor => 'somebody')");
  Value("select djps.set_audit_retention(interval '5 days', 'somebody')");
  Value("select djps.cancel('" + job_.ToString() + "')");
  const std::string seen = Value("select j::text from djps.jobs j");
  sql_.Run("reset session authorization; drop role ann");
  EXPECT_EQ(seen.find(lease_.ToString()), std::string::npos) << seen;
  EXPECT_EQ(Value("select string_agg(actor, ',') from djps.audit"), "ann,ann,ann");

  Value("select djps.set_retention('q', 'dead', interval '6 days', p_actor => 'somebody')");
  EXPECT_EQ(Value("select actor from djps.audit order by id desc limit 1"), "somebody")
      << "a server says whom it acts for";
}

TEST_F(SqlApiTest, EachRoleMayDoItsPartOnly) {
  StartJob();
  struct Case {
    std::string call;
    std::set<std::string> allowed;
  };
  const std::vector<Case> cases = {
      {"select djps.enqueue('t')", {"djps_submit", "djps_operator"}},
      {"select djps.enqueue_many('[]')", {"djps_submit", "djps_operator"}},
      {"select djps.cancel('" + job_.ToString() + "')", {"djps_submit", "djps_operator"}},
      {"select djps.assert_lease(" + held_ + ")", {"djps_worker"}},
      {"select djps.complete(" + held_ + ")", {"djps_worker"}},
      {"select djps.fail(" + held_ + ", 'x')", {"djps_worker"}},
      {"select djps.snooze(" + held_ + ", '1 s')", {"djps_worker"}},
      {"select djps.release(" + held_ + ")", {"djps_worker"}},
      {"select count(*) from djps.jobs", {"djps_operator", "djps_reader"}},
      {"select count(*) from djps.audit", {"djps_operator"}},
      {"select count(*) from djps.audit_jobs", {"djps_operator"}},
      {"select djps.set_audit_retention('2 days')", {"djps_operator"}},
      {"select count(*) from djps.facts", {}},
      {"delete from djps.ready", {}},
      {"select djps.purge_jobs(0::int2, '{}', '{}', 'x')", {}},
      {"select djps.take_from_lease(0::int2, gen_random_uuid(), '{}')", {}}};
  for (const std::string role : {"djps_submit", "djps_worker", "djps_operator", "djps_reader"}) {
    for (const Case& one : cases) {
      const std::string state =
          StateOf("begin; set local role " + role + "; " + one.call + "; rollback");
      EXPECT_EQ(state, one.allowed.contains(role) ? "" : "42501") << role << ": " << one.call;
      sql_.Run("rollback");
    }
  }
}

}  // namespace
}  // namespace djps
