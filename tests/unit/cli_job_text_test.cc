#include <gtest/gtest.h>

#include "cli/link/job_text.h"
#include "core/json_members.h"
#include "server/wire/job_json.h"

namespace djps::cli {
namespace {

NewJob FullJob() {
  return {.type = "a/b.c",
          .payload = R"({"n":1e400,"t":"\u20ac,}]\"","l":[1,{"x":2}]})",
          .queue = "q",
          .priority = -5,
          .run_at = Timestamp(std::chrono::microseconds(1'900'000'000'123'456)),
          .max_attempts = 3,
          .idempotency_key = "k \"1\""};
}

void ExpectSame(const NewJob& job, const NewJob& expected) {
  EXPECT_EQ(job.type, expected.type);
  EXPECT_EQ(job.payload, expected.payload);
  EXPECT_EQ(job.queue, expected.queue);
  EXPECT_EQ(job.priority, expected.priority);
  EXPECT_EQ(job.run_at, expected.run_at);
  EXPECT_EQ(job.max_attempts, expected.max_attempts);
  EXPECT_EQ(job.idempotency_key, expected.idempotency_key);
}

TEST(JobTextTest, TheServerUnderstandsWhatWeSend) {
  for (const NewJob& job : {FullJob(), NewJob{.type = "a"}}) {
    const auto read = ReadSubmission(WriteSubmission(job));
    ASSERT_TRUE(read) << read.error().message;
    NewJob expected = job;
    if (job.idempotency_key) expected.payload = R"({"n":1e400,"t":"€,}]\"","l":[1,{"x":2}]})";
    ExpectSame(*read, expected);
  }
}

TEST(JobTextTest, WeUnderstandWhatTheServerShows) {
  JobRecord job =
      server::RecordOf(FullJob(), {.id = *Uuid::Parse("019a2b3c-4d5e-7f60-8123-456789abcdef")});
  job.status = JobStatus::kDead;
  job.attempts = 3;
  job.finished_at = Timestamp(std::chrono::microseconds(1'900'000'001'000'000));
  job.result = "[1, 2]";
  job.last_error = R"({"class":"exit_1"})";
  std::string json;
  server::AppendJob(json, job);
  const auto read = ReadJobRecord(json);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->id, job.id);
  EXPECT_EQ(read->status, JobStatus::kDead);
  EXPECT_EQ(read->attempts, 3);
  EXPECT_EQ(read->finished_at, job.finished_at);
  EXPECT_EQ(read->result, "[1,2]");
  EXPECT_EQ(read->last_error, job.last_error);
  EXPECT_EQ(read->idempotency_key, job.idempotency_key);
}

TEST(JobTextTest, ReadsWhatBecameOfABatch) {
  const Uuid id = *Uuid::Parse("019a2b3c-4d5e-7f60-8123-456789abcdef");
  std::string json;
  server::AppendBatch(json, {{.id = id}, {.id = id, .replayed = true, .payload_differs = true}});
  const auto submitted = ReadBatchAnswer(json);
  ASSERT_TRUE(submitted) << submitted.error().message;
  ASSERT_EQ(submitted->size(), 2U);
  EXPECT_EQ((*submitted)[0].id, id);
  EXPECT_FALSE((*submitted)[0].replayed);
  EXPECT_TRUE((*submitted)[1].replayed);
  EXPECT_TRUE((*submitted)[1].payload_differs);
}

TEST(JobTextTest, RefusesAnswersOfOtherServers) {
  for (const char* text :
       {"", "<html>", "[]", "{}", R"({"id":"x"})", R"({"jobs":{}})", R"({"jobs":[{"id":1}]})"}) {
    EXPECT_FALSE(ReadJobRecord(text)) << text;
    const auto batch = ReadBatchAnswer(text);
    ASSERT_FALSE(batch) << text;
    EXPECT_EQ(batch.error().code, ErrorCode::kInternal);
  }
}

TEST(JsonMembersTest, CutsOnlyAtTheTopLevel) {
  const auto members = SplitObject(R"({ "a" : "x,\"}y" , "b:c" : {"d":[1,2]}, "e": [ ] })");
  ASSERT_TRUE(members) << members.error().message;
  ASSERT_EQ(members->size(), 3U);
  EXPECT_EQ((*members)[0].value, R"("x,\"}y")");
  EXPECT_EQ((*members)[1].name, "b:c");
  EXPECT_EQ((*members)[1].value, R"({"d":[1,2]})");
  EXPECT_EQ((*members)[2].value, "[]");
  EXPECT_TRUE(SplitObject("{}")->empty());
  EXPECT_FALSE(SplitObject("[1]"));
  EXPECT_FALSE(SplitObject("{\"a\":1"));
}

}  // namespace
}  // namespace djps::cli
