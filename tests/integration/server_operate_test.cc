// Options of submissions, and what people do to jobs and queues, over HTTP.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>
#include <memory>
#include <string>
#include <vector>

#include "pg/session.h"
#include "support/api_server.h"
#include "support/postgres.h"

namespace djps::test_support {
namespace {

namespace json = boost::json;

std::string Text(const HttpReply& reply, std::string_view name) {
  const json::value body = reply.Json();
  const json::value* value = body.as_object().if_contains(name);
  if (value == nullptr) return "(none)";
  return value->is_string() ? std::string(value->as_string()) : json::serialize(*value);
}

class ServerOperateTest : public testing::Test {
 protected:
  std::string Submit(const std::string& body = R"({"type":"t"})") {
    const HttpReply reply = client_.Post("/jobs", body);
    EXPECT_LE(reply.status, 201) << reply.body;
    return Text(reply, "id");
  }
  HttpReply Send(const std::string& method, const std::string& path, const std::string& body = "") {
    return client_.Send(method, path, body);
  }

  std::string conninfo_ = Postgres().NewDatabase();
  pg::Session sql_{conninfo_};
  ApiServer server_{conninfo_};
  HttpClient client_ = server_.Connect();
};

TEST_F(ServerOperateTest, OptionsAreStoredAndShown) {
  const std::string id =
      Submit(R"({"type":"t","delayMs":60000,"tags":["a","b c"],"metadata":{"n":1e400},)"
             R"("retry":{"kind":"fixed","delayMs":5000},"timeoutMs":2000,)"
             R"("finishBy":"2099-01-01T00:00:00Z"})");
  const HttpReply job = client_.Get("/jobs/" + id);
  EXPECT_EQ(Text(job, "tags"), R"(["a","b c"])");
  EXPECT_EQ(Text(job, "retry"), R"({"kind":"fixed","delay_ms":5000})");
  EXPECT_EQ(Text(job, "timeout_ms"), "2000");
  EXPECT_EQ(Text(job, "finish_by"), "2099-01-01T00:00:00.000000Z");
  EXPECT_EQ(Text(job, "cancel_requested"), "false");
  EXPECT_EQ(sql_.Value("select run_at > now() + interval '55 s' from djps.jobs"), "t");
}

TEST_F(ServerOperateTest, OptionsInSnakeCaseAndInBatchesMeanTheSame) {
  const HttpReply reply = client_.Post(
      "/jobs/batch", R"({"jobs":[{"type":"t","delay_ms":60000,"finish_by":null},{"type":"t"}]})");
  EXPECT_EQ(reply.status, 201) << reply.body;
  EXPECT_EQ(sql_.Value("select count(*) from djps.jobs where run_at > now() + interval '55 s'"),
            "1");
}

TEST_F(ServerOperateTest, WrongOptionsAreNamed) {
  struct Case {
    std::string member;
    std::string detail;
  };
  const std::vector<Case> cases = {
      {R"("delayMs":-1)", "delayMs must be a whole number from 0 to 31622400000, got -1."},
      {R"("delayMs":1,"runAt":"2030-01-01T00:00:00Z")",
       "delayMs and runAt exclude each other; send one of them."},
      {R"("tags":"a")", R"(tags must be an array, got "a".)"},
      {R"("tags":[""])", R"(tags[0] must be a string of 1 to 128 bytes, got "".)"},
      {R"("metadata":[1])", "metadata must be an object, got [1]."},
      {R"("retry":{})", "retry.kind is missing; it may be exponential, linear, fixed or list."},
      {R"("retry":{"kind":"often"})",
       R"(retry.kind must be exponential, linear, fixed or list, got "often".)"},
      {R"("retry":{"kind":"fixed"})", "retry.delayMs is missing; this kind needs it."},
      {R"("retry":{"kind":"list","delaysMs":[]})",
       "retry.delaysMs is missing or empty; this kind needs at least one delay."},
      {R"("retry":{"kind":"exponential","factor":0})",
       "retry.factor must be a number from 1 to 100, got 0."},
      {R"("timeoutMs":0)", "timeoutMs must be a whole number from 1 to 2147483647, got 0."},
      {R"("finishBy":"never")",
       R"(finishBy must be a time such as 2027-01-31T08:00:00Z (RFC 3339), got "never".)"},
      {R"("unique":{"onConflict":"panic"})",
       R"(unique.onConflict must be existing, replace or reschedule, got "panic".)"},
      {R"("unique":{"filds":["a"]})", "unique.filds is not a field here; did you mean fields?."},
      {R"("keyLifetimeMs":5000)", "keyLifetimeMs needs an idempotencyKey."},
      {R"("delay":5)", "delay is not a field of a job; did you mean delayMs?."}};
  for (const Case& wrong : cases) {
    const HttpReply reply = client_.Post("/jobs", R"({"type":"t",)" + wrong.member + "}");
    EXPECT_EQ(reply.status, 422) << wrong.member;
    EXPECT_EQ(Text(reply, "detail"), wrong.detail) << wrong.member;
  }
  EXPECT_EQ(sql_.Value("select count(*) from djps.facts"), "0");
}

TEST_F(ServerOperateTest, TheKeyHeaderMeansTheSameAsTheMember) {
  const std::string body = R"({"type":"t","payload":{"a":1}})";
  const HttpReply first = client_.Send("POST", "/jobs", body, {{"Idempotency-Key", "\"k-1\""}});
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(Text(first, "idempotency_key"), "k-1");
  const HttpReply again =
      client_.Post("/jobs", R"({"type":"t","payload":{"a":1},"idempotencyKey":"k-1"})");
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(Text(again, "id"), Text(first, "id"));
  const HttpReply both = client_.Send("POST", "/jobs", R"({"type":"t","idempotencyKey":"other"})",
                                      {{"Idempotency-Key", "k-1"}});
  EXPECT_EQ(both.status, 422);
}

TEST_F(ServerOperateTest, AStrictReplayWithAnotherPayloadIsRefused) {
  Submit(R"({"type":"t","payload":1,"idempotencyKey":"k"})");
  const std::string other = R"({"type":"t","payload":2,"idempotencyKey":"k"})";
  EXPECT_EQ(client_.Post("/jobs", other).Header("Idempotency-Payload-Differs"), "true");
  const HttpReply strict = client_.Send("POST", "/jobs", other, {{"Prefer", "handling=strict"}});
  EXPECT_EQ(strict.status, 422);
  EXPECT_EQ(Text(strict, "type"), "urn:djps:problem:idempotency-key-reused");
  ApiServer always(conninfo_, {.strict_idempotency = true});
  EXPECT_EQ(always.Connect().Post("/jobs", other).status, 422);
}

TEST_F(ServerOperateTest, AUniqueJobIsFoundReplacedOrRescheduled) {
  const auto submit = [&](int x, const std::string& action) {
    return client_.Post("/jobs",
                        fmt::format(R"({{"type":"t","payload":{{"c":1,"x":{}}},"delayMs":{},)"
                                    R"("unique":{{"fields":["c"],"onConflict":"{}"}}}})",
                                    x, x * 10'000, action));
  };
  const HttpReply first = submit(1, "existing");
  ASSERT_EQ(first.status, 201);
  const std::string path = "/jobs/" + Text(first, "id");
  const HttpReply existing = submit(2, "existing");
  EXPECT_EQ(existing.status, 200);
  EXPECT_EQ(existing.Header("Unique-Conflict"), "existing");
  EXPECT_EQ(Text(existing, "payload"), R"({"c":1,"x":1})");
  const HttpReply replaced = submit(3, "replace");
  EXPECT_EQ(replaced.Header("Unique-Conflict"), "replaced");
  EXPECT_EQ(Text(replaced, "payload"), R"({"c":1,"x":3})");
  EXPECT_EQ(Text(replaced, "run_at"), Text(first, "run_at"));
  const HttpReply moved = submit(4, "reschedule");
  EXPECT_EQ(moved.Header("Unique-Conflict"), "rescheduled");
  EXPECT_NE(Text(moved, "run_at"), Text(first, "run_at"));
  EXPECT_EQ(Send("POST", path + "/cancel").status, 200);
  EXPECT_EQ(submit(5, "existing").status, 201) << "the place is free again";
}

TEST_F(ServerOperateTest, CancelRetryEditPurge) {
  const std::string id = Submit();
  const std::string path = "/jobs/" + id;
  const HttpReply edited =
      Send("PATCH", path, R"({"priority":-5,"payload":{"big":12345678901234567890123}})");
  EXPECT_EQ(edited.status, 200) << edited.body;
  EXPECT_EQ(Text(edited, "priority"), "-5");
  EXPECT_NE(edited.body.find("12345678901234567890123"), std::string::npos);

  const HttpReply canceled = Send("POST", path + "/cancel", R"({"reason":"no need"})");
  EXPECT_EQ(canceled.status, 200);
  EXPECT_EQ(Text(canceled, "status"), "canceled");
  const HttpReply again = Send("POST", path + "/cancel");
  EXPECT_EQ(again.status, 200) << "canceling twice is no mistake";

  const HttpReply late = Send("PATCH", path, R"({"priority":1})");
  EXPECT_EQ(late.status, 409);
  EXPECT_EQ(Text(late, "detail"),
            "The job is canceled; only one that waits can be changed. Nothing was changed.");

  const HttpReply retried = Send("POST", path + "/retry");
  EXPECT_EQ(retried.status, 200);
  EXPECT_EQ(Text(retried, "status"), "queued");
  EXPECT_EQ(Send("DELETE", path).status, 409) << "it waits";
  Send("POST", path + "/cancel");
  const HttpReply purged = Send("DELETE", path);
  EXPECT_EQ(purged.status, 204);
  EXPECT_EQ(purged.body, "");
  EXPECT_EQ(client_.Get(path).status, 404);

  const HttpReply audit = client_.Get("/audit?target=" + id);
  ASSERT_EQ(audit.status, 200) << audit.body;
  EXPECT_EQ(audit.Json().at("audit").as_array().size(), 5U) << audit.body;
  EXPECT_EQ(Text(audit, "next_before"), "null");
}

TEST_F(ServerOperateTest, ASucceededJobRunsAgainOnlyWhenToldSo) {
  const std::string id = Submit();
  sql_.Run(
      "with r as (delete from djps.ready returning *) insert into djps.outcomes "
      "(id, finished_at, status, lane, attempts) select id, now(), 'succeeded', 0, 1 from r");
  EXPECT_EQ(Send("POST", "/jobs/" + id + "/cancel").status, 409);
  EXPECT_EQ(Send("POST", "/jobs/" + id + "/retry").status, 409);
  EXPECT_EQ(Send("POST", "/jobs/" + id + "/retry", R"({"runAgain":true})").status, 200);
}

TEST_F(ServerOperateTest, QueuesPauseResumeAndRefuseWhatIsTooMuch) {
  EXPECT_EQ(Text(Send("POST", "/queues/a%2Fb/pause"), "changed"), "true");
  EXPECT_EQ(Text(Send("POST", "/queues/a%2Fb/pause"), "changed"), "false");
  EXPECT_EQ(sql_.Value("select name from djps.queues where paused_at is not null"), "a/b");
  EXPECT_EQ(Text(Send("POST", "/queues/a%2Fb/resume"), "changed"), "true");

  EXPECT_EQ(Text(Send("PUT", "/queues/small", R"({"maxBacklog":1})"), "max_backlog"), "1");
  Submit(R"({"type":"t","queue":"small"})");
  Send("PUT", "/queues/small", R"({"maxBacklog":1})");  // asks again at once
  const HttpReply full = client_.Post("/jobs", R"({"type":"t","queue":"small"})");
  EXPECT_EQ(full.status, 429);
  EXPECT_EQ(full.Header("Retry-After"), "1");
  EXPECT_EQ(Text(full, "detail"),
            "The queue small has 1 jobs waiting, which is its limit. Nothing was stored.");
  Submit();
  Send("PUT", "/queues/small", R"({"maxBacklog":null})");
  Submit(R"({"type":"t","queue":"small"})");
}

TEST_F(ServerOperateTest, RetryPoliciesOfTypes) {
  EXPECT_EQ(Send("PUT", "/retry-policies/mail", R"({"kind":"list","delaysMs":[1000,2000]})").status,
            200);
  EXPECT_EQ(Text(client_.Get("/retry-policies"), "retry_policies"),
            R"([{"type":"mail","policy":{"kind":"list","delays_ms":[1000,2000]}}])");
  EXPECT_EQ(Send("DELETE", "/retry-policies/mail").status, 204);
  EXPECT_EQ(Text(client_.Get("/retry-policies"), "retry_policies"), "[]");
}

TEST_F(ServerOperateTest, RetentionOfQueuesAndStatuses) {
  const std::string all = R"({"queue":"*","status":"succeeded","keep_ms":604800000},)"
                          R"({"queue":"*","status":"canceled","keep_ms":604800000},)"
                          R"({"queue":"*","status":"dead","keep_ms":null})";
  EXPECT_EQ(Text(client_.Get("/retention"), "retention"), "[" + all + "]");
  const auto set = [&](const std::string& body) {
    const HttpReply reply = Send("PUT", "/retention", body);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return Text(reply, "retention");
  };
  EXPECT_EQ(set(R"({"queue":"mail","status":"dead","keepMs":86400000})"),
            "[" + all + R"(,{"queue":"mail","status":"dead","keep_ms":86400000}])");
  EXPECT_EQ(set(R"({"queue":"mail","status":"dead","forever":true})"),
            "[" + all + R"(,{"queue":"mail","status":"dead","keep_ms":null}])");
  EXPECT_EQ(set(R"({"queue":"mail","status":"dead","inherit":true})"), "[" + all + "]");
  EXPECT_EQ(set(R"({"queue":"mail","status":"dead","inherit":true})"), "[" + all + "]");
  set(R"({"status":"succeeded","keep_ms":3600000})");
  EXPECT_EQ(sql_.Value("select keep from djps.retention where status = 'succeeded'"), "01:00:00");
  EXPECT_EQ(sql_.Value("select string_agg(target || ' ' || (detail ->> 'before') || ' ' || "
                       "(detail ->> 'after'), ', ' order by id) from djps.audit "
                       "where action = 'retention'"),
            "mail inherit 24:00:00, mail 24:00:00 forever, mail forever inherit, "
            "* 7 days 01:00:00");
}

TEST_F(ServerOperateTest, BadRequestsAreRefusedAndChangeNothing) {
  struct Case {
    std::string method, path, body;
    int status;
  };
  const std::string id = Submit();
  const std::string unknown = "/jobs/01900000-0000-7000-8000-000000000000";
  const std::vector<Case> cases = {
      {"POST", "/jobs/nonsense/cancel", "", 400},
      {"POST", unknown + "/cancel", "", 404},
      {"POST", "/jobs/" + id + "/cancel", "{", 400},
      {"POST", "/jobs/" + id + "/cancel", R"({"reason":5})", 422},
      {"POST", "/jobs/" + id + "/cancel", R"({"why":"x"})", 422},
      {"POST", "/jobs/nonsense/retry", "", 400},
      {"POST", unknown + "/retry", "", 404},
      {"POST", "/jobs/" + id + "/retry", R"({"runAgain":"yes"})", 422},
      {"PATCH", "/jobs/nonsense", R"({"priority":1})", 400},
      {"PATCH", unknown, R"({"priority":1})", 404},
      {"PATCH", "/jobs/" + id, "{}", 422},
      {"PATCH", "/jobs/" + id, R"({"priority":40000})", 422},
      {"PATCH", "/jobs/" + id, R"({"runAt":"soon"})", 422},
      {"PATCH", "/jobs/" + id, R"({"payload":1e999999})", 422},
      {"PATCH", "/jobs/" + id, R"({"maxAttempts":0})", 422},
      {"DELETE", "/jobs/nonsense", "", 400},
      {"DELETE", unknown, "", 404},
      {"POST", "/queues/a%20b/pause", "", 422},
      {"POST", "/queues/a%20b/resume", "", 422},
      {"PUT", "/queues/q", R"({"maxBacklog":0})", 422},
      {"PUT", "/queues/q", "{}", 422},
      {"PUT", "/queues/q", "", 422},
      {"PUT", "/queues/q", R"({"maxBacklog":"many"})", 422},
      {"PUT", "/retry-policies/a%20b", R"({"kind":"fixed","delayMs":1})", 422},
      {"PUT", "/retry-policies/t", R"({"kind":"fixed","delayMs":-1})", 422},
      {"GET", "/retention?queue=q", "", 422},
      {"PUT", "/retention", "{", 400},
      {"PUT", "/retention", "{}", 422},
      {"PUT", "/retention", R"({"status":"dead"})", 422},
      {"PUT", "/retention", R"({"status":"dead","keepMs":null})", 422},
      {"PUT", "/retention", R"({"keepMs":86400000})", 422},
      {"PUT", "/retention", R"({"status":"queued","keepMs":86400000})", 422},
      {"PUT", "/retention", R"({"status":"lost","keepMs":86400000})", 422},
      {"PUT", "/retention", R"({"status":"dead","keepMs":3599999})", 422},
      {"PUT", "/retention", R"({"status":"dead","keepMs":316224000001})", 422},
      {"PUT", "/retention", R"({"status":"dead","keepMs":"7d"})", 422},
      {"PUT", "/retention", R"({"status":"dead","keepMs":86400000,"forever":true})", 422},
      {"PUT", "/retention", R"({"status":"dead","forever":true,"inherit":true})", 422},
      {"PUT", "/retention", R"({"status":"dead","forever":"yes"})", 422},
      {"PUT", "/retention", R"({"status":"dead","inherit":true})", 422},
      {"PUT", "/retention", R"({"status":"dead","queue":"a b","forever":true})", 422},
      {"PUT", "/retention", R"({"status":"dead","queue":"q","keep":1})", 422},
      {"GET", "/audit?limit=0", "", 422},
      {"GET", "/audit?limt=5", "", 422},
      {"GET", "/audit?before=x", "", 422}};
  for (const Case& bad : cases) {
    const HttpReply reply = Send(bad.method, bad.path, bad.body);
    EXPECT_EQ(reply.status, bad.status) << bad.method << " " << bad.path << " " << bad.body;
    EXPECT_EQ(reply.Header("Content-Type"), "application/problem+json") << bad.path;
  }
  EXPECT_EQ(sql_.Value("select count(*) from djps.audit"), "0");
  EXPECT_EQ(Text(client_.Get("/jobs/" + id), "status"), "queued");
}

}  // namespace
}  // namespace djps::test_support
