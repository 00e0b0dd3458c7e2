// What a full server drops first: connections, and bodies in memory.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/token_server.h"

namespace djps::test_support {
namespace {

using namespace std::chrono_literals;

class ServerLimitsTest : public StoreTest {
 protected:
  /// Is busy until the server stops: it waits for work.
  static HttpClient Busy(const ApiServer& server) {
    HttpClient client = server.Connect();
    const std::string body = R"({"worker":"w","types":["none"],"waitMs":60000})";
    client.SendRaw(fmt::format(
        "POST /worker/claim HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{}",
        body.size(), body));
    return client;
  }

  /// A connection that the server has taken and keeps.
  static HttpClient Kept(const ApiServer& server, const HttpClient::Headers& headers = {}) {
    HttpClient client = server.Connect();
    client.Send("GET", "/jobs/x", {}, headers);
    return client;
  }

  /// The answer to one more connection, asked for until it is this.
  static int StatusOfOneMore(const ApiServer& server, int wanted) {
    const auto end = std::chrono::steady_clock::now() + kRunDeadline;
    int status = 0;
    while (status != wanted && std::chrono::steady_clock::now() < end) {
      HttpClient next = server.Connect();
      next.TrySendRaw("GET /jobs/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
      // A refused connection may be reset before its answer is read.
      try {
        status = next.ReadReply().status;
      } catch (const std::runtime_error&) {
        status = 503;
      }
    }
    return status;
  }
};

TEST_F(ServerLimitsTest, TheLongestIdleConnectionGoesFirst) {
  ApiServer server(conninfo_, {.connections_max = 3});
  HttpClient first = Kept(server);
  HttpClient second = Kept(server);
  HttpClient third = Kept(server);
  EXPECT_EQ(first.Get("/jobs/x").status, 400);  // so it is not the longest idle any more
  HttpClient fourth = Kept(server);
  EXPECT_EQ(second.ReadToEnd(), "") << "closed without a word, as one whose time is over";
  EXPECT_EQ(first.Get("/jobs/x").status, 400);
  EXPECT_EQ(third.Get("/jobs/x").status, 400);
  EXPECT_EQ(fourth.Get("/jobs/x").status, 400);
}

TEST_F(ServerLimitsTest, OneThatHasSaidHalfAHeadIsIdleToo) {
  ApiServer server(conninfo_, {.connections_max = 1});
  HttpClient half = server.Connect();
  half.SendRaw("GET /jobs/x HTTP/1.1\r\nHost: ");
  HttpClient next = Kept(server);
  EXPECT_EQ(half.ReadToEnd(), "");
  EXPECT_EQ(next.Get("/jobs/x").status, 400);
}

TEST_F(ServerLimitsTest, StrangersGoBeforeThoseWithAToken) {
  server::ServerConfig config = WithTokens();
  config.connections_max = 2;
  store::TokenStore tokens(*pool_);
  const auto made = Run(tokens.CreateToken({.grant = {"me", "admin"}}, "test", Soon()));
  ApiServer server(conninfo_, config);
  HttpClient known = Kept(server, Bearer(made.secret));
  HttpClient stranger = Kept(server);
  HttpClient next = Kept(server);
  EXPECT_EQ(stranger.ReadToEnd(), "");
  EXPECT_EQ(known.Send("GET", "/jobs/x", {}, Bearer(made.secret)).status, 400);
  EXPECT_EQ(next.Get("/jobs/x").status, 401);
}

TEST_F(ServerLimitsTest, WithoutATokenAConnectionMayStayIdleForAShortTimeOnly) {
  server::ServerConfig config = WithTokens();
  config.stranger_idle_timeout = 50ms;
  store::TokenStore tokens(*pool_);
  const auto made = Run(tokens.CreateToken({.grant = {"me", "admin"}}, "test", Soon()));
  ApiServer server(conninfo_, config);
  HttpClient known = Kept(server, Bearer(made.secret));
  HttpClient stranger = Kept(server);
  EXPECT_EQ(stranger.ReadToEnd(), "");
  EXPECT_EQ(known.Send("GET", "/jobs/x", {}, Bearer(made.secret)).status, 400);
}

TEST_F(ServerLimitsTest, AConnectionTooManyIsToldSoWhereAllAreBusy) {
  ApiServer server(conninfo_, {.connections_max = 1});
  auto busy = std::make_unique<HttpClient>(Busy(server));
  EXPECT_EQ(StatusOfOneMore(server, 503), 503);
  HttpClient refused = server.Connect();
  const HttpReply reply = refused.ReadReply();
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.Header("Retry-After"), "1");
  EXPECT_EQ(reply.Header("Connection"), "close");
  EXPECT_EQ(refused.ReadToEnd(), "");
  busy.reset();  // makes room
  EXPECT_EQ(StatusOfOneMore(server, 400), 400);
}

TEST_F(ServerLimitsTest, OneAddressHasOnlySoManyConnections) {
  ApiServer server(conninfo_, {.connections_per_address_max = 2});
  auto first = std::make_unique<HttpClient>(Kept(server));
  HttpClient second = Kept(server);
  const HttpReply reply = server.Connect().ReadReply();
  EXPECT_EQ(reply.status, 503);
  EXPECT_NE(reply.body.find("the maximum for one address"), std::string::npos) << reply.body;
  first.reset();
  EXPECT_EQ(StatusOfOneMore(server, 400), 400);
  EXPECT_EQ(second.Get("/jobs/x").status, 400);
}

class BodyLimitsTest : public ServerLimitsTest {
 protected:
  static constexpr std::size_t kLarge = 500U << 10U;

