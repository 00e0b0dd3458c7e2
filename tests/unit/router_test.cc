#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "server/http/request_head.h"
#include "server/routes/handlers.h"
#include "server/routes/routes.h"

namespace djps::server {
namespace {

using boost::beast::http::verb;
using State = HeadScanner::State;

TEST(RouterTest, FindsTheHandlerOfEachOperation) {
  EXPECT_EQ(FindRoute(verb::get, "/health").route->handler, GetHealth);
  EXPECT_EQ(FindRoute(verb::post, "/jobs").route->handler, SubmitJob);
  EXPECT_EQ(FindRoute(verb::post, "/jobs/batch").route->handler, SubmitBatch);
  EXPECT_EQ(FindRoute(verb::post, "/jobs/bulk").route->handler, ActOnJobs);
  const RouteMatch job = FindRoute(verb::get, "/jobs/0190");
  EXPECT_EQ(job.route->handler, GetJob);
  EXPECT_EQ(job.parameters, std::vector<std::string>{"0190"});
}

TEST(RouterTest, DecodesTheParametersOfAPath) {
  EXPECT_EQ(FindRoute(verb::get, "/jobs/a%2Fb%20c").parameters, std::vector<std::string>{"a/b c"});
  EXPECT_EQ(FindRoute(verb::get, "/jobs/%zz").route, nullptr);
}

TEST(RouterTest, HeadGoesWhereGetDoes) {
  EXPECT_EQ(FindRoute(verb::head, "/health").route->handler, GetHealth);
  EXPECT_EQ(FindRoute(verb::head, "/jobs/x").route->handler, GetJob);
}

TEST(RouterTest, ListsTheMethodsOfAPathThatDoesNotTakeThisOne) {
  EXPECT_EQ(FindRoute(verb::put, "/jobs").allow, "POST, GET, HEAD");
  EXPECT_EQ(FindRoute(verb::put, "/jobs/0190").allow, "GET, HEAD, PATCH, DELETE");
  EXPECT_EQ(FindRoute(verb::options, "/health").allow, "GET, HEAD");
  EXPECT_EQ(FindRoute(verb::unknown, "/jobs").allow, "POST, GET, HEAD");
  EXPECT_EQ(FindRoute(verb::put, "/jobs").route, nullptr);
}

TEST(RouterTest, ALiteralPathIsNoParameter) {
  EXPECT_EQ(FindRoute(verb::get, "/jobs/batch").route, nullptr);
  EXPECT_EQ(FindRoute(verb::get, "/jobs/batch").allow, "POST");
}

TEST(RouterTest, KnowsNothingElse) {
  for (const char* path : {"", "/", "/job", "/jobs/", "/jobs/a/b", "/Jobs", "/jobs/batch/", "*",
                           "/health/", "//jobs", "/../jobs"}) {
    const RouteMatch match = FindRoute(verb::get, path);
    EXPECT_EQ(match.route, nullptr) << path;
    EXPECT_EQ(match.allow, "") << path;
  }
}

TEST(RouterTest, OnlyBatchesMayBeLarge) {
  constexpr Handler kBatches[] = {SubmitBatch, CompleteWork, FailWork, ReportProgress, WriteLogs};
  for (const Route& route : Routes()) {
    const bool batch =
        std::find(std::begin(kBatches), std::end(kBatches), route.handler) != std::end(kBatches);
    EXPECT_EQ(route.body_bytes_max == &ServerConfig::batch_bytes_max, batch) << route.pattern;
  }
}

TEST(RequestHeadTest, FindsTheEndHoweverTheBytesCome) {
  const std::string head = "GET /health HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
  EXPECT_EQ(HeadScanner().Scan(head), State::kComplete);
  HeadScanner scanner;
  for (std::size_t size = 0; size < head.size(); ++size) {
    ASSERT_EQ(scanner.Scan(head.substr(0, size)), State::kIncomplete) << size;
  }
  EXPECT_EQ(scanner.Scan(head), State::kComplete);
}

TEST(RequestHeadTest, RefusesLinesThatOthersMayReadDifferently) {
  EXPECT_EQ(HeadScanner().Scan("GET / HTTP/1.1\nHost: a\n\n"), State::kBareLineFeed);
  EXPECT_EQ(HeadScanner().Scan("GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"), State::kBareLineFeed);
  EXPECT_EQ(HeadScanner().Scan("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n"), State::kFoldedLine);
  EXPECT_EQ(HeadScanner().Scan("GET / HTTP/1.1\r\n\tHost: a\r\n\r\n"), State::kFoldedLine);
  EXPECT_EQ(HeadScanner().Scan("\x16\x03\x01"), State::kNoRequest);
}

TEST(RequestHeadTest, SeesAFoldThatComesInTheNextPacket) {
  HeadScanner scanner;
  std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
  EXPECT_EQ(scanner.Scan(head), State::kIncomplete);
  EXPECT_EQ(scanner.Scan(head + " b\r\n\r\n"), State::kFoldedLine);
}

TEST(RequestHeadTest, TakesThePathOutOfATarget) {
  EXPECT_EQ(PathOf("/jobs"), "/jobs");
  EXPECT_EQ(PathOf("/jobs?limit=1#x"), "/jobs");
  EXPECT_EQ(PathOf("http://a:3000/jobs?x"), "/jobs");
  EXPECT_EQ(PathOf("http://a:3000"), "/");
  EXPECT_EQ(PathOf("http://a?x"), "/");
  EXPECT_EQ(PathOf("/jobs/http://x"), "/jobs/http://x");
  EXPECT_EQ(PathOf("*"), "*");
}

TEST(RequestHeadTest, RepeatsOnlySaneRequestIds) {
  EXPECT_TRUE(IsSaneRequestId("abc_DEF-123"));
  EXPECT_TRUE(IsSaneRequestId(std::string(64, 'a')));
  EXPECT_FALSE(IsSaneRequestId(""));
  EXPECT_FALSE(IsSaneRequestId(std::string(65, 'a')));
  EXPECT_FALSE(IsSaneRequestId("a b"));
  EXPECT_FALSE(IsSaneRequestId("<script>"));
}

}  // namespace
}  // namespace djps::server
