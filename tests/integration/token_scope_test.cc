// What a restricted token sees of others, and the audit of tokens.
#include <fmt/format.h>

#include "support/token_server.h"

namespace djps::test_support {
namespace {

class TokenScopeTest : public TokenServerTest {
 protected:
  /// A request with this token was accepted.
  bool Used(const std::string& name) {
    return RunUntil(io_, [&] {
      return sql_.Value(
                 "select count(*) from djps.tokens where last_used_at is not null and name = '" +
                 name + "'") == "1";
    });
  }
};

TEST_F(TokenScopeTest, ARestrictedTokenSeesItsOwnWorkAlone) {
  const std::string admin = MakeToken("chief", "admin");
  for (const char* queue : {"mine", "other"}) {
    const std::string job = fmt::format(R"({{"type":"t","queue":"{}"}})", queue);
    ASSERT_EQ(Call(client_, "POST", "/jobs", admin, job).status, 201);
  }
  const auto claim = [&](const std::string& worker, const std::string& queues) {
    const std::string body =
        fmt::format(R"({{"worker":"{}","types":["t","u"],"queues":[{}],"max":5}})", worker, queues);
    ASSERT_EQ(Call(client_, "POST", "/worker/claim", admin, body).status, 200);
  };
  claim("both", R"("mine","other")");
  claim("foreign", R"("other")");
  const auto seen = [&](const std::string& token) {
    return Call(client_, "GET", "/workers", token).Json().at("workers").as_array();
  };
  const auto all_are_shown = [&] { return seen(admin).size() == 2; };
  const auto end = std::chrono::steady_clock::now() + kRunDeadline;
  while (!all_are_shown() && std::chrono::steady_clock::now() < end) {
  }
  ASSERT_TRUE(all_are_shown());

  const std::string reader = MakeToken("reader", "read", {"mine"}, {"t"});
  const auto workers = seen(reader);
  ASSERT_EQ(workers.size(), 1U);
  const auto& both = workers[0].as_object();
  EXPECT_EQ(both.at("name"), "both");
  EXPECT_EQ(both.at("queues"), boost::json::value({"mine"}));
  EXPECT_EQ(both.at("types"), boost::json::value({"t"}));
  ASSERT_EQ(both.at("jobs").as_array().size(), 1U);
  EXPECT_EQ(both.at("jobs").at(0).at("queue"), "mine");
  EXPECT_EQ(both.at("running"), 1);
  const HttpReply stats = Call(client_, "GET", "/stats", reader);
  EXPECT_EQ(stats.status, 403);
  EXPECT_NE(stats.body.find("/queues"), std::string::npos) << stats.body;
  EXPECT_EQ(Call(client_, "GET", "/stats", admin).status, 200);
}

TEST_F(TokenScopeTest, ARestrictedTokenFindsItsQueuesAmongThousands) {
  const std::string admin = MakeToken("chief", "admin");
  sql_.Run(
      "insert into djps.ready (id, visible_at, lane, priority, attempts, failed, queue, type) "
      "select gen_random_uuid(), now(), 0, 0, 0, false, 'q' || i, 't' "
      "from generate_series(1, 3000) i");
  for (const char* queue : {"q1.paused", "z.running"}) {
    const std::string job = fmt::format(R"({{"type":"u","queue":"{}"}})", queue);
    ASSERT_EQ(Call(client_, "POST", "/jobs", admin, job).status, 201);
  }
  const std::string claim =
      R"({"worker":"w","types":["u"],"queues":["q1.paused","z.running"],"max":5})";
  ASSERT_EQ(Call(client_, "POST", "/worker/claim", admin, claim).status, 200);
  ASSERT_EQ(Call(client_, "POST", "/queues/q1.paused/pause", admin).status, 200);
  const std::string reader =
      MakeToken("reader", "read", {"z.running", "q2900", "never.used", "q1.paused"});
  const auto first = Call(client_, "GET", "/queues?limit=2", reader).Json();
  ASSERT_EQ(first.at("queues").as_array().size(), 2U);
  EXPECT_EQ(first.at("queues").at(0).at("name"), "q1.paused");
  EXPECT_EQ(first.at("queues").at(1).at("name"), "q2900");
  const std::string cursor(first.at("next_cursor").as_string());
  const auto last = Call(client_, "GET", "/queues?cursor=" + cursor, reader).Json();
  ASSERT_EQ(last.at("queues").as_array().size(), 1U);
  EXPECT_EQ(last.at("queues").at(0).at("name"), "z.running");
  EXPECT_EQ(last.at("more"), false);
}

TEST_F(TokenScopeTest, AClaimThatWaitsGetsNothingOnceItsTokenIsRevoked) {
  const std::string token = MakeToken("worker", "work");
  HttpClient waiting = server_.Connect();
  const std::string body = R"({"worker":"w","types":["t"],"waitMs":60000})";
  waiting.SendRaw(
      fmt::format("POST /worker/claim HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n"
                  "Content-Length: {}\r\n\r\n{}",
                  token, body.size(), body));
  ASSERT_TRUE(Used("worker"));
  Revoke("worker");
  const HttpReply reply = waiting.ReadReply();
  EXPECT_EQ(reply.status, 401) << reply.body;
  const Uuid job = EnqueueOne({.type = "t"});
  EXPECT_EQ(waiting.Send("POST", "/worker/claim", body, Bearer(token)).status, 401);
  EXPECT_EQ(Status(job), JobStatus::kQueued);
}

TEST_F(TokenScopeTest, AWaitForAJobEndsWhenItsTokenIsRevoked) {
  const std::string token = MakeToken("waiter", "submit");
  const std::string path = "/jobs/" + EnqueueOne({.type = "t"}).ToString();
  HttpClient waiting = server_.Connect();
  waiting.SendRaw(
      fmt::format("GET {}/wait?timeoutMs=60000 HTTP/1.1\r\nHost: localhost\r\n"
                  "Authorization: Bearer {}\r\n\r\n",
                  path, token));
  ASSERT_TRUE(Used("waiter"));
  Revoke("waiter");
  EXPECT_EQ(waiting.ReadReply().status, 401);
}

TEST_F(TokenScopeTest, AStreamOfEventsEndsWhenItsTokenIsRevokedOrExpires) {
  server::ServerConfig config = WithTokens();
  config.stream_heartbeat = std::chrono::hours(1);  // so that nothing but the end ends the reading
  const ApiServer server(conninfo_, config);
  const std::string path = "/jobs/" + EnqueueOne({.type = "t"}).ToString();
  for (const char* name : {"revoked", "expiring"}) {
    const std::string token = MakeToken(name, "read");
    HttpClient stream = server.Connect();
    stream.SendRaw(
        fmt::format("GET {}/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n"
                    "Connection: close\r\n\r\n",
                    path, token));
    stream.AwaitText("event: queued");
    if (name == std::string("revoked")) {
      Revoke(name);
    } else {
      sql_.Run("update djps.tokens set expires_at = clock_timestamp() where name = 'expiring'");
    }
    EXPECT_EQ(stream.ReadToEnd().find("event: succeeded"), std::string::npos) << name;
  }
}

TEST_F(TokenScopeTest, ABootstrapTokenIsWrittenDownOnce) {
  const std::string secret(40, 'x');
  EXPECT_TRUE(Run(tokens_.EnsureToken(secret, "admin", "DJPS_BOOTSTRAP_TOKEN", Soon())));
  EXPECT_FALSE(Run(tokens_.EnsureToken(secret, "admin", "DJPS_BOOTSTRAP_TOKEN", Soon())));
  const boost::json::value audit = Call(client_, "GET", "/audit", secret).Json();
  const auto& entries = audit.at("audit").as_array();
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].at("action"), "create_token");
  EXPECT_EQ(entries[0].at("actor"), "DJPS_BOOTSTRAP_TOKEN");
  EXPECT_TRUE(entries[0].at("target").as_string().starts_with("bootstrap-"));
  EXPECT_EQ(entries[0].at("detail").at("role"), "admin");
}