  static std::string Batch(std::size_t bytes) {
    return R"({"jobs":[{"type":"t","payload":")" + std::string(bytes, 'x') + R"("}]})";
  }

  static std::string Head(std::size_t length, const std::string& token = "") {
    return fmt::format(
        "POST /jobs/batch HTTP/1.1\r\nHost: localhost\r\n{}Content-Length: {}\r\n\r\n",
        token.empty() ? "" : "Authorization: Bearer " + token + "\r\n", length);
  }
};

TEST_F(BodyLimitsTest, BodiesBeyondWhatItCanHoldAreRefusedUntilThereIsRoom) {
  ApiServer server(conninfo_, {.bodies_bytes_max = 600U << 10U, .body_slow_after = 1h});
  const std::string large = Batch(kLarge);
  std::unique_ptr<HttpClient> slow;
  HttpReply refused;
  const auto end = std::chrono::steady_clock::now() + kRunDeadline;
  do {  // until the server has read what came slowly before the other
    slow = std::make_unique<HttpClient>(server.port());
    slow->TrySendRaw(Head(large.size()) + large.substr(0, 400U << 10U));
    refused = server.Connect().Post("/jobs/batch", large);
  } while (refused.status == 201 && std::chrono::steady_clock::now() < end);
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.Header("Retry-After"), "1");
  EXPECT_NE(refused.body.find("urn:djps:problem:overloaded"), std::string::npos);
  EXPECT_EQ(server.Connect().Post("/jobs", R"({"type":"t"})").status, 201) << "small ones go on";

  slow->SendRaw(std::string_view(large).substr(400U << 10U));
  EXPECT_EQ(slow->ReadReply().status, 201);
  EXPECT_EQ(slow->Get("/health").status, 200);  // so that its body is no longer kept
  EXPECT_EQ(server.Connect().Post("/jobs/batch", large).status, 201);
}

TEST_F(BodyLimitsTest, AnUnfinishedBodyMakesWayForOneThatComesFaster) {
  ApiServer server(conninfo_, {.bodies_bytes_max = 600U << 10U, .body_slow_after = 0ms});
  const std::string large = Batch(kLarge);
  HttpClient slow = server.Connect();
  slow.SendRaw(Head(large.size()) + large.substr(0, 400U << 10U));
  const auto end = std::chrono::steady_clock::now() + kRunDeadline;
  while (!slow.HasReply() && std::chrono::steady_clock::now() < end) {
    // One that finds no room yet is slower itself; the first one gets ever slower.
    server.Connect().Post("/jobs/batch", large);
  }
  const HttpReply reply = slow.ReadReply();
  EXPECT_EQ(reply.status, 503);
  EXPECT_NE(reply.body.find("urn:djps:problem:overloaded"), std::string::npos);
  int status = 0;  // the memory of the last one is free soon after its answer
  while (status != 201 && std::chrono::steady_clock::now() < end) {
    status = server.Connect().Post("/jobs/batch", large).status;
  }
  EXPECT_EQ(status, 201);
}

TEST_F(BodyLimitsTest, UnfinishedBodiesOfOneTokenLeaveRoomForOthers) {
  server::ServerConfig config = WithTokens();
  config.bodies_bytes_max = 2U << 20U;
  config.sender_bodies_bytes_max = 1U << 20U;
  config.body_slow_after = 1h;
  store::TokenStore tokens(*pool_);
  const auto greedy = Run(tokens.CreateToken({.grant = {"greedy", "submit"}}, "test", Soon()));
  const auto other = Run(tokens.CreateToken({.grant = {"other", "submit"}}, "test", Soon()));
  ApiServer server(conninfo_, config);
  const std::string large = Batch(kLarge);
  std::vector<HttpClient> unfinished;
  for (int i = 0; i < 6; ++i) {
    unfinished.push_back(server.Connect());
    unfinished.back().TrySendRaw(Head(large.size(), greedy.secret) + large.substr(0, 450U << 10U));
  }
  // Its share is used up when one of them has been refused.
  const auto end = std::chrono::steady_clock::now() + kRunDeadline;
  const auto refused = [&] {
    return std::any_of(unfinished.begin(), unfinished.end(),
                       [](HttpClient& client) { return client.HasReply(); });
  };
  while (!refused() && std::chrono::steady_clock::now() < end) {
  }
  ASSERT_TRUE(refused());
  EXPECT_EQ(
      server.Connect().Send("POST", "/jobs/batch", Batch(200U << 10U), Bearer(other.secret)).status,
      201);
}

}  // namespace
}  // namespace djps::test_support
