// Working over HTTP: claiming, waiting, heartbeats, outcomes, and the fence around all of it.
#include "support/work_api.h"

namespace djps::test_support {
namespace {

using namespace std::chrono_literals;

class ServerWorkTest : public WorkApiTest {};

TEST_F(ServerWorkTest, AClaimBringsTheJobAndEverythingAWorkerNeeds) {
  NewJob job{.type = "t", .payload = R"({"n":1})", .priority = 3, .max_attempts = 7};
  job.idempotency_key = "a \"key\"";
  const std::string id = EnqueueOne(job).ToString();
  const json::object claim = Ok("/worker/claim", R"({"worker":"w","types":["t"],"leaseMs":60000})");
  const json::object claimed = claim.at("jobs").as_array().at(0).as_object();
  EXPECT_EQ(TextOf(claimed, "id"), id);
  EXPECT_EQ(TextOf(claimed, "type"), "t");
  EXPECT_EQ(TextOf(claimed, "queue"), "default");
  EXPECT_EQ(claimed.at("payload"), json::value({{"n", 1}}));
  EXPECT_EQ(claimed.at("priority"), 3);
  EXPECT_EQ(claimed.at("attempt"), 1);
  EXPECT_EQ(claimed.at("max_attempts"), 7);
  EXPECT_EQ(TextOf(claimed, "idempotency_key"), "a \"key\"");
  EXPECT_TRUE(claimed.at("checkpoint").is_null());
  EXPECT_EQ(TextOf(claimed, "lease_token"), TextOf(claim, "lease"));
  EXPECT_EQ(TextOf(claim.at("leases").as_array().at(0).as_object(), "expires_at"),
            TextOf(claim, "expires_at"));
  EXPECT_EQ(sql_.Value("select expires_at - claimed_at > interval '59 s' from djps.leases"), "t");
  EXPECT_EQ(StatusOf(id), "running");
}

TEST_F(ServerWorkTest, AClaimOfNothingIsAnEmptyList) {
  EnqueueOne({.type = "other"});
  EXPECT_EQ(Post("/worker/claim", R"({"worker":"w","types":["t"]})").body,
            R"({"lease":null,"expires_at":null,"leases":[],"jobs":[]})");
  EXPECT_EQ(Count("leases"), "0");
}

TEST_F(ServerWorkTest, QueuesAreTriedInTheOrderGivenEachWithALeaseOfItsOwn) {
  for (const char* queue : {"a", "b", "b", "c"}) EnqueueOne({.type = "t", .queue = queue});
  const json::object claim =
      Ok("/worker/claim", R"({"worker":"w","queues":["c","b","a"],"types":["t"],"max":3})");
  std::string queues;
  for (const json::value& job : claim.at("jobs").as_array()) {
    queues += TextOf(job.as_object(), "queue");
  }
  EXPECT_EQ(queues, "cbb");
  const auto jobs = JobsOf(claim);
  EXPECT_NE(jobs[0].lease, jobs[1].lease);
  EXPECT_EQ(jobs[1].lease, jobs[2].lease);
  EXPECT_EQ(claim.at("leases").as_array().size(), 2U);
  for (const HeldJob& job : jobs) Ok("/worker/complete", job.With());
}

TEST_F(ServerWorkTest, AWorkersNameIsCheckedByClaimsAndHeartbeats) {
  EnqueueOne({.type = "t"});
  const std::string longest(128, 'w');
  // As JSON: missing, no string, empty, too long, and controls, also of the second block.
  const std::vector<std::string> wrong = {"null",         "7",
                                          R"("")",        "\"" + longest + "x\"",
                                          R"("a\nb")",    R"("a\u001bb")",
                                          R"("a\u007f")", R"("a\u009bb")"};
  const auto claim = [](const std::string& name) {
    return fmt::format(R"({{"worker":{},"types":["t"]}})", name);
  };
  for (const std::string& name : wrong) {
    const std::string beat = fmt::format(R"({{"worker":{},"leases":["{}"]}})", name, kNoLease);
    for (const HttpReply& reply :
         {Post("/worker/claim", claim(name)), Post("/worker/heartbeat", beat)}) {
      EXPECT_EQ(reply.status, 422) << name;
      const json::value body = reply.Json();
      const json::array& errors = body.at("errors").as_array();
      ASSERT_EQ(errors.size(), 1U) << reply.body;
      EXPECT_TRUE(TextOf(body.as_object(), "detail").starts_with("worker ")) << reply.body;
    }
  }
  for (const std::string& no_text : {std::string("\"a\xff\""), std::string(R"("a\u0000b")")}) {
    EXPECT_EQ(Post("/worker/claim", claim(no_text)).status, 400) << no_text;
  }
  EXPECT_EQ(Count("leases"), "0");
  for (const std::string& name : {longest, std::string("w\u00f6rker 7 / \U0001f600 ; --")}) {
    Ok("/worker/claim", claim('"' + name + '"'));
    EXPECT_TRUE(Seen(name)) << name;
  }
  EXPECT_EQ(Count("workers"), "2") << "none of the wrong ones is listed";
}

TEST_F(ServerWorkTest, AClaimTakesNoMoreThanItAskedFor) {
  Enqueue(std::vector<NewJob>(5, NewJob{.type = "t"}));
  EXPECT_EQ(ClaimSome(3).size(), 3U);
  EXPECT_EQ(JobsOf(Ok("/worker/claim", R"({"worker":"w","types":["t"]})")).size(), 1U);
}

TEST_F(ServerWorkTest, CompletesOneJobOrMany) {
  Enqueue(std::vector<NewJob>(3, NewJob{.type = "t"}));
  const auto jobs = ClaimSome();
  const json::object one = Ok("/worker/complete", jobs[0].With(R"(,"result":{"sum":3})"));
  EXPECT_EQ(one.at("done").as_array(), json::array({json::value(jobs[0].id)}));
  EXPECT_TRUE(one.at("lost").as_array().empty());
  EXPECT_EQ(GetOk("/jobs/" + jobs[0].id).at("result"), json::value({{"sum", 3}}));
  const json::object both =
      Ok("/worker/complete",
         fmt::format(R"({{"jobs":[{},{}]}})", jobs[1].With(), jobs[2].With(R"(,"result":[1])")));
  EXPECT_EQ(both.at("done").as_array().size(), 2U);
  EXPECT_TRUE(GetOk("/jobs/" + jobs[1].id).at("result").is_null());
  EXPECT_EQ(StatusOf(jobs[2].id), "succeeded");
  EXPECT_EQ(Count("leases"), "0");
}

TEST_F(ServerWorkTest, AFailureSaysWhatBecomesOfTheJob) {
  Enqueue(std::vector<NewJob>(3, NewJob{.type = "t"}));
  const auto jobs = ClaimSome();
  const json::object answer = Ok(
      "/worker/fail",
      fmt::format(R"({{"jobs":[{},{}]}})",
                  jobs[0].With(R"(,"errorClass":"boom","message":"it broke","retryAfterMs":60000)"),
                  jobs[1].With(R"(,"errorClass":"bad","message":"","detail":"why",)"
                               R"("retryable":false)")));
  EXPECT_EQ(answer.at("done").as_array().size(), 2U);
  for (const json::value& value : answer.at("jobs").as_array()) {
    const json::object& job = value.as_object();
    const bool first = TextOf(job, "id") == jobs[0].id;
    EXPECT_EQ(TextOf(job, "status"), first ? "failed" : "dead");
    EXPECT_EQ(job.at("run_at").is_null(), !first);
  }
  EXPECT_EQ(sql_.Value("select visible_at > now() + interval '30 s' from djps.ready"), "t");
  const json::object dead = GetOk("/jobs/" + jobs[1].id);
  EXPECT_EQ(TextOf(dead.at("last_error").as_object(), "class"), "bad");
  EXPECT_EQ(TextOf(dead.at("last_error").as_object(), "detail"), "why");
  EXPECT_EQ(TextOf(dead.at("last_error").as_object(), "worker"), "w");
}

TEST_F(ServerWorkTest, LongErrorTextsAreCutAndNotRefused) {
  const HeldJob job = Hold();
  const std::string trace(100'000, 'x');
  Ok("/worker/fail",
     job.With(fmt::format(R"(,"errorClass":"boom","message":"{0}","detail":"{0}")", trace)));
  EXPECT_EQ(sql_.Value("select length(message) || ' ' || length(detail) from djps.attempts"),
            "2000 8192");
}

TEST_F(ServerWorkTest, SnoozeAndReleaseGiveTheAttemptBack) {
  const HeldJob snoozed = Hold();
  Ok("/worker/snooze", snoozed.With(R"(,"delayMs":60000)"));
  EXPECT_EQ(StatusOf(snoozed.id), "queued");
  EXPECT_EQ(sql_.Value("select visible_at > now() + interval '30 s' from djps.ready"), "t");
  const HeldJob released = Hold();
  Ok("/worker/release", released.With());
  const json::object again = Ok("/worker/claim", R"({"worker":"w","types":["t"]})");
  EXPECT_EQ(JobsOf(again)[0].id, released.id);
  EXPECT_EQ(again.at("jobs").as_array()[0].as_object().at("attempt"), 1);
}

TEST_F(ServerWorkTest, ASnoozeTooManyIsAFailureAndAReleaseNever) {
  const HeldJob released = Hold();
  sql_.Run("insert into djps.snoozes select id, 0, 1000 from djps.jobs");
  Ok("/worker/release", released.With());
  EXPECT_EQ(StatusOf(released.id), "queued");
  const auto again = ClaimSome();
  ASSERT_EQ(again.size(), 1U);
  const json::object answer = Ok("/worker/snooze", again[0].With(R"(,"delayMs":0)"));
  EXPECT_EQ(answer.at("done").as_array().size(), 1U) << "it was held: the worker is done with it";
  const json::object failed = GetOk("/jobs/" + released.id);
  EXPECT_EQ(TextOf(failed, "status"), "failed");
  EXPECT_EQ(TextOf(failed.at("last_error").as_object(), "class"), "snooze_limit");
}

TEST_F(ServerWorkTest, AHeartbeatExtendsWhatHoldsAndNamesWhatIsLost) {
  const HeldJob job = Hold();
  const json::object answer = Ok(
      "/worker/heartbeat", fmt::format(R"({{"worker":"w","leases":["{}","{}"],"leaseMs":600000}})",
                                       job.lease, kNoLease));
  const json::array& leases = answer.at("leases").as_array();
  ASSERT_EQ(leases.size(), 1U);
  EXPECT_EQ(TextOf(leases[0].as_object(), "lease"), job.lease);
  EXPECT_EQ(answer.at("lost").as_array(), json::array({json::value(kNoLease)}));
  EXPECT_TRUE(answer.at("canceled").as_array().empty());
  EXPECT_EQ(sql_.Value("select expires_at > now() + interval '500 s' from djps.leases"), "t");
  EXPECT_EQ(Post("/worker/heartbeat", R"({"worker":"w","leases":[]})").body,
            R"({"leases":[],"lost":[],"canceled":[]})");
}

TEST_F(ServerWorkTest, AHeartbeatTellsOfACancellationWhichEndsTheJobHoweverItIsReported) {
  const HeldJob job = Hold();
  store::OperatorStore operators(*pool_);
  Run(operators.CancelJobs({*Uuid::Parse(job.id)}, "me", "", Soon()));
  const json::object answer =
      Ok("/worker/heartbeat", fmt::format(R"({{"worker":"w","leases":["{}"]}})", job.lease));
  EXPECT_EQ(answer.at("canceled").as_array(), json::array({json::value(job.id)}));
  const json::object failed =
      Ok("/worker/fail", job.With(R"(,"errorClass":"canceled","message":"")"));
  EXPECT_EQ(TextOf(failed.at("jobs").as_array().at(0).as_object(), "status"), "canceled");
  EXPECT_EQ(StatusOf(job.id), "canceled");
}

TEST_F(ServerWorkTest, APausedQueueWakesNobody) {
  store::OperatorStore operators(*pool_);
  Run(operators.SetQueuePaused("default", true, "me", Soon()));
  EnqueueOne({.type = "t"});
  HttpClient waiting = server_.Connect();
  SendClaim(waiting, "waiter");
  ASSERT_TRUE(Seen("waiter"));
  Run(operators.SetQueuePaused("default", false, "me", Soon()));
  EXPECT_EQ(JobsOf(waiting.ReadReply().Json().as_object()).size(), 1U);
}

TEST_F(ServerWorkTest, NoRouteWritesUnderALeaseThatIsNotHeld) {
  const HeldJob job = Hold();
  const HeldJob thief{job.id, std::string(kNoLease)};
  const std::pair<const char*, std::string> writes[] = {
      {"/worker/complete", ""},
      {"/worker/fail", R"(,"errorClass":"c","message":"m")"},
      {"/worker/snooze", R"(,"delayMs":0)"},
      {"/worker/release", ""},
      {"/worker/progress", R"(,"percent":1)"},
      {"/worker/logs", R"(,"lines":[{"message":"m"}])"}};
  for (const auto& [path, more] : writes) {
    SCOPED_TRACE(path);
    const HttpReply reply = Post(path, thief.With(more));
    EXPECT_EQ(reply.status, 409) << reply.body;
    EXPECT_EQ(TextOf(reply.Json().as_object(), "type"), "urn:djps:problem:lease-lost");
    EXPECT_EQ(TextOf(reply.Json().as_object(), "code"), "lease_lost");
  }
  EXPECT_EQ(StatusOf(job.id), "running");
  ExpireLeases();
  for (const auto& [path, more] : writes) EXPECT_EQ(Post(path, job.With(more)).status, 409) << path;
  EXPECT_EQ(Count("outcomes"), "0");
  EXPECT_EQ(Count("progress"), "0");
  EXPECT_EQ(Count("log_lines"), "0");
}

TEST_F(ServerWorkTest, OfAMixtureEachJobIsAnsweredFor) {
  const HeldJob job = Hold();
  const HeldJob lost{"01900000-0000-7000-8000-000000000000", job.lease};
  const json::object answer =
      Ok("/worker/complete", fmt::format(R"({{"jobs":[{},{}]}})", lost.With(), job.With()));
  EXPECT_EQ(answer.at("done").as_array(), json::array({json::value(job.id)}));
  EXPECT_EQ(answer.at("lost").as_array(), json::array({json::value(lost.id)}));
}

TEST_F(ServerWorkTest, AResultThatCannotBeStoredIsRejectedAloneAndItsLeaseStays) {
  Enqueue(std::vector<NewJob>(7, NewJob{.type = "t"}));
  const auto jobs = ClaimSome();
  std::string items;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    items += jobs[i].With(i == 4 ? R"(,"result":1e200000)" : "") + ",";
  }
  items.pop_back();
  const json::object answer = Ok("/worker/complete", fmt::format(R"({{"jobs":[{}]}})", items));
  EXPECT_EQ(answer.at("done").as_array().size(), 6U);
  EXPECT_TRUE(answer.at("lost").as_array().empty());
  const json::object rejected = answer.at("rejected").as_array().at(0).as_object();
  EXPECT_EQ(TextOf(rejected, "id"), jobs[4].id);
  EXPECT_NE(TextOf(rejected, "detail").find("a number that Postgres cannot store"),
            std::string::npos);
  const HttpReply alone = Post("/worker/complete", jobs[4].With(R"(,"result":1e200000)"));
  EXPECT_EQ(alone.status, 422) << alone.body;
  Ok("/worker/complete", jobs[4].With(R"(,"result":1)"));
}

TEST_F(ServerWorkTest, AWaitingClaimGetsAJobThatIsSubmittedHere) {
  HttpClient waiting = server_.Connect();
  SendClaim(waiting, "waiter");
  ASSERT_TRUE(Seen("waiter"));
  const HttpReply submitted = Post("/jobs", R"({"type":"t"})");
  const HttpReply reply = waiting.ReadReply();
  EXPECT_EQ(JobsOf(reply.Json().as_object()).at(0).id, TextOf(submitted.Json().as_object(), "id"));
}

TEST_F(ServerWorkTest, AWaitingClaimGetsAJobThatCameAnotherWay) {
  HttpClient waiting = server_.Connect();
  SendClaim(waiting, "waiter");
  ASSERT_TRUE(Seen("waiter"));
  EnqueueOne({.type = "other"});
  const Uuid id = EnqueueOne({.type = "t"});
  EXPECT_EQ(JobsOf(waiting.ReadReply().Json().as_object()).at(0).id, id.ToString());
}

TEST_F(ServerWorkTest, AWaitingClaimGetsARetryWhenItIsDue) {
  const HeldJob job = Hold();
  HttpClient waiting = server_.Connect();
  SendClaim(waiting, "waiter");
  ASSERT_TRUE(Seen("waiter"));
  Ok("/worker/fail", job.With(R"(,"errorClass":"c","message":"m","retryAfterMs":1)"));
  EXPECT_EQ(JobsOf(waiting.ReadReply().Json().as_object()).at(0).id, job.id);
}

TEST_F(ServerWorkTest, AWaitThatEndsIsAnEmptyList) {
  HttpClient waiting = server_.Connect();
  SendClaim(waiting, "waiter", 1);
  const HttpReply reply = waiting.ReadReply();
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(JobsOf(reply.Json().as_object()).empty());
}

TEST_F(ServerWorkTest, OneJobWakesOneOfManyAndAStopAnswersTheRest) {
  constexpr std::size_t kWaiters = 50;
  std::vector<HttpClient> waiting;
  for (std::size_t i = 0; i < kWaiters; ++i) {
    waiting.push_back(server_.Connect());
    SendClaim(waiting.back(), fmt::format("waiter-{}", i));
  }
  ASSERT_TRUE(Eventually("select count(*) from djps.workers", std::to_string(kWaiters)));
  const Uuid id = EnqueueOne({.type = "t"});
  ASSERT_TRUE(Eventually("select count(*) from djps.leases", "1"));
  server_.Stop(10s).wait();
  std::vector<std::string> claimed;
  for (HttpClient& client : waiting) {
    const HttpReply reply = client.ReadReply();
    ASSERT_EQ(reply.status, 200);
    for (const HeldJob& job : JobsOf(reply.Json().as_object())) claimed.push_back(job.id);
  }
  EXPECT_EQ(claimed, std::vector<std::string>{id.ToString()});
}

TEST_F(ServerWorkTest, AClientThatLeftWhileItWaitedGetsNoJob) {
  {
    HttpClient gone = server_.Connect();
    SendClaim(gone, "gone");
    ASSERT_TRUE(Seen("gone"));
  }
  HttpClient waiting = server_.Connect();
  SendClaim(waiting, "here");
  ASSERT_TRUE(Seen("here"));
  const HttpReply submitted = Post("/jobs", R"({"type":"t"})");
  EXPECT_EQ(JobsOf(waiting.ReadReply().Json().as_object()).at(0).id,
            TextOf(submitted.Json().as_object(), "id"));
  EXPECT_EQ(sql_.Value("select worker from djps.leases"), "here");
}

TEST_F(ServerWorkTest, AClientThatLeftDuringItsClaimLeavesItsJobToOthers) {
  const Uuid id = EnqueueOne({.type = "t"});
  {
    HttpClient gone = server_.Connect();
    sql_.Run("begin; lock table djps.ready in access exclusive mode");
    const std::string_view body = R"({"worker":"gone","types":["t"],"leaseMs":3600000})";
    gone.SendRaw(
        fmt::format("POST /worker/claim HTTP/1.1\r\nHost: localhost\r\n"
                    "Content-Length: {}\r\n\r\n{}",
                    body.size(), body));
    ASSERT_TRUE(RunUntil(io_, [this] {
      sql_.Run("select pg_stat_clear_snapshot()");
      return sql_.Value(
                 "select count(*) > 0 from pg_stat_activity where wait_event_type = 'Lock'"
                 " and datname = current_database()") == "t";
    }));
  }
  sql_.Run("commit");
  std::vector<HeldJob> claimed;
  ASSERT_TRUE(RunUntil(io_, [&] {
    claimed = ClaimSome();
    return !claimed.empty();
  }));
  EXPECT_EQ(claimed[0].id, id.ToString());
  EXPECT_EQ(Job(id).attempts, 1) << "who left has cost it none";
}

struct BadCall {
  std::string_view path;
  std::string_view body;
  std::string_view field;  ///< Of the first error.
};

constexpr std::string_view kId = R"("id":"01900000-0000-7000-8000-000000000000",)"
                                 R"("leaseToken":"00000000-0000-4000-8000-000000000000")";

TEST_F(ServerWorkTest, RefusesBadInput) {
  const BadCall calls[] = {
      {"/worker/claim", R"({"types":["t"]})", "worker"},
      {"/worker/claim", R"({"worker":"","types":["t"]})", "worker"},
      {"/worker/claim", R"({"worker":7,"types":["t"]})", "worker"},
      {"/worker/claim", R"({"worker":"w"})", "types"},
      {"/worker/claim", R"({"worker":"w","types":[]})", "types"},
      {"/worker/claim", R"({"worker":"w","types":"t"})", "types"},
      {"/worker/claim", R"({"worker":"w","types":["a b"]})", "types[0]"},
      {"/worker/claim", R"({"worker":"w","types":["t"],"queues":[]})", "queues"},
      {"/worker/claim", R"({"worker":"w","types":["t"],"queues":["q",""]})", "queues[1]"},
      {"/worker/claim", R"({"worker":"w","types":["t"],"max":0})", "max"},
      {"/worker/claim", R"({"worker":"w","types":["t"],"max":101})", "max"},
      {"/worker/claim", R"({"worker":"w","types":["t"],"leaseMs":999})", "leaseMs"},
      {"/worker/claim", R"({"worker":"w","types":["t"],"waitMs":60001})", "waitMs"},
      {"/worker/claim", R"({"worker":"w","types":["t"],"wait":1})", "wait"},
      {"/worker/heartbeat", R"({"worker":"w"})", "leases"},
      {"/worker/heartbeat", R"({"leases":[]})", "worker"},
      {"/worker/heartbeat", R"({"worker":"w","leases":["x"]})", "leases[0]"},
      {"/worker/heartbeat", R"({"worker":"w","leases":[],"leaseMs":86400001})", "leaseMs"},
      {"/worker/complete", "{}", "id"},
      {"/worker/complete", R"({"jobs":[]})", "jobs"},
      {"/worker/complete", R"({"jobs":{}})", "jobs"},
      {"/worker/complete", R"({"jobs":[1]})", "jobs[0]"},
      {"/worker/complete", R"({"jobs":[{@}],"result":1})", "result"},
      {"/worker/complete", R"({"jobs":[{@},{@}]})", "jobs[1].id"},
      {"/worker/complete", R"({"id":"1","leaseToken":"x"})", "id"},
      {"/worker/complete", R"({"jobs":[{@},{"id":"01900000-0000-7000-8000-000000000001"}]})",
       "jobs[1].leaseToken"},
      {"/worker/fail", "{@}", "errorClass"},
      {"/worker/fail", R"({@,"errorClass":"","message":"m"})", "errorClass"},
      {"/worker/fail", R"({@,"errorClass":"c"})", "message"},
      {"/worker/fail", R"({@,"errorClass":"c","message":"m","retryable":1})", "retryable"},
      {"/worker/fail", R"({@,"errorClass":"c","message":"m","retryAfterMs":-1})", "retryAfterMs"},
      {"/worker/snooze", "{@}", "delayMs"},
      {"/worker/snooze", R"({@,"delayMs":1e99})", "delayMs"},
      {"/worker/snooze", R"({@,"delayMs":31622400001})", "delayMs"},
      {"/worker/release", R"({@,"delayMs":1})", "delayMs"},
      {"/worker/progress", "{@}", "percent"},
      {"/worker/progress", R"({@,"percent":101})", "percent"},
      {"/worker/progress", R"({@,"percent":"half"})", "percent"},
      {"/worker/logs", "{@}", "lines"},
      {"/worker/logs", R"({@,"lines":[]})", "lines"},
      {"/worker/logs", R"({@,"lines":[{}]})", "lines[0].message"},
      {"/worker/logs", R"({@,"lines":[{"message":"m","level":"loud"}]})", "lines[0].level"},
  };
  for (const BadCall& call : calls) {
    std::string body(call.body);
    for (std::size_t at = body.find('@'); at != std::string::npos; at = body.find('@', at)) {
      body.replace(at, 1, kId);
    }
    SCOPED_TRACE(fmt::format("{} {}", call.path, body));
    const HttpReply reply = Post(call.path, body);
    ASSERT_EQ(reply.status, 422) << reply.body;
    const json::array errors = reply.Json().as_object().at("errors").as_array();
    EXPECT_EQ(TextOf(errors.at(0).as_object(), "field"), call.field) << reply.body;
  }
  for (const char* path : {"/worker/claim", "/worker/complete", "/worker/logs"}) {
    EXPECT_EQ(Post(path, "{").status, 400) << path;
    EXPECT_EQ(client_.Get(path).status, 405) << path;
  }
}

TEST_F(ServerWorkTest, OneCallHoldsAThousandJobsAndNotMore) {
  std::string items;
  for (int i = 0; i < 1'001; ++i) {
    items +=
        fmt::format(R"({{"id":"01900000-0000-7000-8000-{:012}","leaseToken":"{}"}},)", i, kNoLease);
  }
  items.pop_back();
  EXPECT_EQ(Post("/worker/release", fmt::format(R"({{"jobs":[{}]}})", items)).status, 422);
  items.erase(items.rfind(",{"));
  EXPECT_EQ(Post("/worker/release", fmt::format(R"({{"jobs":[{}]}})", items)).status, 409);
}

}  // namespace
}  // namespace djps::test_support
