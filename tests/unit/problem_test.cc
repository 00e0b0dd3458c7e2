#include "server/http/problem.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <set>
#include <string>

namespace djps::server {
namespace {

namespace json = boost::json;

constexpr ProblemKind kAllKinds[] = {
    ProblemKind::kMalformedRequest,   ProblemKind::kMalformedJson,
    ProblemKind::kMalformedId,        ProblemKind::kUnknownPath,
    ProblemKind::kJobNotFound,        ProblemKind::kMethodNotAllowed,
    ProblemKind::kRequestTimeout,     ProblemKind::kBodyTooLarge,
    ProblemKind::kUriTooLong,         ProblemKind::kUnsupportedMediaType,
    ProblemKind::kValidationFailed,   ProblemKind::kHeadersTooLarge,
    ProblemKind::kInternal,           ProblemKind::kUnavailable,
    ProblemKind::kTooManyConnections, ProblemKind::kUnauthorized,
    ProblemKind::kForbidden,          ProblemKind::kTokenNotFound,
    ProblemKind::kTokenNameTaken,     ProblemKind::kOverloaded,
    ProblemKind::kAuditNotFound,
};

std::string HeaderOf(const Response& response, std::string_view name) {
  for (const Header& header : response.headers) {
    if (header.name == name) return header.value;
  }
  return {};
}

TEST(ProblemTest, EveryKindMakesADocumentOfItsOwnType) {
  std::set<std::string> types;
  for (const ProblemKind kind : kAllKinds) {
    const Response response = ProblemResponse({kind, "What \"happened\"."}, "req-1");
    EXPECT_EQ(response.content_type, "application/problem+json");
    const json::object body = json::parse(response.body).as_object();
    EXPECT_EQ(body.at("status").as_int64(), response.status);
    EXPECT_TRUE(body.at("type").as_string().starts_with("urn:djps:problem:"));
    EXPECT_FALSE(body.at("title").as_string().empty());
    EXPECT_FALSE(body.at("code").as_string().empty());
    EXPECT_EQ(body.at("detail").as_string(), "What \"happened\".");
    EXPECT_EQ(body.at("request_id").as_string(), "req-1");
    EXPECT_FALSE(body.contains("errors"));
    types.insert(std::string(body.at("type").as_string()));
  }
  EXPECT_EQ(types.size(), std::size(kAllKinds));
}

TEST(ProblemTest, ListsFieldsWithPointers) {
  FieldProblems problems;
  problems.Add(JsonPath().Member("priority"), "must be an integer, got \"high\"");
  problems.Add(JsonPath().Member("payload").Member("a").Index(2), "holds a NUL character");
  const Response response = ProblemResponse(ValidationProblem(std::move(problems)), "r");
  EXPECT_EQ(response.status, 422);
  EXPECT_EQ(response.body,
            R"({"type":"urn:djps:problem:validation-failed",)"
            R"("title":"The request has fields that are wrong","status":422,)"
            R"("detail":"2 fields are wrong; errors lists them.","code":"invalid_argument",)"
            R"("errors":[{"field":"priority","pointer":"#/priority",)"
            R"("detail":"must be an integer, got \"high\""},)"
            R"({"field":"payload.a[2]","pointer":"#/payload/a/2",)"
            R"("detail":"holds a NUL character"}],"request_id":"r"})");
}

TEST(ProblemTest, OneWrongFieldIsTheWholeSentence) {
  FieldProblems problems;
  problems.Add(JsonPath().Member("type"), "is required");
  EXPECT_EQ(ValidationProblem(std::move(problems)).detail, "type is required.");
  FieldProblems body;
  body.Add({}, "must be a JSON object");
  EXPECT_EQ(ValidationProblem(std::move(body)).detail, "the body must be a JSON object.");
}

TEST(ProblemTest, KeepsTwentyErrorsAndCountsTheRest) {
  FieldProblems problems;
  for (int i = 0; i < 25; ++i) problems.Add(JsonPath().Member(fmt::format("f{}", i)), "is wrong");
  problems.Count(5);
  const Problem problem = ValidationProblem(std::move(problems));
  EXPECT_EQ(problem.errors.size(), kFieldProblemsMax);
  EXPECT_EQ(problem.detail, "30 fields are wrong; errors lists the first 20 and leaves off 10.");
}

TEST(ProblemTest, SaysWhenToTryAgainAndWhatIsAllowed) {
  EXPECT_EQ(HeaderOf(ProblemResponse({ProblemKind::kUnavailable, ""}, "r"), "Retry-After"), "1");
  EXPECT_EQ(HeaderOf(ProblemResponse({ProblemKind::kTooManyConnections, ""}, "r"), "Retry-After"),
            "1");
  EXPECT_EQ(HeaderOf(ProblemResponse({ProblemKind::kInternal, ""}, "r"), "Retry-After"), "");
  EXPECT_EQ(HeaderOf(ProblemResponse({ProblemKind::kMethodNotAllowed, "", {}, "GET, HEAD"}, "r"),
                     "Allow"),
            "GET, HEAD");
}

TEST(ResponseTest, HasTheHeadersOfEveryAnswer) {
  std::string out;
  AppendResponse(out, {.status = 201, .headers = {{"Location", "/jobs/1"}}, .body = "{}"},
                 {.request_id = "r-1", .date = "Sun, 06 Nov 1994 08:49:37 GMT"});
  EXPECT_EQ(out,
            "HTTP/1.1 201 Created\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Type: application/json\r\nContent-Length: 2\r\nX-Request-Id: r-1\r\n"
            "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
            "Location: /jobs/1\r\n\r\n{}");
}

TEST(ResponseTest, TellsOldClientsThatTheConnectionStays) {
  std::string kept;
  AppendResponse(kept, {}, {.http_1_0 = true});
  EXPECT_NE(kept.find("Connection: keep-alive\r\n"), std::string::npos);
  std::string closed;
  AppendResponse(closed, {}, {.keep_alive = false, .http_1_0 = true});
  EXPECT_NE(closed.find("Connection: close\r\n"), std::string::npos);
}

TEST(ResponseTest, AnswersHeadWithTheLengthButNotTheBody) {
  std::string out;
  AppendResponse(out, {.body = "12345"}, {.without_body = true});
  EXPECT_NE(out.find("Content-Length: 5\r\n"), std::string::npos);
  EXPECT_TRUE(out.ends_with("\r\n\r\n"));
}

TEST(ResponseTest, DatesAreOfTheRightForm) {
  HttpDate date;
  const std::string now(date.Now());
  ASSERT_EQ(now.size(), std::string("Sun, 06 Nov 1994 08:49:37 GMT").size()) << now;
  EXPECT_TRUE(now.ends_with(" GMT"));
  EXPECT_EQ(now.substr(3, 2), ", ");
}

}  // namespace
}  // namespace djps::server
