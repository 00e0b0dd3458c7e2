// Rare cases of HTTP: encodings, parameters, requests that are refused by their head.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <stdexcept>
#include <string>

#include "support/token_server.h"

namespace djps::test_support {
namespace {

std::string Gzip(std::string_view text) {
  z_stream stream{};
  constexpr int kGzip = 16;
  if (deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + kGzip, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("deflateInit2 failed");
  }
  std::string packed(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string ProblemTypeOf(const HttpReply& reply) {
  return std::string(reply.Json().as_object().at("type").as_string());
}

class ServerEdgesTest : public StoreTest {
 protected:
  HttpReply SendPacked(const std::string& target, const std::string& packed,
                       const std::string& coding = "gzip") {
    // A refused body ends the connection.
    return server_.Connect().Send("POST", target, packed, {{"Content-Encoding", coding}});
  }

  HttpReply SendHead(const std::string& head) {
    HttpClient client = server_.Connect();
    client.SendRaw(head + "\r\n");
    return client.ReadReply();
  }

  std::string JobCount() { return sql_.Value("select count(*) from djps.jobs"); }

  ApiServer server_{conninfo_};
  HttpClient client_ = server_.Connect();
};

TEST_F(ServerEdgesTest, BodiesMayBePackedWithGzip) {
  for (const char* coding : {"gzip", "x-gzip", "GZIP"}) {
    const HttpReply reply =
        client_.Send("POST", "/jobs", Gzip(R"({"type":"t","payload":{"a":1}})"),
                     {{"Content-Encoding", coding}, {"Content-Type", "application/json"}});
    EXPECT_EQ(reply.status, 201) << reply.body;
    EXPECT_EQ(reply.Json().at("payload").at("a"), 1);
  }
  // Far more than fits into one piece of unpacking, and sent in chunks.
  std::string batch = R"({"jobs":[)";
  for (int i = 0; i < 3'000; ++i) {
    batch += fmt::format(R"({}{{"type":"t","payload":"{}"}})", i == 0 ? "" : ",",
                         std::string(1'000, static_cast<char>('a' + i % 26)));
  }
  const std::string packed = Gzip(batch + "]}");
  client_.SendRaw(
      fmt::format("POST /jobs/batch HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n0\r\n\r\n",
                  packed.size(), packed));
  const HttpReply reply = client_.ReadReply();
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(reply.Json().at("created"), 3'000);
  EXPECT_EQ(
      client_.Send("POST", "/jobs", R"({"type":"t"})", {{"Content-Encoding", "identity"}}).status,
      201);
}

TEST_F(ServerEdgesTest, ABodyThatUnpacksToTooMuchIsRefused) {
  const std::string bomb = Gzip(std::string(200U << 20U, ' '));
  ASSERT_LT(bomb.size(), 1U << 20U);
  const HttpReply reply = SendPacked("/jobs", bomb);
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(ProblemTypeOf(reply), "urn:djps:problem:body-too-large");
  EXPECT_EQ(SendPacked("/jobs/batch", bomb).status, 413);
}

TEST_F(ServerEdgesTest, ABrokenGzipIsNamedAsSuch) {
  const std::string packed = Gzip(R"({"type":"t"})");
  std::string wrong_sum = packed;
  wrong_sum[wrong_sum.size() - 8] ^= 1;
  for (const std::string& body :
       {packed.substr(0, packed.size() - 1), packed.substr(0, 5), packed + "x", packed + packed,
        wrong_sum, std::string(R"({"type":"t"})")}) {
    const HttpReply reply = SendPacked("/jobs", body);
    EXPECT_EQ(reply.status, 400);
    EXPECT_EQ(reply.Json().at("detail"), "The body is not valid gzip.");
  }
  EXPECT_EQ(JobCount(), "0");
}

TEST_F(ServerEdgesTest, OtherEncodingsAreToldWhatIsTaken) {
  for (const char* coding : {"deflate", "br", "gzip, gzip", "zstd", "compress"}) {
    const HttpReply reply = SendPacked("/jobs", R"({"type":"t"})", coding);
    EXPECT_EQ(reply.status, 415) << coding;
    EXPECT_EQ(reply.Header("Accept-Encoding"), "gzip") << coding;
    EXPECT_EQ(ProblemTypeOf(reply), "urn:djps:problem:unsupported-encoding");
  }
  const HttpReply twice =
      client_.Send("POST", "/jobs", R"({"type":"t"})",
                   {{"Content-Encoding", "gzip"}, {"Content-Encoding", "gzip"}});
  EXPECT_EQ(twice.status, 415);
}

TEST_F(ServerEdgesTest, BodiesAreUtf8) {
  const auto status = [&](const char* type) {
    return client_.Send("POST", "/jobs", R"({"type":"t"})", {{"Content-Type", type}}).status;
  };
  for (const char* type : {"application/json;charset=UTF-8", "application/json; charset=\"utf-8\"",
                           "application/json; a=b ; Charset=utf8"}) {
    EXPECT_EQ(status(type), 201) << type;
  }
  for (const char* type : {"application/json; charset=utf-16", "application/json;charset=latin1",
                           "application/json; x=y; charset=\"ISO-8859-1\""}) {
    EXPECT_EQ(status(type), 415) << type;
  }
  const HttpReply marked = client_.Post("/jobs", "\xEF\xBB\xBF{\"type\":\"t\"}");
  EXPECT_EQ(marked.status, 400);
  EXPECT_NE(marked.body.find("byte order mark"), std::string::npos) << marked.body;
}

TEST_F(ServerEdgesTest, ParametersThatNobodyReadsAreRefusedOnEveryRoute) {
  const std::string id = EnqueueOne({.type = "t"}).ToString();
  for (const std::string target :
       {"/health?verbose=1", "/health/live?x=1", "/openapi.json?x=1", "/docs?x=1", "/jobs?lmit=1",
        "/jobs?limit=1&limit=1", "/jobs?limit=", "/jobs?type", "/workers?all=", "/audit?x=1",
        "/queues?x=1", "/queues/q?x=1", "/stats?x=1", "/tokens?x=1", "/retention?x=1",
        "/retry-policies?x=1"}) {
    EXPECT_EQ(client_.Get(target).status, 422) << target;
  }
  for (const char* part : {"", "/attempts", "/explain", "/events", "/logs", "/wait"}) {
    EXPECT_EQ(client_.Get("/jobs/" + id + part + "?x=1").status, 422) << part;
  }
  for (const char* target : {"/jobs?strict=1", "/jobs/batch?x=1", "/worker/claim?x=1"}) {
    EXPECT_EQ(client_.Post(target, R"({"type":"t"})").status, 422) << target;
  }
  EXPECT_EQ(client_.Get("/health?").status, 200) << "none at all";
  EXPECT_EQ(JobCount(), "1");
}

TEST_F(ServerEdgesTest, TwoIdempotencyKeysAreRefusedUnlessTheyAreOne) {
  const auto status = [&](const char* first, const char* second) {
    return client_
        .Send("POST", "/jobs", R"({"type":"t"})",
              {{"Idempotency-Key", first}, {"Idempotency-Key", second}})
        .status;
  };
  EXPECT_EQ(status("a", "b"), 422);
  EXPECT_EQ(status("a", "\"a\""), 201);
}

TEST_F(ServerEdgesTest, AbsoluteTargetsAreUnderstood) {
  EXPECT_EQ(SendHead("GET http://localhost/health HTTP/1.1\r\nHost: localhost\r\n").status, 200);
  const HttpReply root = SendHead("GET http://localhost HTTP/1.1\r\nHost: localhost\r\n");
  EXPECT_EQ(root.status, 404);
  EXPECT_EQ(ProblemTypeOf(root), "urn:djps:problem:unknown-path");
  const ApiServer tokens(conninfo_, WithTokens());
  HttpClient client = tokens.Connect();
  client.SendRaw("GET http://jobs.example/health HTTP/1.1\r\nHost: other.example\r\n\r\n");
  EXPECT_EQ(client.ReadReply().status, 200) << "RFC 9112: the Host header is not looked at then";
}

TEST_F(ServerEdgesTest, ABodyIsNotAskedForWhenTheHeadIsRefused) {
  struct Case {
    const char* line;
    const char* header;
    int status;
  };
  for (const Case& item :
       {Case{"POST /jobs", "Content-Type: text/plain", 415},
        Case{"POST /jobs", "Content-Encoding: br", 415},
        Case{"POST /jobs", "Content-Type: application/json; charset=utf-16", 415},
        Case{"POST /nothing", "X: y", 404}, Case{"PUT /jobs", "X: y", 405},
        Case{"POST /jobs?x=1", "X: y", 422}}) {
    const HttpReply reply =
        SendHead(fmt::format("{} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                             "Content-Length: 100\r\n{}\r\n",
                             item.line, item.header));
    EXPECT_EQ(reply.status, item.status) << item.line << " " << item.header;
    EXPECT_EQ(reply.Header("Connection"), "close");
  }
  const ApiServer tokens(conninfo_, WithTokens());
  HttpClient client = tokens.Connect();
  client.SendRaw(
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
      "Content-Length: 100\r\n\r\n");
  EXPECT_EQ(client.ReadReply().status, 401);
}

TEST_F(ServerEdgesTest, AHugeBodyOfUnknownMembersHoldsNobodyUp) {
  std::string body = R"({"id":"x")";
  while (body.size() < (60U << 20U)) body += R"(,"leaseTokne":1)";
  body += "}";
  HttpClient hostile = server_.Connect();
  hostile.SendRaw(
      fmt::format("POST /worker/complete HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
                  body.size()));
  hostile.SendRaw(std::string_view(body).substr(0, body.size() - 1));
  hostile.SendRaw("}");
  // Others are answered before it is.
  int answered = 0;
  while (!hostile.HasReply()) {
    EXPECT_EQ(client_.Get("/health/live").status, 200);
    ++answered;
  }
  const HttpReply reply = hostile.ReadReply();
  EXPECT_EQ(reply.status, 422);
  EXPECT_EQ(reply.Json().at("errors").as_array().size(), 20U);
  EXPECT_GT(answered, 3) << "one that is read at a stretch lets in one or two";
}

}  // namespace
}  // namespace djps::test_support
