// HTTP itself: headers, limits, framing, connections.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <string>

#include "pg/session.h"
#include "support/api_server.h"
#include "support/postgres.h"

namespace djps::test_support {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr std::size_t kKiB = 1024;

std::string TypeOf(const HttpReply& reply) {
  return std::string(reply.Json().as_object().at("type").as_string());
}

std::string JobRequest(std::string_view body) {
  return fmt::format("POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{}",
                     body.size(), body);
}

class ServerHttpTest : public testing::Test {
 protected:
  std::string JobCount() { return pg::Session(conninfo_).Value("select count(*) from djps.jobs"); }

  /// Sends bytes on a connection of their own, reads one answer, and expects the connection to end.
  HttpReply RawRefused(std::string_view bytes) {
    HttpClient client = server_.Connect();
    client.SendRaw(bytes);
    HttpReply reply = client.ReadReply();
    EXPECT_EQ(reply.Header("Connection"), "close");
    EXPECT_EQ(client.ReadToEnd(), "");
    return reply;
  }

  std::string conninfo_ = Postgres().NewDatabase();
  ApiServer server_{conninfo_};
  HttpClient client_ = server_.Connect();
};

TEST_F(ServerHttpTest, EveryAnswerHasTheSafetyHeaders) {
  for (const char* target : {"/health", "/nothing", "/jobs", "/jobs/x"}) {
    const HttpReply reply = client_.Get(target);
    EXPECT_EQ(reply.Header("Cache-Control"), "no-store") << target;
    EXPECT_EQ(reply.Header("X-Content-Type-Options"), "nosniff") << target;
    EXPECT_EQ(reply.Header("X-Request-Id").size(), 16U) << target;
    EXPECT_FALSE(reply.Header("Date").empty()) << target;
    EXPECT_EQ(reply.Header("Server"), "") << target;
    EXPECT_EQ(reply.Header("Access-Control-Allow-Origin"), "") << target;
  }
}

TEST_F(ServerHttpTest, RepeatsASaneRequestIdAndReplacesOthers) {
  const auto id_for = [this](const std::string& sent) {
    return client_.Send("GET", "/health", {}, {{"X-Request-Id", sent}}).Header("X-Request-Id");
  };
  EXPECT_EQ(id_for("my_request-17"), "my_request-17");
  EXPECT_NE(id_for("a b"), "a b");
  EXPECT_NE(id_for(std::string(65, 'a')), std::string(65, 'a'));
  EXPECT_NE(client_.Get("/health").Header("X-Request-Id"),
            client_.Get("/health").Header("X-Request-Id"));
}

TEST_F(ServerHttpTest, UnknownPathsAreNotFound) {
  for (const char* target : {"/", "/Jobs", "/jobs/", "/jobs/a/b", "/admin", "/jobs%2fbatch"}) {
    const HttpReply reply = client_.Get(target);
    EXPECT_EQ(reply.status, 404) << target;
    EXPECT_EQ(TypeOf(reply), "urn:djps:problem:unknown-path") << target;
  }
}

TEST_F(ServerHttpTest, OtherMethodsAreToldWhichAreAllowed) {
  struct Case {
    const char* method;
    const char* target;
    const char* allow;
  };
  for (const Case& item :
       {Case{"DELETE", "/jobs", "POST, GET, HEAD"}, Case{"GET", "/jobs/batch", "POST"},
        Case{"PUT", "/jobs/x", "GET, HEAD, PATCH, DELETE"}, Case{"POST", "/health", "GET, HEAD"},
        Case{"OPTIONS", "/jobs/batch", "POST"}, Case{"TRACE", "/jobs/batch", "POST"},
        Case{"BREW", "/jobs/batch", "POST"}, Case{"PUT", "/jobs/batch", "POST"}}) {
    const HttpReply reply = client_.Send(item.method, item.target);
    EXPECT_EQ(reply.status, 405) << item.method;
    EXPECT_EQ(reply.Header("Allow"), item.allow) << item.method;
  }
}

TEST_F(ServerHttpTest, HeadAnswersAsGetWithoutTheBody) {
  const HttpReply get = client_.Get("/health");
  const HttpReply head = client_.Send("HEAD", "/health");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(head.Header("Content-Length"), get.Header("Content-Length"));
  EXPECT_EQ(client_.Send("HEAD", "/jobs/x").status, 400);
  EXPECT_EQ(client_.Get("/health").status, 200);  // the connection is still in step
}

TEST_F(ServerHttpTest, BodiesMustBeJsonWhereTheySayWhatTheyAre) {
  const std::string body = R"({"type":"t"})";
  for (const char* type : {"application/json", "application/json; charset=utf-8",
                           "APPLICATION/JSON ;x=y", "application/vnd.api+json", "text/x+JSON"}) {
    EXPECT_EQ(client_.Send("POST", "/jobs", body, {{"Content-Type", type}}).status, 201) << type;
  }
  EXPECT_EQ(client_.Send("POST", "/jobs", body).status, 201);
  for (const char* type : {"text/plain", "application/x-www-form-urlencoded", "application/jsonx",
                           "multipart/form-data; boundary=json", "+json", ";", "json"}) {
    const HttpReply reply = client_.Send("POST", "/jobs", body, {{"Content-Type", type}});
    EXPECT_EQ(reply.status, 415) << type;
  }
  EXPECT_EQ(JobCount(), "6");
}

TEST_F(ServerHttpTest, ABodyAboveTheLimitIsRefusedBeforeItComes) {
  const HttpReply reply =
      RawRefused("POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048577\r\n\r\n");
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(TypeOf(reply), "urn:djps:problem:body-too-large");
  EXPECT_EQ(
      RawRefused("POST /jobs/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 67108865\r\n\r\n")
          .status,
      413);
  EXPECT_EQ(RawRefused("POST /nothing HTTP/1.1\r\nHost: localhost\r\n"
                       "Content-Length: 18446744073709551615\r\n\r\n")
                .status,
            413);
}

TEST_F(ServerHttpTest, ABodyAtTheLimitIsTaken) {
  std::string body = R"({"type":"t","payload":")";
  body += std::string(kKiB * kKiB - body.size() - 2, 'x') + "\"}";
  ASSERT_EQ(body.size(), kKiB * kKiB);
  EXPECT_EQ(client_.Post("/jobs", body).status, 201);
}

