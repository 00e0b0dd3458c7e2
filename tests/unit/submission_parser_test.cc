#include "server/wire/submission_parser.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <random>
#include <string>

#include "core/json_text.h"
#include "core/option_limits.h"
#include "core/time_text.h"
#include "core/validation.h"
#include "support/bad_submissions.h"
#include "support/test_seed.h"

namespace djps::server {
namespace {

namespace json = boost::json;
using test_support::BadSubmission;
using test_support::kBadSubmissions;

std::string PayloadOf(std::string_view json_text) {
  const auto job = ParseSubmission(fmt::format(R"({{"type":"t","payload":{}}})", json_text));
  return job ? job->payload : "refused: " + job.error().detail;
}

std::string Nested(std::size_t depth, std::string_view inside = "") {
  return std::string(depth, '[') + std::string(inside) + std::string(depth, ']');
}

/// As ParseSubmission, for a body that comes in pieces of `size` bytes.
tl::expected<std::vector<NewJob>, Problem> ParseInPieces(SubmissionParser::Shape shape,
                                                         std::string_view body, std::size_t size) {
  SubmissionParser parser(shape);
  for (; !body.empty(); body.remove_prefix(std::min(size, body.size()))) {
    // A separate copy, so that a sanitizer sees reads past a piece.
    const std::string piece(body.substr(0, size));
    parser.Feed(piece);
  }
  return parser.Finish();
}

/// Any JSON value whose text is the same after it has been through boost::json.
json::value RandomValue(std::mt19937_64& random, int depth) {
  const auto pick = [&random](std::uint64_t n) { return random() % n; };
  const auto text = [&] {
    std::string out;
    static constexpr std::array<std::string_view, 12> kParts = {
        "a", "Z", "\"", "\\", "/", "\n", "\x01", "\x7f", "\u00e9", "\u20ac", "\U0001f600", " "};
    for (std::uint64_t i = pick(12); i > 0; --i) out += kParts[pick(kParts.size())];
    return out;
  };
  switch (pick(depth > 0 ? 8 : 6)) {
    case 0:
      return nullptr;
    case 1:
      return pick(2) == 0;
    case 2:
      return static_cast<std::int64_t>(random());
    case 3:
      return random();
    case 4:
    case 5:
      return json::value(text());
    case 6: {
      json::array array;
      for (std::uint64_t i = pick(5); i > 0; --i) array.push_back(RandomValue(random, depth - 1));
      return array;
    }
    default: {
      json::object object;
      for (std::uint64_t i = pick(5); i > 0; --i) object[text()] = RandomValue(random, depth - 1);
      return object;
    }
  }
}

TEST(SubmissionParserTest, ReadsEveryFieldInCamelCase) {
  const auto job = ParseSubmission(
      R"({"type":"email_send","payload":{"to":"a@b.com"},"runAt":"2030-01-31T09:00:00.25+01:00",)"
      R"("priority":-5,"maxAttempts":3,"idempotencyKey":"abc-123","queue":"mail/bulk"})");
  ASSERT_TRUE(job) << job.error().detail;
  EXPECT_EQ(job->type, "email_send");
  EXPECT_EQ(job->payload, R"({"to":"a@b.com"})");
  EXPECT_EQ(FormatTimestamp(job->run_at.value()), "2030-01-31T08:00:00.250000Z");
  EXPECT_EQ(job->priority, -5);
  EXPECT_EQ(job->max_attempts, 3);
  EXPECT_EQ(job->idempotency_key, "abc-123");
  EXPECT_EQ(job->queue, "mail/bulk");
}

TEST(SubmissionParserTest, ReadsSnakeCaseNames) {
  const auto job = ParseSubmission(
      R"({"type":"t","run_at":"2030-01-31T08:00:00Z","max_attempts":1000,"idempotency_key":"k"})");
  ASSERT_TRUE(job) << job.error().detail;
  EXPECT_EQ(FormatTimestamp(job->run_at.value()), "2030-01-31T08:00:00.000000Z");
  EXPECT_EQ(job->max_attempts, 1000);
  EXPECT_EQ(job->idempotency_key, "k");
}

TEST(SubmissionParserTest, UsesDefaultsForWhatIsAbsentOrNull) {
  for (const char* body :
       {R"({"type":"t"})", R"({"type":"t","queue":null,"priority":null,"runAt":null,)"
                           R"("maxAttempts":null,"idempotencyKey":null})"}) {
    const auto job = ParseSubmission(body);
    ASSERT_TRUE(job) << body << ": " << job.error().detail;
    EXPECT_EQ(job->payload, "{}");
    EXPECT_EQ(job->queue, "default");
    EXPECT_EQ(job->priority, 0);
    EXPECT_FALSE(job->run_at);
    EXPECT_EQ(job->max_attempts, 25);
    EXPECT_FALSE(job->idempotency_key);
  }
}

TEST(SubmissionParserTest, RefusesBadBodiesNamingTheField) {
  for (const BadSubmission& bad : kBadSubmissions) {
    SCOPED_TRACE(fmt::format("body: {}", bad.body));
    const auto job = ParseSubmission(bad.body);
    ASSERT_FALSE(job);
    EXPECT_EQ(ProblemResponse(job.error(), "r").status, bad.status);
    if (bad.status == 400) {
      EXPECT_TRUE(job.error().errors.empty());
      EXPECT_NE(job.error().detail.find(bad.saying), std::string::npos) << job.error().detail;
    } else {
      ASSERT_FALSE(job.error().errors.empty());
      const FieldProblem& first = job.error().errors.front();
      EXPECT_EQ(first.path.Name(), bad.field);
      EXPECT_NE(first.detail.find(bad.saying), std::string::npos) << first.detail;
      EXPECT_EQ(job.error().errors.size(), 1U);
    }
  }
}

TEST(SubmissionParserTest, ReportsEveryErrorOfARequestAtOnce) {
  const auto job = ParseSubmission(
      R"({"priority":"high","maxAttempts":0,"runAt":"never","colour":1,"id":2,"queue":"a b"})");
  ASSERT_FALSE(job);
  std::vector<std::string> fields;
  for (const FieldProblem& error : job.error().errors) fields.push_back(error.path.Name());
  EXPECT_EQ(fields, (std::vector<std::string>{"type", "priority", "runAt", "maxAttempts", "queue",
                                              "colour", "id"}));
  EXPECT_EQ(job.error().detail, "7 fields are wrong; errors lists them.");
}

TEST(SubmissionParserTest, ListsTwentyErrorsAndSaysHowManyMore) {
  std::string body = R"({"type":"t")";
  for (int i = 0; i < 1000; ++i) body += fmt::format(R"(,"x{}":0)", i);
  const auto job = ParseSubmission(body + "}");
  ASSERT_FALSE(job);
  EXPECT_EQ(job.error().errors.size(), 20U);
  EXPECT_EQ(job.error().detail,
            "1000 fields are wrong; errors lists the first 20 and leaves off 980.");
}

TEST(SubmissionParserTest, KeepsTheTextOfNumbers) {
  for (const char* number :
       {"123456789012345678901234567890", "1e400", "-0", "-0.0", "0.1000", "1E+2", "1e-400",
        "9007199254740993", "18446744073709551616", "-9223372036854775809",
        "3.14159265358979323846264338327950288419716939937510"}) {
    EXPECT_EQ(PayloadOf(number), number);
    EXPECT_EQ(PayloadOf(fmt::format("[{0},{{\"n\":{0}}}]", number)),
              fmt::format("[{0},{{\"n\":{0}}}]", number));
  }
}

TEST(SubmissionParserTest, RefusesAnExponentThatNothingCanHold) {
  EXPECT_EQ(PayloadOf("1e99999999999999999999"),
            "refused: the body holds a number with an absurd exponent (at offset 33).");
}

TEST(SubmissionParserTest, WritesPayloadsWithoutWhiteSpace) {
  EXPECT_EQ(PayloadOf(" { \"a\" : [ 1 , true , null , false ] , \"b\" : { } ,\n\"c\":[ ] } "),
            R"({"a":[1,true,null,false],"b":{},"c":[]})");
  EXPECT_EQ(PayloadOf("null"), "null");
  EXPECT_EQ(PayloadOf("\"text\""), "\"text\"");
  EXPECT_EQ(PayloadOf("[[],[[]],{}]"), "[[],[[]],{}]");
}

TEST(SubmissionParserTest, KeepsStringsWhateverTheirEscapes) {
  EXPECT_EQ(PayloadOf(R"("\u00e9\ud83d\ude00\/\b\f\n\r\t\"\\\u001f")"),
            "\"\u00e9\U0001f600/\\b\\f\\n\\r\\t\\\"\\\\\\u001f\"");
  EXPECT_EQ(PayloadOf("{\"\u00e9\\n\":\"\u20ac\"}"), "{\"\u00e9\\n\":\"\u20ac\"}");
}

TEST(SubmissionParserTest, TheLastOfEqualNamesWins) {
  const auto job = ParseSubmission(R"({"type":"a","priority":"x","priority":2,"type":"b"})");
  ASSERT_TRUE(job) << job.error().detail;
  EXPECT_EQ(job->type, "b");
  EXPECT_EQ(job->priority, 2);
  // Inside the payload jsonb decides, and keeps the last too.
  EXPECT_EQ(PayloadOf(R"({"k":1,"k":2})"), R"({"k":1,"k":2})");
}

TEST(SubmissionParserTest, AnIntegerMayHaveAPointOrAnExponent) {
  const auto job = ParseSubmission(R"({"type":"t","priority":-3.4e1,"maxAttempts":7.0})");
  ASSERT_TRUE(job) << job.error().detail;
  EXPECT_EQ(job->priority, -34);
  EXPECT_EQ(job->max_attempts, 7);
  for (const char* wrong : {"1.5", "1e9", "1e400", "0.1e0"}) {
    EXPECT_FALSE(ParseSubmission(fmt::format(R"({{"type":"t","priority":{}}})", wrong))) << wrong;
  }
}

TEST(SubmissionParserTest, TakesSixtyFourLevelsOfPayloadAndNoMore) {
  EXPECT_EQ(PayloadOf(Nested(kJsonDepthMax)), Nested(kJsonDepthMax));
  EXPECT_NE(PayloadOf(Nested(kJsonDepthMax + 1)).find("nests deeper than 64"), std::string::npos);
  EXPECT_NE(PayloadOf(std::string(100'000, '[')).find("nests deeper"), std::string::npos);
  const auto wrap = [](std::size_t depth) {
    return fmt::format(R"({{"jobs":[{{"type":"t","payload":{}}}]}})", Nested(depth));
  };
  EXPECT_TRUE(ParseBatch(wrap(kJsonDepthMax)));
  EXPECT_FALSE(ParseBatch(wrap(kJsonDepthMax + 1)));
}

TEST(SubmissionParserTest, CountsBytesNotCharactersOfNames) {
  EXPECT_TRUE(ParseSubmission(fmt::format(R"({{"type":"{}"}})", std::string(128, 'a'))));
  EXPECT_FALSE(ParseSubmission(fmt::format(R"({{"type":"{}"}})", std::string(129, 'a'))));
  const std::string two_bytes = "\u00e9";
  std::string key;
  for (int i = 0; i < 127; ++i) key += two_bytes;
  const auto with_key = [](const std::string& text) {
    return ParseSubmission(fmt::format(R"({{"type":"t","idempotencyKey":"{}"}})", text));
  };
  EXPECT_TRUE(with_key(key + "a"));
  EXPECT_FALSE(with_key(key + two_bytes));
}

TEST(SubmissionParserTest, CutsLongValuesInMessages) {
  const auto job =
      ParseSubmission(fmt::format(R"({{"type":"t","priority":"{}"}})", std::string(100'000, 'x')));
  ASSERT_FALSE(job);
  EXPECT_LT(job.error().errors.front().detail.size(), 150U);
}

TEST(SubmissionParserTest, ReadsBodiesCutAnywhere) {
  const std::string body =
      R"({"type":"caf\u0065","payload":{"a\nb":[-12.5e+3,"x\ud83d\ude00y",true,null],"n":)"
      R"(123456789012345678901234567890},"priority":-12,"maxAttempts":7,"colour":{"a":[1]}} )";
  const std::string good = body.substr(0, body.find(",\"colour\"")) + "}";
  const auto whole = ParseSubmission(good);
  ASSERT_TRUE(whole) << whole.error().detail;
  for (std::size_t size = 1; size <= good.size(); ++size) {
    const auto jobs = ParseInPieces(SubmissionParser::Shape::kOneJob, good, size);
    ASSERT_TRUE(jobs) << "pieces of " << size << ": " << jobs.error().detail;
    ASSERT_EQ(jobs->size(), 1U);
    EXPECT_EQ(jobs->front().type, whole->type);
    EXPECT_EQ(jobs->front().payload, whole->payload) << "pieces of " << size;
    EXPECT_EQ(jobs->front().priority, -12);
    EXPECT_EQ(jobs->front().max_attempts, 7);
    const auto refused = ParseInPieces(SubmissionParser::Shape::kOneJob, body, size);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().detail, "colour is not a field of a job.");
  }
}

TEST(SubmissionParserTest, SaysTheSameAboutBadBodiesHoweverTheyAreCut) {
  for (const BadSubmission& bad : kBadSubmissions) {
    const auto whole = ParseSubmission(bad.body);
    const auto cut = ParseInPieces(SubmissionParser::Shape::kOneJob, bad.body, 1);
    ASSERT_FALSE(cut) << bad.body;
    EXPECT_EQ(ProblemResponse(cut.error(), "r").status, bad.status) << bad.body;
    if (bad.status == 400) continue;  // the offset may be that of the piece's end
    EXPECT_EQ(cut.error().detail, whole.error().detail) << bad.body;
  }
}

TEST(SubmissionParserTest, AnyValueComesBackEqual) {
  const std::uint64_t seed = test_support::TestSeed();
  SCOPED_TRACE(fmt::format("DJPS_TEST_SEED={}", seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 5'000; ++i) {
    const json::value value = RandomValue(random, 6);
    const std::string text = json::serialize(value);
    const auto jobs =
        ParseInPieces(SubmissionParser::Shape::kOneJob,
                      fmt::format(R"({{"type":"t","payload":{}}})", text), 1 + random() % 40);
    ASSERT_TRUE(jobs) << text << ": " << jobs.error().detail;
    ASSERT_EQ(json::parse(jobs->front().payload), value) << text;
  }
}

TEST(SubmissionParserTest, SurvivesMangledBodies) {
  const std::uint64_t seed = test_support::TestSeed();
  SCOPED_TRACE(fmt::format("DJPS_TEST_SEED={}", seed));
  std::mt19937_64 random(seed);
  const std::string good =
      R"({"jobs":[{"type":"t","payload":{"a":[1,"\u00e9",{}]},"priority":1}]})";
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string body = good;
    for (std::uint64_t n = 1 + random() % 4; n > 0; --n) {
      body[random() % body.size()] = static_cast<char>(random());
    }
    if (!ParseBatch(body)) ++refused;
    if (!ParseSubmission(body)) ++refused;
  }
  EXPECT_GE(refused, 20'000);  // ParseSubmission takes none of them
}

TEST(BatchParserTest, ReadsJobsInOrder) {
  const auto jobs = ParseBatch(
      R"({"jobs":[{"type":"a","payload":1},{"type":"b","priority":2},{"type":"c","payload":"x"}]})");
  ASSERT_TRUE(jobs) << jobs.error().detail;
  ASSERT_EQ(jobs->size(), 3U);
  EXPECT_EQ((*jobs)[0].type, "a");
  EXPECT_EQ((*jobs)[0].payload, "1");
  EXPECT_EQ((*jobs)[1].type, "b");
  EXPECT_EQ((*jobs)[1].payload, "{}");  // nothing is left over from the job before
  EXPECT_EQ((*jobs)[1].priority, 2);
  EXPECT_EQ((*jobs)[2].payload, "\"x\"");
}

TEST(BatchParserTest, RefusesBadBatchesNamingTheItem) {
  struct Case {
    std::string_view body;
    int status;
    std::string_view field;
    std::string_view pointer;
    std::string_view saying;
  };
  const Case cases[] = {
      {"", 400, "", "", "is empty"},
      {"[]", 422, "", "#", "must be a JSON object"},
      {R"({"jobs":[{"type":"t"})", 400, "", "", "ends in the middle"},
      {"{}", 422, "jobs", "#/jobs", "is required"},
      {R"({"jobs":[]})", 422, "jobs", "#/jobs", "must hold 1 to 10000 jobs, got 0"},
      {R"({"jobs":{"type":"t"}})", 422, "jobs", "#/jobs", "must be an array"},
      {R"({"jobs":"t"})", 422, "jobs", "#/jobs", "must be an array"},
      {R"({"jobs":null})", 422, "jobs", "#/jobs", "must be an array"},
      {R"({"jobs":[{"type":"t"},7]})", 422, "jobs[1]", "#/jobs/1", "must be an object"},
      {R"({"jobs":[[{"type":"t"}]]})", 422, "jobs[0]", "#/jobs/0", "must be an object"},
      {R"({"jobs":[{"type":"t"},{}]})", 422, "jobs[1].type", "#/jobs/1/type", "is required"},
      {R"({"jobs":[{"type":"t"},{"type":"t"},{"type":"t"},{"type":"t","priority":"x"}]})", 422,
       "jobs[3].priority", "#/jobs/3/priority", "must be an integer"},
      {R"({"jobs":[{"type":"t","payload":{"a/b~c d":["\u0000"]}}]})", 422,
       "jobs[0].payload.a/b~c d[0]", "#/jobs/0/payload/a~1b~0c%20d/0", "NUL"},
      {R"({"jobs":[{"type":"t"}],"queue":"q"})", 422, "queue", "#/queue", "not a field of a batch"},
      {R"({"type":"t"})", 422, "type", "#/type", "not a field of a batch"},
  };
  for (const Case& item : cases) {
    SCOPED_TRACE(item.body);
    const auto jobs = ParseBatch(item.body);
    ASSERT_FALSE(jobs);
    EXPECT_EQ(ProblemResponse(jobs.error(), "r").status, item.status);
    if (item.status == 400) {
      EXPECT_NE(jobs.error().detail.find(item.saying), std::string::npos);
      continue;
    }
    const FieldProblem& first = jobs.error().errors.front();
    EXPECT_EQ(first.path.Name(), item.field);
    EXPECT_EQ(first.path.Pointer(), item.pointer);
    EXPECT_NE(first.detail.find(item.saying), std::string::npos) << first.detail;
  }
}

TEST(BatchParserTest, TakesTenThousandJobsAndNoMore) {
  std::string items = R"({"type":"t"})";
  for (std::size_t i = 1; i < kBatchJobsMax; ++i) items += R"(,{"type":"t"})";
  const auto most = ParseBatch(R"({"jobs":[)" + items + "]}");
  ASSERT_TRUE(most) << most.error().detail;
  EXPECT_EQ(most->size(), kBatchJobsMax);
  const auto more = ParseBatch(R"({"jobs":[)" + items + R"(,{"type":"t"},5]})");
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().detail, "jobs must hold 1 to 10000 jobs, got 10002.");
}

TEST(BatchParserTest, RefusesAPayloadAboveTheLimitInsideABatch) {
  const auto batch = [](std::size_t payload_bytes) {
    return fmt::format(R"({{"jobs":[{{"type":"t"}},{{"type":"t","payload":"{}"}}]}})",
                       std::string(payload_bytes - 2, 'x'));
  };
  EXPECT_TRUE(ParseBatch(batch(kPayloadBytesMax)));
  const auto jobs = ParseBatch(batch(kPayloadBytesMax + 1));
  ASSERT_FALSE(jobs);
  EXPECT_EQ(jobs.error().detail,
            "jobs[1].payload must be at most 1048576 bytes of JSON, got 1048577.");
}

TEST(BatchParserTest, ReportsErrorsOfAllItemsUpToTwenty) {
  std::string items;
  for (int i = 0; i < 30; ++i) items += R"({"type":"t","priority":"x"},)";
  items.pop_back();
  const auto jobs = ParseBatch(R"({"jobs":[)" + items + "]}");
  ASSERT_FALSE(jobs);
  EXPECT_EQ(jobs.error().errors.size(), 20U);
  EXPECT_EQ(jobs.error().errors.back().path.Name(), "jobs[19].priority");
  EXPECT_EQ(jobs.error().detail,
            "30 fields are wrong; errors lists the first 20 and leaves off 10.");
}

TEST(BatchParserTest, ReadsBatchesCutAnywhere) {
  const std::string body =
      R"({"jobs":[{"type":"a","payload":[1.5,"\u00e9"]},{"type":"b","idempotencyKey":"k\u0021"}]})";
  for (std::size_t size = 1; size <= body.size(); ++size) {
    const auto jobs = ParseInPieces(SubmissionParser::Shape::kBatch, body, size);
    ASSERT_TRUE(jobs) << "pieces of " << size << ": " << jobs.error().detail;
    ASSERT_EQ(jobs->size(), 2U);
    EXPECT_EQ((*jobs)[0].payload, "[1.5,\"\u00e9\"]");
    EXPECT_EQ((*jobs)[1].idempotency_key, "k!");
  }
}

}  // namespace
}  // namespace djps::server
