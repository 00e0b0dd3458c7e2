// What clients send and get back: submissions, replays, batches, reading jobs.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <barrier>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/validation.h"
#include "pg/session.h"
#include "store/statements.h"
#include "support/api_server.h"
#include "support/bad_submissions.h"
#include "support/file_limit.h"
#include "support/postgres.h"
#include "support/store_fixture.h"

namespace djps::test_support {
namespace {

namespace json = boost::json;

std::string Text(const json::object& object, std::string_view name) {
  return std::string(object.at(name).as_string());
}

/// The answers to a thousand clients that send `body` at once.
std::vector<HttpReply> SubmitAThousandTimes(std::uint16_t port, const std::string& body) {
  constexpr std::size_t kSubmissions = 1000;
  constexpr std::size_t kThreads = 4;
  const FileLimit room(4 * kSubmissions);
  const std::string request = fmt::format(
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{}", body.size(), body);
  std::vector<HttpReply> replies(kSubmissions);
  std::barrier all_connected(kThreads);
  const auto submit = [&](std::size_t first) {
    const auto io = std::make_shared<boost::asio::io_context>(1);
    std::deque<HttpClient> clients;
    for (std::size_t i = first; i < kSubmissions; i += kThreads) {
      clients.emplace_back(port, io);
    }
    all_connected.arrive_and_wait();
    // All are sent before any answer is read.
    for (HttpClient& client : clients) client.SendRaw(request);
    for (std::size_t i = first; i < kSubmissions; i += kThreads) {
      replies[i] = clients[i / kThreads].ReadReply();
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) threads.emplace_back(submit, t);
  for (std::thread& thread : threads) thread.join();
  return replies;
}

class ServerJobsTest : public testing::Test {
 protected:
  std::string JobCount() { return sql_.Value("select count(*) from djps.jobs"); }

  std::string conninfo_ = Postgres().NewDatabase();
  pg::Session sql_{conninfo_};
  ApiServer server_{conninfo_};
  HttpClient client_ = server_.Connect();
};

TEST_F(ServerJobsTest, HealthTellsVersionAndSchema) {
  for (const char* path : {"/health", "/health/ready"}) {
    const HttpReply reply = client_.Get(path);
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(
        reply.body,
        fmt::format(
            R"({{"ok":true,"status":"ok","database":"ok","version":"0.1.0","schema_version":{}}})",
            sql::Migrations().back().version));
  }
  EXPECT_EQ(client_.Get("/health/live").body, R"({"ok":true,"status":"ok"})");
}

TEST_F(ServerJobsTest, AServerIsReadyOnlyOnASchemaThatFits) {
  sql_.Run("update djps.migrations set version = version + 1000");
  EXPECT_EQ(client_.Get("/health/ready").status, 200) << "a newer one: an upgrade is under way";
  sql_.Run("update djps.migrations set version = version - 1001 where version > 1001");
  sql_.Run("delete from djps.migrations where version > 1000");
  const HttpReply old = client_.Get("/health/ready");
  EXPECT_EQ(old.status, 503);
  EXPECT_NE(old.body.find("djps migrate up"), std::string::npos) << old.body;
  EXPECT_EQ(client_.Get("/health/live").status, 200) << "to restart it would not help";
}

TEST_F(ServerJobsTest, ADatabaseThatIsReadOnlyByDefaultIsWrittenAllTheSame) {
  const std::string name = sql_.Value("select current_database()");
  sql_.Run(fmt::format("alter database {} set default_transaction_read_only = on", name));
  ApiServer server(conninfo_);
  HttpClient client = server.Connect();
  EXPECT_EQ(client.Get("/health").status, 200) << "sessions pin what they need";
  EXPECT_EQ(client.Get("/health/ready").status, 200);
  EXPECT_EQ(client.Post("/jobs", R"({"type":"t"})").status, 201);
}

TEST_F(ServerJobsTest, StoresTheFirstExampleOfTheReadme) {
  const HttpReply reply = client_.Post(
      "/jobs", R"({"type":"email_send","payload":{"to":"a@b.com"},"idempotencyKey":"abc-123"})");
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(reply.Header("Content-Type"), "application/json");
  EXPECT_EQ(reply.Header("Idempotency-Replayed"), "");
  const json::object job = reply.Json().as_object();
  EXPECT_EQ(reply.Header("Location"), "/jobs/" + Text(job, "id"));
  EXPECT_EQ(Text(job, "type"), "email_send");
  EXPECT_EQ(Text(job, "queue"), "default");
  EXPECT_EQ(Text(job, "status"), "queued");
  EXPECT_EQ(job.at("payload"), json::value({{"to", "a@b.com"}}));
  EXPECT_EQ(job.at("priority"), 0);
  EXPECT_EQ(job.at("attempts"), 0);
  EXPECT_EQ(job.at("max_attempts"), 25);
  EXPECT_EQ(Text(job, "idempotency_key"), "abc-123");
  EXPECT_TRUE(job.at("finished_at").is_null());
  EXPECT_TRUE(job.at("result").is_null());
  EXPECT_TRUE(job.at("last_error").is_null());
}

TEST_F(ServerJobsTest, ANewJobReadsTheSameLater) {
  const HttpReply created = client_.Post(
      "/jobs", R"({"type":"t","payload":{"b":[1,"\u00e9"],"a":null},"queue":"mail",)"
               R"("run_at":"2035-06-01T12:00:00.123456+02:00","priority":-7,"max_attempts":3})");
  ASSERT_EQ(created.status, 201);
  const HttpReply found = client_.Get(created.Header("Location"));
  EXPECT_EQ(found.status, 200);
  EXPECT_EQ(found.Json(), created.Json());
  const json::object job = found.Json().as_object();
  EXPECT_EQ(Text(job, "run_at"), "2035-06-01T10:00:00.123456Z");
  EXPECT_EQ(job.at("priority"), -7);
  EXPECT_TRUE(job.at("idempotency_key").is_null());
}

TEST_F(ServerJobsTest, AReplayGivesTheFirstJob) {
  const std::string body = R"({"type":"t","payload":{"n":1},"idempotency_key":"k"})";
  const HttpReply first = client_.Post("/jobs", body);
  ASSERT_EQ(first.status, 201);
  // The same value in another spelling is the same payload.
  const HttpReply again =
      client_.Post("/jobs", R"({"idempotencyKey":"k","payload":{ "n" : 1.0 },"type":"t"})");
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.Header("Idempotency-Replayed"), "true");
  EXPECT_EQ(again.Header("Idempotency-Payload-Differs"), "");
  EXPECT_EQ(again.Json(), first.Json());
  const HttpReply other =
      client_.Post("/jobs", R"({"type":"t","payload":{"n":2},"idempotency_key":"k"})");
  EXPECT_EQ(other.status, 200);
  EXPECT_EQ(other.Header("Idempotency-Replayed"), "true");
  EXPECT_EQ(other.Header("Idempotency-Payload-Differs"), "true");
  EXPECT_EQ(other.Json(), first.Json());
  EXPECT_EQ(JobCount(), "1");
}

TEST_F(ServerJobsTest, KeysOfDifferentTypesDoNotMeet) {
  EXPECT_EQ(client_.Post("/jobs", R"({"type":"a","idempotencyKey":"k"})").status, 201);
  EXPECT_EQ(client_.Post("/jobs", R"({"type":"b","idempotencyKey":"k"})").status, 201);
  EXPECT_EQ(client_.Post("/jobs", R"({"type":"b"})").status, 201);
  EXPECT_EQ(JobCount(), "3");
}

TEST_F(ServerJobsTest, PayloadsReachPostgresUnchanged) {
  struct Case {
    std::string_view sent;
    std::string_view stored;  ///< As jsonb prints it.
  };
  const Case cases[] = {
      {"123456789012345678901234567890", "123456789012345678901234567890"},
      {"[9007199254740993, -0, 1.10]", "[9007199254740993, 0, 1.10]"},
      {"0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"},
      {"1e30", "1000000000000000000000000000000"},
      {R"("\u00e9\ud83d\ude00\n\\\"/")", "\"\u00e9\U0001f600\\n\\\\\\\"/\""},
      {R"({"k":1,"k":2})", R"({"k": 2})"},
      {"null", "null"},
      {"\"\"", "\"\""},
      {"[]", "[]"},
  };
  for (const Case& item : cases) {
    SCOPED_TRACE(item.sent);
    const HttpReply reply =
        client_.Post("/jobs", fmt::format(R"({{"type":"t","payload":{}}})", item.sent));
    ASSERT_EQ(reply.status, 201) << reply.body;
    const std::string id = Text(reply.Json().as_object(), "id");
    EXPECT_EQ(sql_.Value(fmt::format("select payload from djps.jobs where id = '{}'", id)),
              item.stored);
  }
  const HttpReply huge = client_.Post("/jobs", R"({"type":"t","payload":1e400})");
  ASSERT_EQ(huge.status, 201);
  const std::string digits = client_.Get(huge.Header("Location")).body;
  EXPECT_NE(digits.find("\"payload\":1" + std::string(400, '0')), std::string::npos);
}

TEST_F(ServerJobsTest, BlamesThePayloadForWhatJsonbCannotHold) {
  const HttpReply reply = client_.Post("/jobs", R"({"type":"t","payload":[1e200000]})");
  EXPECT_EQ(reply.status, 422) << reply.body;
  const json::object error = reply.Json().as_object().at("errors").as_array()[0].as_object();
  EXPECT_EQ(Text(error, "field"), "payload");
  EXPECT_EQ(client_.Post("/jobs/batch", R"({"jobs":[{"type":"t","payload":1e200000}]})").status,
            422);
  EXPECT_EQ(JobCount(), "0");
}

TEST_F(ServerJobsTest, TakesAPayloadOfOneMebibyteInABatch) {
  const std::string payload = "\"" + std::string(kPayloadBytesMax - 2, 'x') + "\"";
  const HttpReply reply =
      client_.Post("/jobs/batch", fmt::format(R"({{"jobs":[{{"type":"t","payload":{0}}},)"
                                              R"({{"type":"t","payload":{0}}}]}})",
                                              payload));
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(JobCount(), "2");
}

TEST_F(ServerJobsTest, RefusesBadBodiesAndStoresNothing) {
  for (const BadSubmission& bad : kBadSubmissions) {
    SCOPED_TRACE(fmt::format("body: {}", bad.body));
    const HttpReply reply = client_.Post("/jobs", bad.body);
    EXPECT_EQ(reply.status, bad.status) << reply.body;
    EXPECT_EQ(reply.Header("Content-Type"), "application/problem+json");
    EXPECT_FALSE(reply.Header("X-Request-Id").empty());
    const json::object problem = reply.Json().as_object();
    EXPECT_EQ(problem.at("status"), bad.status);
    EXPECT_EQ(Text(problem, "request_id"), reply.Header("X-Request-Id"));
    if (bad.status == 422) {
      EXPECT_EQ(Text(problem.at("errors").as_array().at(0).as_object(), "field"), bad.field);
    }
  }
  EXPECT_EQ(JobCount(), "0");
}

TEST_F(ServerJobsTest, ReadsNoJobThatIsNone) {
  const HttpReply unknown = client_.Get("/jobs/01900000-0000-7000-8000-000000000000");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(Text(unknown.Json().as_object(), "type"), "urn:djps:problem:job-not-found");
  for (const char* id :
       {"1", "not-a-uuid", "01900000-0000-7000-8000-00000000000g", "%27%20or%201",
        "01900000000070008000000000000000", "01900000-0000-7000-8000-0000000000001"}) {
    const HttpReply reply = client_.Get(fmt::format("/jobs/{}", id));
    EXPECT_EQ(reply.status, 400) << id;
    EXPECT_EQ(Text(reply.Json().as_object(), "type"), "urn:djps:problem:malformed-id") << id;
  }
}

TEST_F(ServerJobsTest, ABatchIsStoredInOrder) {
  const HttpReply reply = client_.Post(
      "/jobs/batch",
      R"({"jobs":[{"type":"a","payload":1},{"type":"b","idempotencyKey":"k"},{"type":"c"}]})");
  EXPECT_EQ(reply.status, 201);
  const json::object body = reply.Json().as_object();
  EXPECT_EQ(body.at("created"), 3);
  EXPECT_EQ(body.at("replayed"), 0);
  const json::array& jobs = body.at("jobs").as_array();
  ASSERT_EQ(jobs.size(), 3U);
  const char* types[] = {"a", "b", "c"};
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const std::string id = Text(jobs[i].as_object(), "id");
    EXPECT_EQ(Text(client_.Get("/jobs/" + id).Json().as_object(), "type"), types[i]);
  }
}

TEST_F(ServerJobsTest, ABatchMayHoldReplaysAndItsOwnRepeats) {
  const HttpReply first = client_.Post("/jobs", R"({"type":"t","payload":1,"idempotencyKey":"k"})");
  const HttpReply batch = client_.Post(
      "/jobs/batch", R"({"jobs":[{"type":"t","payload":2,"idempotencyKey":"k"},)"
                     R"({"type":"t","idempotencyKey":"n"},{"type":"t","idempotencyKey":"n"}]})");
  EXPECT_EQ(batch.status, 201);
  const json::array jobs = batch.Json().as_object().at("jobs").as_array();
  EXPECT_EQ(jobs[0].as_object().at("id"), first.Json().as_object().at("id"));
  EXPECT_EQ(jobs[0].as_object().at("replayed"), true);
  EXPECT_EQ(jobs[0].as_object().at("payload_differs"), true);
  EXPECT_EQ(jobs[1].as_object().at("replayed"), false);
  EXPECT_EQ(jobs[2].as_object().at("replayed"), true);
  EXPECT_EQ(jobs[2].as_object().at("id"), jobs[1].as_object().at("id"));
  EXPECT_EQ(batch.Json().as_object().at("created"), 1);
  EXPECT_EQ(batch.Json().as_object().at("replayed"), 2);
  const HttpReply again =
      client_.Post("/jobs/batch", R"({"jobs":[{"type":"t","idempotencyKey":"n"}]})");
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(JobCount(), "2");
}

TEST_F(ServerJobsTest, ABatchWithOneBadItemStoresNothing) {
  std::string items;
  for (int i = 0; i < 500; ++i) items += fmt::format(R"({{"type":"t","idempotencyKey":"{}"}},)", i);
  const HttpReply invalid =
      client_.Post("/jobs/batch", R"({"jobs":[)" + items + R"({"type":"t","priority":"x"}]})");
  EXPECT_EQ(invalid.status, 422);
  const json::object error = invalid.Json().as_object().at("errors").as_array()[0].as_object();
  EXPECT_EQ(Text(error, "field"), "jobs[500].priority");
  EXPECT_EQ(Text(error, "pointer"), "#/jobs/500/priority");
  // This one is found only by Postgres, in the middle of the transaction.
  const HttpReply unstorable =
      client_.Post("/jobs/batch", R"({"jobs":[)" + items + R"({"type":"t","payload":1e200000}]})");
  EXPECT_EQ(unstorable.status, 422);
  EXPECT_EQ(JobCount(), "0");
  EXPECT_EQ(sql_.Value("select count(*) from djps.idempotency_keys"), "0");
}

TEST_F(ServerJobsTest, TakesTenThousandJobsAtOnce) {
  std::string items = R"({"type":"t"})";
  for (int i = 1; i < 10'000; ++i) items += R"(,{"type":"t","payload":{"n":1}})";
  const HttpReply reply = client_.Post("/jobs/batch", R"({"jobs":[)" + items + "]}");
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(reply.Json().as_object().at("created"), 10'000);
  EXPECT_EQ(JobCount(), "10000");
}

TEST_F(ServerJobsTest, AThousandConcurrentSubmissionsOfOneKeyAreOneJob) {
  const auto replies = SubmitAThousandTimes(
      server_.port(), R"({"type":"t","payload":{"n":1},"idempotencyKey":"one"})");
  std::set<std::string> ids;
  int created = 0;
  for (const HttpReply& reply : replies) {
    ASSERT_TRUE(reply.status == 200 || reply.status == 201) << reply.body;
    created += reply.status == 201 ? 1 : 0;
    EXPECT_EQ(reply.Header("Idempotency-Replayed"), reply.status == 200 ? "true" : "");
    ids.insert(Text(reply.Json().as_object(), "id"));
  }
  EXPECT_EQ(created, 1);
  EXPECT_EQ(ids.size(), 1U);
  EXPECT_EQ(JobCount(), "1");
}

TEST_F(ServerJobsTest, AThousandConcurrentSubmissionsOfAUniqueJobAreOneJob) {
  const auto replies = SubmitAThousandTimes(
      server_.port(), R"({"type":"t","payload":{"n":1},"unique":{"fields":["n"]}})");
  std::set<std::string> ids;
  int created = 0;
  for (const HttpReply& reply : replies) {
    ASSERT_TRUE(reply.status == 200 || reply.status == 201) << reply.body;
    created += reply.status == 201 ? 1 : 0;
    EXPECT_EQ(reply.Header("Unique-Conflict"), reply.status == 200 ? "existing" : "");
    ids.insert(Text(reply.Json().as_object(), "id"));
  }
  EXPECT_EQ(created, 1);
  EXPECT_EQ(ids.size(), 1U);
  EXPECT_EQ(JobCount(), "1");
}

/// Jobs that a worker has changed.
class ServerReadTest : public StoreTest {
 protected:
  json::object Read(Uuid id) {
    const HttpReply reply = server_.Connect().Get("/jobs/" + id.ToString());
    EXPECT_EQ(reply.status, 200);
    return reply.Json().as_object();
  }

  ApiServer server_{conninfo_};
};

TEST_F(ServerReadTest, ShowsTheResultOfAJobThatSucceeded) {
  const Uuid id = EnqueueOne({.type = "t"});
  const store::ClaimedBatch batch = Claim();
  EXPECT_EQ(Text(Read(id), "status"), "running");
  ASSERT_EQ(Complete(batch.lease, id, R"({"sum": 3})").size(), 1U);
  const json::object job = Read(id);
  EXPECT_EQ(Text(job, "status"), "succeeded");
  EXPECT_EQ(job.at("attempts"), 1);
  EXPECT_EQ(job.at("result"), json::value({{"sum", 3}}));
  EXPECT_TRUE(job.at("finished_at").is_string());
  EXPECT_TRUE(job.at("last_error").is_null());
}

TEST_F(ServerReadTest, ShowsTheLastErrorOfAJobThatDied) {
  const Uuid id = EnqueueOne({.type = "t"});
  const store::ClaimedBatch batch = Claim();
  ASSERT_EQ(Fail(batch.lease, id, false).size(), 1U);
  const json::object job = Read(id);
  EXPECT_EQ(Text(job, "status"), "dead");
  EXPECT_TRUE(job.at("result").is_null());
  EXPECT_EQ(Text(job.at("last_error").as_object(), "class"), "boom");
  EXPECT_EQ(Text(job.at("last_error").as_object(), "message"), "it broke");
}

}  // namespace
}  // namespace djps::test_support