TEST_F(TokenScopeTest, MakingAndRevokingATokenIsWrittenDown) {
  const std::string admin = MakeToken("chief", "admin");
  const HttpReply made = Call(client_, "POST", "/tokens", admin,
                              R"({"name":"billing","role":"submit","queues":["invoices"]})");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string id(made.Json().at("id").as_string());
  EXPECT_EQ(Call(client_, "POST", "/tokens", admin, R"({"name":"billing","role":"read"})").status,
            409)
      << "not made, so not written down";
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Call(client_, "DELETE", "/tokens/" + id, admin).status, 200);
  }
  const HttpReply audit = Call(client_, "GET", "/audit?target=billing", admin);
  ASSERT_EQ(audit.status, 200);
  const boost::json::value listed = audit.Json();
  const auto& entries = listed.at("audit").as_array();
  ASSERT_EQ(entries.size(), 2U) << "the second revocation changed nothing; " << audit.body;
  EXPECT_EQ(entries[0].at("action"), "revoke_token");
  EXPECT_EQ(entries[1].at("action"), "create_token");
  for (const auto& entry : entries) {
    EXPECT_EQ(entry.at("actor"), "chief");
    EXPECT_EQ(entry.at("detail").at("id"), boost::json::value(id));
  }
  EXPECT_EQ(entries[1].at("detail").at("role"), "submit");
  EXPECT_EQ(entries[1].at("detail").at("queues"), boost::json::value({"invoices"}));
  EXPECT_EQ(audit.body.find("djps_"), std::string::npos) << "no secret";
}

}  // namespace
}  // namespace djps::test_support