TEST_F(ServerHttpTest, AChunkedBodyAboveTheLimitIsRefusedWhenItGetsThere) {
  HttpClient client = server_.Connect();
  client.SendRaw("POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = fmt::format("{:x}\r\n{}\r\n", 64 * kKiB, std::string(64 * kKiB, 'x'));
  for (int i = 0; i < 17; ++i) client.TrySendRaw(chunk);
  const HttpReply reply = client.ReadReply();
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(reply.Header("Connection"), "close");
  // One chunk that says it is huge is refused by its header alone.
  EXPECT_EQ(
      RawRefused("POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "ffffffffff\r\n")
          .status,
      413);
}

TEST_F(ServerHttpTest, AChunkedBodyIsPutTogether) {
  client_.SendRaw(
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\n{\"typ\r\n1;ext=1\r\ne\r\n6\r\n\":\"t\"}\r\n0\r\nTrailer: x\r\n\r\n");
  EXPECT_EQ(client_.ReadReply().status, 201);
  EXPECT_EQ(client_.Get("/health").status, 200);
}

TEST_F(ServerHttpTest, LongUrisAndHeadersAreRefused) {
  EXPECT_EQ(RawRefused(fmt::format("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
                                   std::string(8 * kKiB, 'x')))
                .status,
            414);
  EXPECT_EQ(RawRefused("GET /" + std::string(8 * kKiB + 1, 'x')).status, 414);  // without an end
  EXPECT_EQ(client_.Get("/" + std::string(8 * kKiB - 1, 'x')).status, 404);
  const auto with_header = [](std::size_t bytes) {
    return fmt::format("GET /health HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n",
                       std::string(bytes, 'x'));
  };
  EXPECT_EQ(RawRefused(with_header(17 * kKiB)).status, 431);
  EXPECT_EQ(
      RawRefused("GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(17 * kKiB, 'x'))
          .status,
      431);
  client_.SendRaw(with_header(15 * kKiB));
  EXPECT_EQ(client_.ReadReply().status, 200);
  std::string many = "GET /health HTTP/1.1\r\nHost: localhost\r\n";
  for (int i = 0; i < 5000; ++i) many += "a:\r\n";
  EXPECT_EQ(RawRefused(many + "\r\n").status, 431);
}

TEST_F(ServerHttpTest, RequestsThatCouldBeReadInTwoWaysAreRefusedAndTheConnectionEnds) {
  // Each is followed by a whole request, which must never be carried out.
  const std::string smuggled = JobRequest(R"({"type":"smuggled"})");
  // NOLINTBEGIN(bugprone-suspicious-missing-comma): long ones are cut in two.
  const char* heads[] = {
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: "
      "chunked\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: "
      "5\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0,0\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: +0\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0x5\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5 5\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length:\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: identity\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
      "Transfer-Encoding: chunked\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : chunked\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\n Transfer-Encoding: chunked\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nX: y\r\n Content-Length: 5\r\n\r\n",
      "POST /jobs HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
      "POST /jobs HTTP/1.1\nHost: localhost\nContent-Length: 0\n\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\nContent-Length: 0\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nX: a\x01z\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nX y: z\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\n: z\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nHost: b\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
      "POST /jobs HTTP/1.2\r\nHost: localhost\r\n\r\n",
      "POST /jobs HTTP/2.0\r\nHost: localhost\r\n\r\n",
      "POST /jobs http/1.1\r\nHost: localhost\r\n\r\n",
      "POST  /jobs HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "POST /jo bs HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "POST /jobs\r\n\r\n",
      "POST\r\n\r\n",
      "P(ST /jobs HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "\x16\x03\x01\x02",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nabcde\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: "
      "chunked\r\n\r\n0x5\r\nabcde\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n 5\r\nabcde\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
      "10000000000000005\r\nabcde\r\n",
  };
  // NOLINTEND(bugprone-suspicious-missing-comma)
  for (const std::string head : heads) {
    SCOPED_TRACE(head);
    HttpClient client = server_.Connect();
    client.TrySendRaw(head + smuggled);
    const HttpReply reply = client.ReadReply();
    EXPECT_EQ(reply.status, 400) << reply.body;
    EXPECT_EQ(reply.Header("Connection"), "close");
    EXPECT_EQ(client.ReadToEnd(), "");
  }
  EXPECT_EQ(JobCount(), "0");
}

TEST_F(ServerHttpTest, AnEndlessChunkExtensionIsRefused) {
  HttpClient client = server_.Connect();
  client.SendRaw("POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5;");
  for (int i = 0; i < 64; ++i) client.TrySendRaw(std::string(16 * kKiB, 'x'));
  EXPECT_EQ(client.ReadReply().status, 400);
}

TEST_F(ServerHttpTest, PipelinedRequestsAreAnsweredInOrder) {
  std::string requests;
  for (int i = 0; i < 200; ++i) {
    requests += JobRequest(fmt::format(R"({{"type":"t","payload":{}}})", i));
    requests += "GET /jobs/x HTTP/1.1\r\nHost: localhost\r\n\r\n";
  }
  client_.SendRaw(requests);
  for (int i = 0; i < 200; ++i) {
    const HttpReply reply = client_.ReadReply();
    ASSERT_EQ(reply.status, 201);
    EXPECT_EQ(reply.Json().as_object().at("payload"), i);
    EXPECT_EQ(client_.ReadReply().status, 400);
  }
  EXPECT_EQ(JobCount(), "200");
}

TEST_F(ServerHttpTest, RequestsMayComeByteByByte) {
  const std::string request =
      JobRequest(R"({"type":"t","payload":["\u00e9",12.5e3],"idempotencyKey":"k"})") +
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
      "c;x=y\r\n{\"type\":\"t\"}\r\n0\r\n\r\n";
  for (const char byte : request) client_.SendRaw(std::string_view(&byte, 1));
  const HttpReply first = client_.ReadReply();
  EXPECT_EQ(first.status, 201) << first.body;
  EXPECT_EQ(client_.ReadReply().status, 201);
  EXPECT_EQ(JobCount(), "2");
}

TEST_F(ServerHttpTest, EmptyLinesBeforeARequestAreForgiven) {
  client_.SendRaw("\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n\r\n");
  EXPECT_EQ(client_.ReadReply().status, 200);
  EXPECT_EQ(client_.Get("/health").status, 200);
}

TEST_F(ServerHttpTest, TheConnectionStaysAsTheClientWishes) {
  const HttpReply last = client_.Send("GET", "/health", {}, {{"Connection", "close"}});
  EXPECT_EQ(last.Header("Connection"), "close");
  EXPECT_EQ(client_.ReadToEnd(), "");
  HttpClient old = server_.Connect();
  old.SendRaw("GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(old.ReadReply().Header("Connection"), "keep-alive");
  old.SendRaw("GET /health HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.ReadReply().Header("Connection"), "close");
  EXPECT_EQ(old.ReadToEnd(), "");
}

TEST_F(ServerHttpTest, ExpectContinueIsAnsweredBeforeTheBody) {
  const std::string body = R"({"type":"t"})";
  client_.SendRaw(
      fmt::format("POST /jobs HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                  "Content-Length: {}\r\n\r\n",
                  body.size()));
  EXPECT_EQ(client_.ReadReply(true).status, 100);
  client_.SendRaw(body);
  EXPECT_EQ(client_.ReadReply().status, 201);
  EXPECT_EQ(RawRefused("POST /jobs HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                       "Content-Length: 99999999\r\n\r\n")
                .status,
            413);
}

TEST_F(ServerHttpTest, ABodyOnGetIsReadAndIgnored) {
  EXPECT_EQ(client_.Send("GET", "/health", R"({"type":"t"})").status, 200);
  EXPECT_EQ(client_.Get("/health").status, 200);
  EXPECT_EQ(JobCount(), "0");
}

TEST_F(ServerHttpTest, AClientThatLeavesInTheMiddleHarmsNobody) {
  {
    HttpClient leaving = server_.Connect();
    leaving.SendRaw(
        "POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{\"type\":\"t\"");
  }
  HttpClient half = server_.Connect();
  half.SendRaw(
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{\"type\":\"t\"}");
  half.ShutdownSend();
  EXPECT_EQ(half.ReadToEnd(), "");
  EXPECT_EQ(client_.Get("/health").status, 200);
  EXPECT_EQ(JobCount(), "0");
}

}  // namespace
}  // namespace djps::test_support
