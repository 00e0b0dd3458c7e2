// The size of one answer is bounded, however large the jobs are.
#include <fmt/format.h>

#include <set>

#include "store/claims/claim_gatherer.h"
#include "support/work_api.h"

namespace djps::test_support {
namespace {

constexpr std::size_t kPageBytesMax = 8U << 20U;

class ServerBoundsTest : public WorkApiTest {
 protected:
  static std::string Large(char letter = 'x') { return '"' + std::string(900'000, letter) + '"'; }

  /// Jobs that have ended with a large result.
  std::set<std::string> EndedJobs(std::size_t count) {
    std::set<std::string> ids;
    for (const SubmittedJob& job : Enqueue(std::vector<NewJob>(count, {.type = "t"}))) {
      ids.insert(job.id.ToString());
    }
    const store::ClaimedBatch batch = Claim(count);
    for (const store::ClaimedJob& job : batch.jobs) Complete(batch.lease, job.id, Large());
    return ids;
  }

  /// Walks all pages; each is bounded, and none is empty.
  std::set<std::string> Walk(const std::string& query, std::size_t& pages) {
    std::set<std::string> ids;
    std::string cursor;
    for (pages = 1; pages < 100; ++pages) {
      const HttpReply reply = client_.Get("/jobs?limit=1000&" + query + cursor);
      EXPECT_EQ(reply.status, 200) << reply.body.substr(0, 500);
      EXPECT_LT(reply.body.size(), kPageBytesMax);
      const json::object page = reply.Json().as_object();
      EXPECT_FALSE(page.at("jobs").as_array().empty());
      for (const json::value& job : page.at("jobs").as_array()) {
        EXPECT_TRUE(ids.insert(TextOf(job.as_object(), "id")).second);
      }
      EXPECT_TRUE(page.at("scanned_to").is_null());
      if (page.at("next_cursor").is_null()) return ids;
      cursor = "&cursor=" + TextOf(page, "next_cursor");
    }
    return ids;
  }
};

TEST_F(ServerBoundsTest, APageEndsWhereItsBytesEndAndTheNextGoesOn) {
  const auto ids = EndedJobs(20);
  std::size_t pages = 0;
  EXPECT_EQ(Walk("status=succeeded", pages), ids);
  EXPECT_GE(pages, 4U);
  EXPECT_EQ(Walk("order=oldest", pages), ids);
  // 12 KB each as they are stored: what counts is the text.
  EXPECT_LT(sql_.Value("select max(pg_column_size(result)) from djps.outcomes").size(), 6U);
}

TEST_F(ServerBoundsTest, PayloadsCountWhereTheyAreAskedFor) {
  std::vector<NewJob> jobs(20, {.type = "t", .payload = Large()});
  jobs[7].payload = "1";
  Enqueue(jobs);
  std::size_t pages = 0;
  EXPECT_EQ(Walk("payload=true", pages).size(), 20U);
  EXPECT_GE(pages, 4U);
  EXPECT_EQ(Walk("order=next&status=queued&payload=true", pages).size(), 20U);
  EXPECT_GE(pages, 4U);
  EXPECT_EQ(Walk("payload=false", pages).size(), 20U);
  EXPECT_EQ(pages, 1U);
}

TEST_F(ServerBoundsTest, BulkActionsReadNoLargeValue) {
  EndedJobs(20);
  const json::object bulk =
      Ok("/jobs/bulk",
         R"({"action":"purge","dryRun":true,"filter":{"type":"t","status":["succeeded"]}})");
  EXPECT_EQ(bulk.at("matched"), 20);
  EXPECT_TRUE(bulk.at("next_cursor").is_null());
}

TEST_F(ServerBoundsTest, OfVeryManyAttemptsTheLatestAreShown) {
  const std::string id = EnqueueOne({.type = "t"}).ToString();
  sql_.Run(
      "insert into djps.attempts (job_id, started_at, ended_at, lane, attempt, error_class, "
      "message, detail, worker) select '" +
      id +
      "', now(), now() + n * interval '1 ms', 0, n, 'c', 'm', repeat('d', 8192), 'w' "
      "from generate_series(1, 1000) n");
  const HttpReply reply = client_.Get("/jobs/" + id + "/attempts");
  EXPECT_LT(reply.body.size(), kPageBytesMax);
  const json::value answer = reply.Json();
  const json::array& attempts = answer.at("attempts").as_array();
  EXPECT_GT(attempts.size(), 400U);
  EXPECT_EQ(attempts.back().at("attempt"), 1'000);
}

TEST_F(ServerBoundsTest, AClaimBringsNoMoreLargeJobsThanFitIntoItsAnswer) {
  Enqueue(std::vector<NewJob>(30, {.type = "t", .payload = Large()}));
  EXPECT_EQ(ClaimSome(1).size(), 1U);
  const std::size_t some = ClaimSome(100).size();
  EXPECT_GE(some, 2U);
  EXPECT_LE(some, 9U);
  EXPECT_EQ(ClaimSome(100).size(), some) << "and so do later ones";
}

TEST_F(ServerBoundsTest, AFirstClaimOfLargeJobsIsBoundedToo) {
  Enqueue(std::vector<NewJob>(40, {.type = "t", .payload = Large()}));
  const HttpReply reply = Post("/worker/claim", R"({"worker":"w","types":["t"],"max":100})");
  ASSERT_EQ(reply.status, 200);
  EXPECT_EQ(JobsOf(reply.Json().as_object()).size(), store::ClaimGatherer::kFirstJobsMax);
  EXPECT_LT(reply.body.size(), 34U << 20U);
  EXPECT_LE(ClaimSome(100).size(), 9U);
}

TEST_F(ServerBoundsTest, ASmallJobBetweenLargeOnesDoesNotHideThem) {
  std::vector<NewJob> jobs(30, {.type = "t", .payload = Large()});
  jobs[1].payload = "1";
  Enqueue(jobs);
  ASSERT_EQ(ClaimSome(1).size(), 1U);
  ASSERT_EQ(ClaimSome(1).size(), 1U);
  EXPECT_LE(ClaimSome(100).size(), 18U);
}

TEST_F(ServerBoundsTest, OfSmallJobsTheSecondClaimBringsAllThatWereAskedFor) {
  Enqueue(std::vector<NewJob>(130, {.type = "t"}));
  EXPECT_EQ(ClaimSome(100).size(), store::ClaimGatherer::kFirstJobsMax);
  EXPECT_EQ(ClaimSome(100).size(), 100U);
}

TEST_F(ServerBoundsTest, APageOfALogEndsWhereItsBytesEnd) {
  const HeldJob job = Hold();
  // As JSON each of these characters takes six bytes.
  sql_.Run("insert into djps.log_lines (job_id, at, line, lane, attempt, level, message) select '" +
           job.id +
           "', now(), n, 0, 1, 'info', repeat(chr(1), 4096) from generate_series(1, 1000) n");
  const std::string path = "/jobs/" + job.id + "/logs?after=";
  int last = 0;
  int pages = 0;
  for (; pages < 100; ++pages) {
    const HttpReply reply = client_.Get(path + std::to_string(last));
    ASSERT_EQ(reply.status, 200);
    EXPECT_LT(reply.body.size(), kPageBytesMax);
    const json::object page = reply.Json().as_object();
    for (const json::value& line : page.at("lines").as_array()) {
      EXPECT_EQ(line.at("line"), ++last) << "none is left out, none comes twice";
    }
    if (page.at("next_after").is_null()) break;
    EXPECT_EQ(page.at("next_after"), last);
  }
  EXPECT_EQ(last, 1'000);
  EXPECT_GE(pages, 5);
}

TEST_F(ServerBoundsTest, APageOfTheAuditEndsWhereItsBytesEnd) {
  // One entry is larger than a page may be, and comes alone.
  sql_.Run(
      "insert into djps.audit (actor, action, target, detail) select 'a', 'edit', 'q', "
      "to_jsonb(repeat('x', case n when 7 then 5000000 else 100000 end)) "
      "from generate_series(1, 100) n");
  std::set<std::int64_t> ids;
  std::string before;
  int pages = 0;
  for (; pages < 100; ++pages) {
    const HttpReply reply = client_.Get("/audit?limit=1000&target=q" + before);
    ASSERT_EQ(reply.status, 200);
    EXPECT_LT(reply.body.size(), kPageBytesMax);
    const json::object page = reply.Json().as_object();
    EXPECT_FALSE(page.at("audit").as_array().empty());
    for (const json::value& entry : page.at("audit").as_array()) {
      EXPECT_TRUE(ids.insert(entry.at("id").as_int64()).second);
    }
    if (page.at("next_before").is_null()) break;
    before = fmt::format("&before={}", page.at("next_before").as_int64());
  }
  EXPECT_EQ(ids.size(), 100U);
  EXPECT_GE(pages, 3);
}

TEST_F(ServerBoundsTest, AnswersThatNobodyTakesHaveABound) {
  EndedJobs(5);
  ApiServer server(conninfo_, {.answers_bytes_max = 6U << 20U});
  // More than the kernel keeps for a client that does not read.
  constexpr int kRequests = 12;
  HttpClient slow = server.Connect();
  std::string requests;
  for (int i = 0; i < kRequests; ++i) requests += "GET /jobs HTTP/1.1\r\nHost: localhost\r\n\r\n";
  slow.SendRaw(requests);

  HttpClient other = server.Connect();
  HttpReply reply;
  ASSERT_TRUE(RunUntil(io_, [&] { return (reply = other.Get("/jobs")).status == 503; }));
  EXPECT_NE(reply.body.find("Answers that other clients have not read"), std::string::npos);
  EXPECT_NE(reply.Header("Retry-After"), "");
  EXPECT_EQ(other.Get("/jobs?limit=1&type=none").status, 200) << "small ones are not counted";

  for (int i = 0; i < kRequests; ++i) {
    const int status = slow.ReadReply().status;
    EXPECT_TRUE(status == 200 || status == 503) << status;
  }
  EXPECT_TRUE(RunUntil(io_, [&] { return other.Get("/jobs").status == 200; }));
}

TEST_F(ServerBoundsTest, AFailureWhoseTextsCannotBeStoredEndsTheAttemptAtOnce) {
  const HeldJob job = Hold();
  const json::object failed =
      Ok("/worker/fail", job.With(",\"errorClass\":\"a\\u0000b\",\"message\":\"half \\ud800 \xff\","
                                  "\"detail\":\"\\ud83d\\ude00 \\\\u0000\""));
  EXPECT_EQ(failed.at("jobs").at(0).at("status"), "failed");
  EXPECT_EQ(sql_.Value("select error_class || '|' || message || '|' || detail from djps.attempts"),
            "a\ufffd"
            "b|half \ufffd \ufffd|\U0001f600 \\u0000");
}

TEST_F(ServerBoundsTest, ResultsAndCheckpointsCountTheirNumbersAsTheyArePrinted) {
  std::string numbers = "[";
  for (int i = 0; i < 3'000; ++i) numbers += "1e131071,";
  numbers.back() = ']';
  const HeldJob job = Hold();
  const HttpReply result = Post("/worker/complete", job.With(",\"result\":" + numbers));
  EXPECT_EQ(result.status, 422);
  EXPECT_NE(result.body.find("result must be at most 1048576 bytes"), std::string::npos);
  const HttpReply note =
      Post("/worker/progress", job.With(",\"percent\":1,\"checkpoint\":1e70000"));
  EXPECT_EQ(note.status, 422);
  EXPECT_NE(note.body.find("checkpoint must be at most 65536 bytes"), std::string::npos);
  const std::string waits = EnqueueOne({.type = "t"}).ToString();
  const HttpReply edit = client_.Send("PATCH", "/jobs/" + waits, "{\"payload\":" + numbers + "}");
  EXPECT_EQ(edit.status, 422);
  EXPECT_NE(edit.body.find("payload must be at most 1048576 bytes"), std::string::npos);
  EXPECT_EQ(StatusOf(job.id), "running");
}

TEST_F(ServerBoundsTest, AResultMayNestAsDeepAsAPayload) {
  const std::string deep = std::string(64, '[') + std::string(64, ']');
  const HeldJob job = Hold();
  Ok("/worker/complete", "{\"jobs\":[" + job.With(",\"result\":" + deep) + "]}");
  EXPECT_EQ(sql_.Value("select result from djps.outcomes"), deep);
  const HeldJob next = Hold();
  const HttpReply deeper = Post("/worker/complete", next.With(",\"result\":[" + deep + "]"));
  EXPECT_EQ(deeper.status, 422);
  EXPECT_NE(deeper.body.find("nests deeper than 64 levels"), std::string::npos);
}

}  // namespace
}  // namespace djps::test_support
