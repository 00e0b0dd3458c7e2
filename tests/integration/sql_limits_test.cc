// What HTTP would refuse, SQL refuses too: in every argument of the public functions.
#include <fmt/format.h>

#include "core/option_limits.h"
#include "support/store_fixture.h"

namespace djps {
namespace {

using test_support::StoreTest;

class SqlLimitsTest : public StoreTest {
 protected:
  /// "SQLSTATE message" of what goes wrong; empty when nothing does.
  std::string Trouble(const std::string& call) {
    try {
      sql_.Run("select " + call);
    } catch (const pg::PgError& error) {
      return error.sqlstate() + " " + error.what();
    }
    return "";
  }

  void ExpectRefused(const std::string& call, const std::string& saying) {
    const std::string trouble = Trouble(call);
    EXPECT_TRUE(trouble.starts_with("22023 ")) << call << ": " << trouble;
    EXPECT_NE(trouble.find(saying), std::string::npos) << call << ": " << trouble;
  }

  /// A running job, as the first two arguments of what ends it.
  std::string Held() {
    const Uuid job = EnqueueOne({.type = "t"});
    return fmt::format("'{}', '{}'", job.ToString(), Claim(1).lease.ToString());
  }

  /// An array of so many large numbers, small as it is sent.
  static std::string Numbers(int count) {
    return fmt::format("(select jsonb_agg('1e131071'::jsonb) from generate_series(1, {}))", count);
  }
};

TEST_F(SqlLimitsTest, AResultHasAMebibyteAtMost) {
  const std::string held = Held();
  ExpectRefused("djps.complete(" + held + ", to_jsonb(repeat('x', 100000000)))",
                "result must be at most 1048576 bytes of JSON");
  ExpectRefused("djps.complete(" + held + ", to_jsonb(repeat('x', 1048575)))", "result must be");
  ExpectRefused("djps.complete(" + held + ", " + Numbers(3'000) + ")", "result must be");
  ExpectRefused("djps.complete(" + held + ", (repeat('[', 65) || repeat(']', 65))::jsonb)",
                "result nests deeper than 64 levels");
  EXPECT_EQ(Trouble("djps.complete(" + held + ", to_jsonb(repeat('x', 1048574)))"), "");
}

TEST_F(SqlLimitsTest, AValueThatIsStoredCompressedIsMeasuredToo) {
  sql_.Run("create table big as select to_jsonb(repeat('x', 2000000)) as one, " + Numbers(20'000) +
           " as many");
  ExpectRefused("djps.enqueue('t', one) from big", "payload must be at most 1048576 bytes");
  ExpectRefused("djps.enqueue('t', many) from big", "payload must be at most 1048576 bytes");
  ExpectRefused(
      "djps.enqueue_many(jsonb_build_array(jsonb_build_object("
      "'type', 't', 'priority', many))) from big",
      "jobs[0].priority must be a whole number from -32768 to 32767, got an array");
}

TEST_F(SqlLimitsTest, ZerosBehindThePointCountInPoliciesToo) {
  ExpectRefused(
      "djps.enqueue('t', retry => jsonb_build_object('kind', 'list', 'delays_ms', (select "
      "jsonb_agg(1::numeric(1000, 900)) from generate_series(1, 1000))))",
      "retry must be at most 65536 bytes of JSON");
}

TEST_F(SqlLimitsTest, OneCallTakesNoMoreJobsThanOneBatchOverHttp) {
  const auto many = [](std::size_t count) {
    return fmt::format(
        "count(*) from djps.enqueue_many((select jsonb_agg('{{\"type\":\"t\"}}'::jsonb) from "
        "generate_series(1, {})))",
        count);
  };
  ExpectRefused(many(kBatchJobsMax + 1),
                "jobs must hold at most 10000 jobs, got 10001; call enqueue_many several times");
  EXPECT_EQ(Count("facts"), "0");
  EXPECT_EQ(Trouble(many(kBatchJobsMax)), "");
  EXPECT_EQ(Count("facts"), "10000");
}

TEST_F(SqlLimitsTest, AFailureIsNamedAndItsTextsAreCutToWhatIsKept) {
  const std::string held = Held();
  ExpectRefused("djps.fail(" + held + ", null)", "error_class must have 1 to 200 bytes, got 0");
  ExpectRefused("djps.fail(" + held + ", repeat('\u00e9', 101))", "error_class must have");
  ExpectRefused("djps.fail(" + held + ", 'c', retry_after => interval '367 days')",
                "retry_after must be from 0 to 366 days");
  ExpectRefused("djps.fail(" + held + ", 'c', retry_after => interval '-1 s')", "retry_after must");
  // 1,999 bytes and half a character; the detail in three bytes each.
  EXPECT_EQ(Trouble("djps.fail(" + held +
                    ", 'c', 'a' || repeat('\u00e9', 5000), repeat('\u20ac', 1000000))"),
            "");
  EXPECT_EQ(sql_.Value("select octet_length(message) || ' ' || octet_length(detail) || ' ' || "
                       "right(message, 1) || right(detail, 1) from djps.attempts"),
            "1999 8190 \u00e9\u20ac");
}

TEST_F(SqlLimitsTest, ReasonsAndRetentionHaveLimits) {
  const std::string job = EnqueueOne({.type = "t"}).ToString();
  ExpectRefused("djps.cancel('" + job + "', repeat('x', 1001))",
                "reason must be at most 1000 bytes long, got 1001");
  ExpectRefused("djps.set_retention('a b', 'dead', interval '1 day')", "p_queue may hold only");
  ExpectRefused("djps.set_retention('q', 'dead', interval '4000 days')",
                "p_keep must be from 1 hour to 3660 days");
  ExpectRefused("djps.set_retention('q', 'dead', interval '1 s')", "p_keep must be");
  ExpectRefused("djps.set_audit_retention(interval '23 hours')", "p_keep must be from 1 day");
  ExpectRefused("djps.set_audit_retention(interval '4000 days')", "p_keep must be from 1 day");
  ExpectRefused("djps.set_audit_retention(null, repeat('a', 256))", "p_actor must be at most");
  ExpectRefused("djps.snooze(" + Held() + ", interval '367 days')", "delay must be from 0 to 366");
}

TEST_F(SqlLimitsTest, TimesThatClaimsCannotAddToAreRefusedByName) {
  for (const char* time : {"infinity", "-infinity", "12000-01-01", "1969-12-31", "0044-03-15 BC"}) {
    for (const char* member : {"finish_by", "run_at"}) {
      ExpectRefused(fmt::format("djps.enqueue('t', {} => '{}')", member, time),
                    fmt::format("{} must be a time in the years 1970 to 9999", member));
    }
  }
  EXPECT_EQ(Trouble("djps.enqueue('t', finish_by => now() + interval '1 day', run_at => now())"),
            "");
  EXPECT_EQ(Claim(10).jobs.size(), 1U);
}

TEST_F(SqlLimitsTest, TheAuditOfAnEditShowsOnlySmallPayloads) {
  const Uuid job = EnqueueOne({.type = "t", .payload = R"({"n":1})"});
  const std::string large = '"' + std::string(5'000, 'x') + '"';
  ASSERT_TRUE(Run(operators_.EditJob(job, {.payload = large}, "ann", Soon())).changed);
  EXPECT_EQ(sql_.Value("select detail from djps.audit"),
            R"({"after": {"payload": "5002 bytes"}, "before": {"payload": {"n": 1}}})");
}

TEST_F(SqlLimitsTest, AReplayKnowsWhetherItsPayloadDiffers) {
  const auto differs = [this](const std::string& payload) {
    const auto again = Enqueue({{.type = "t", .payload = payload, .idempotency_key = "k"}});
    return again.front().payload_differs;
  };
  EXPECT_FALSE(differs(R"({"a":[[1.50],2]})"));
  EXPECT_FALSE(differs(R"({"a":[[1.5],2.0]})"));
  EXPECT_TRUE(differs(R"({"a":[[1.5,2]]})")) << "other arrays";
  EXPECT_TRUE(differs(R"({"a":[[1.05],2]})"));
}

TEST_F(SqlLimitsTest, UniqueJobsAreComparedAsJsonValues) {
  const auto submit = [this](const std::string& payload) {
    return sql_.Value(
        "select outcome from djps.enqueue_many('[{\"type\":\"t\",\"unique\":{},"
        "\"payload\":" +
        payload + "}]')");
  };
  EXPECT_EQ(submit(R"({"id":1,"a":[[1.50],2]})"), "created");
  EXPECT_EQ(submit(R"({"a":[[15e-1],2.00],"id":1.0})"), "existing");
  EXPECT_EQ(submit(R"({"id":"1.0","a":[[1.50],2]})"), "created");
  EXPECT_EQ(submit(R"({"id":1,"a":[[1.50,2]]})"), "created") << "other arrays";
  EXPECT_EQ(submit(R"({"id":10,"a":[[1.50],2]})"), "created");
  EXPECT_EQ(submit(R"({"id":1,"a":[[1.05],2]})"), "created");
  EXPECT_EQ(submit(R"("1.0 \" 2.00")"), "created");
  EXPECT_EQ(submit(R"("1.0 \" 2")"), "created") << "strings are themselves";
  // MD5 is what FIPS servers refuse.
  EXPECT_EQ(sql_.Value("select count(*) from pg_proc where pronamespace = 'djps'::regnamespace and "
                       "prosrc ~ 'md5'"),
            "0");
}

}  // namespace
}  // namespace djps
