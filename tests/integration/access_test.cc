// Access: every role on every route, restrictions, revocation, and that secrets are not shown.
#include <fmt/format.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <boost/beast/http/verb.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "server/routes/routes.h"
#include "support/token_server.h"

namespace djps::test_support {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

constexpr const char* kNobodysId = "019a2b3c-4d5e-7f60-8123-456789abcdef";

class AccessTest : public TokenServerTest {};

std::string MethodOf(const server::Route& route) {
  const auto text = boost::beast::http::to_string(route.method);
  return {text.data(), text.size()};
}

/// A path that matches the route, with names that do not exist.
std::string TargetOf(const server::Route& route) {
  return std::regex_replace(std::string(route.pattern), std::regex(R"(\{[^}]*\})"), kNobodysId);
}

TEST_F(AccessTest, WithoutAValidTokenOnlyTheOpenRoutesAnswer) {
  const std::string expired = MakeToken("expired", "admin");
  sql_.Run(
      "update djps.tokens set created_at = now() - interval '2 s', "
      "expires_at = now() - interval '1 s'");
  const std::string revoked = MakeToken("revoked", "admin");
  Revoke("revoked");
  const std::string unknown = "djps_" + std::string(43, 'x');
  for (const server::Route& route : server::Routes()) {
    const std::string name = MethodOf(route) + " " + std::string(route.pattern);
    for (const std::string& token : {std::string(), expired, revoked, unknown}) {
      const HttpReply reply = Call(client_, MethodOf(route), TargetOf(route), token);
      if (route.role == server::Role::kNone) {
        EXPECT_EQ(reply.status, 200) << name;
        continue;
      }
      EXPECT_EQ(reply.status, 401) << name;
      EXPECT_EQ(reply.Header("WWW-Authenticate"), "Bearer") << name;
      EXPECT_EQ(reply.Json().at("code"), "unauthorized") << name;
    }
  }
}

TEST_F(AccessTest, TakesOnlyWellFormedCredentials) {
  const std::string token = MakeToken("me", "admin");
  const std::vector<std::string> malformed = {token,
                                              "Basic " + token,
                                              "Bearer",
                                              "Bearer ",
                                              "Bearer " + token + "x",
                                              "Bearer " + token.substr(1),
                                              "Bearer " + token + " " + token,
                                              "bearer:" + token};
  for (const std::string& value : malformed) {
    EXPECT_EQ(client_.Send("GET", "/tokens", {}, {{"Authorization", value}}).status, 401) << value;
  }
  const std::string bearer = "Bearer " + token;
  HttpClient twice = server_.Connect();
  EXPECT_EQ(twice.Send("GET", "/tokens", {}, {{"Authorization", bearer}, {"Authorization", bearer}})
                .status,
            400);
  for (const char* scheme : {"Bearer ", "bearer ", "BEARER  "}) {
    EXPECT_EQ(client_.Send("GET", "/tokens", {}, {{"Authorization", scheme + token}}).status, 200);
  }
}

TEST_F(AccessTest, StrangersAreRefusedBeforeTheirBodyIsTaken) {
  for (const char* framing : {"Content-Length: 60000000", "Transfer-Encoding: chunked"}) {
    HttpClient stranger = server_.Connect();
    stranger.SendRaw(
        fmt::format("POST /jobs/batch HTTP/1.1\r\nHost: localhost\r\n{}\r\n\r\n", framing));
    EXPECT_EQ(stranger.ReadReply().status, 401) << framing;
    EXPECT_EQ(stranger.ReadToEnd(), "") << "and the connection ends";
  }
  // For the rest, the sender is checked first.
  HttpClient known = server_.Connect();
  const std::string body = R"({"jobs":[{"type":"t"}]})";
  known.SendRaw(
      fmt::format("POST /jobs/batch HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n"
                  "Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
                  MakeToken("me", "submit"), body.size()));
  EXPECT_EQ(known.ReadReply().status, 100);
  known.SendRaw(body);
  EXPECT_EQ(known.ReadReply().status, 201);
}

TEST_F(AccessTest, ANewTokenCountsAtOnceAlsoWhereItWasTriedBefore) {
  for (int i = 0; i < 20; ++i) {
    const std::string token = MakeToken("fresh-" + std::to_string(i), "admin");
    EXPECT_EQ(client_.Send("GET", "/tokens", {}, Bearer(token)).status, 200);
  }
}

TEST_F(AccessTest, SubmissionsKeepToTheQueuesAndTypesOfTheToken) {
  const std::string token = MakeToken("billing", "submit", {"invoices", "mail"}, {"send"});
  const auto submit = [&](const std::string& target, const std::string& body) {
    return Call(client_, "POST", target, token, body);
  };
  EXPECT_EQ(submit("/jobs", R"({"type":"send","queue":"mail"})").status, 201);
  const HttpReply queue = submit("/jobs", R"({"type":"send"})");
  EXPECT_EQ(queue.status, 403);
  EXPECT_EQ(
      queue.Json().at("detail"),
      "The token \"billing\" may not use the queue \"default\"; it is restricted to invoices, "
      "mail.");
  EXPECT_EQ(submit("/jobs", R"({"type":"drop","queue":"mail"})").status, 403);
  EXPECT_EQ(Count("facts"), "1");

  const HttpReply batch = submit("/jobs/batch", R"({"jobs":[{"type":"send","queue":"mail"},)"
                                                R"({"type":"drop","queue":"mail"}]})");
  EXPECT_EQ(batch.status, 403);
  EXPECT_TRUE(batch.Json().at("detail").as_string().starts_with("jobs[1]: "));
  EXPECT_EQ(Count("facts"), "1") << "nothing of the batch is stored";
  EXPECT_EQ(submit("/jobs/batch", R"({"jobs":[{"type":"send","queue":"invoices"}]})").status, 201);
}

TEST_F(AccessTest, OthersJobsAreNotShownToARestrictedToken) {
  NewJob other{.type = "t"};
  other.queue = "other";
  other.idempotency_key = "k";
  const std::string path = "/jobs/" + EnqueueOne(other).ToString();
  const std::string token = MakeToken("mine", "submit", {"mine"});
  const HttpReply hidden = Call(client_, "GET", path, token);
  const HttpReply unknown = Call(client_, "GET", std::string("/jobs/") + kNobodysId, token);
  EXPECT_EQ(hidden.status, 404);
  EXPECT_EQ(hidden.Json().at("type"), unknown.Json().at("type")) << "as if there were none";
  EXPECT_EQ(Call(client_, "GET", path, MakeToken("all", "submit")).status, 200);
  // The key belongs to a job in another queue.
  const HttpReply replay =
      Call(client_, "POST", "/jobs", token, R"({"type":"t","queue":"mine","idempotencyKey":"k"})");
  EXPECT_EQ(replay.status, 403);
  EXPECT_EQ(replay.body.find("payload"), std::string::npos);
  EXPECT_EQ(replay.body.find("other"), std::string::npos) << replay.body;
  EXPECT_EQ(replay.body.find(path.substr(6)), std::string::npos) << replay.body;
  const HttpReply strict = client_.Send(
      "POST", "/jobs", R"({"type":"t","queue":"mine","idempotencyKey":"k","payload":1})",
      {{"Authorization", "Bearer " + token}, {"Prefer", "handling=strict"}});
  EXPECT_EQ(strict.status, 403);
  EXPECT_EQ(strict.body.find(path.substr(6)), std::string::npos) << strict.body;
}

TEST_F(AccessTest, ARestrictedOperatorTouchesItsOwnQueuesAndTypes) {
  NewJob mine{.type = "t"};
  mine.queue = "mine";
  NewJob other{.type = "t"};
  other.queue = "other";
  const std::string my_job = "/jobs/" + EnqueueOne(mine).ToString();
  const std::string others_job = "/jobs/" + EnqueueOne(other).ToString();
  const std::string token = MakeToken("shift", "operate", {"mine"}, {"t"});
  const auto status = [&](const std::string& method, const std::string& target,
                          const std::string& body = "") {
    return Call(client_, method, target, token, body).status;
  };
  for (const char* action : {"/cancel", "/retry"}) {
    EXPECT_EQ(status("POST", others_job + action), 404) << action;
  }
  EXPECT_EQ(status("PATCH", others_job, R"({"priority":1})"), 404);
  EXPECT_EQ(status("DELETE", others_job), 404);
  EXPECT_EQ(status("PATCH", my_job, R"({"priority":1})"), 200);
  EXPECT_EQ(status("POST", my_job + "/cancel"), 200);
  EXPECT_EQ(status("DELETE", my_job), 204);
  const std::string cancel = R"({"action":"cancel","filter":{"status":["queued"],"type":"t")";
  EXPECT_EQ(status("POST", "/jobs/bulk", cancel + "}}"), 403) << "all queues";
  EXPECT_EQ(status("POST", "/jobs/bulk", cancel + R"(,"queue":"other"}})"), 403);
  EXPECT_EQ(status("POST", "/jobs/bulk", cancel + R"(,"queue":"mine"}})"), 200);
  const std::string by_id = R"({"action":"cancel","ids":[")" + others_job.substr(6) + R"("]})";
  EXPECT_EQ(Call(client_, "POST", "/jobs/bulk", token, by_id).Json().at("matched"), 0);
  EXPECT_EQ(status("POST", "/queues/other/pause"), 403);
  EXPECT_EQ(status("PUT", "/queues/other", "{}"), 403);
  EXPECT_EQ(status("POST", "/queues/mine/pause"), 403) << "types of others are in it";
  const std::string policy = R"({"kind":"fixed","delayMs":1})";
  EXPECT_EQ(status("PUT", "/retry-policies/u", policy), 403);
  EXPECT_EQ(status("PUT", "/retry-policies/t", policy), 403) << "queues of others have it";
  EXPECT_EQ(status("GET", "/audit"), 403);
  EXPECT_EQ(sql_.Value("select count(*) from djps.audit where actor = 'shift'"),
            sql_.Value("select count(*) from djps.audit where actor <> 'test'"));
  EXPECT_NE(sql_.Value("select count(*) from djps.audit"), "0");
}

TEST_F(AccessTest, AUniqueJobStaysInTheQueuesOfItsToken) {
  const std::string token = MakeToken("mine", "submit", {"mine"});
  const auto submit = [&](const std::string& unique) {
    return Call(client_, "POST", "/jobs", token,
                R"({"type":"t","queue":"mine","unique":)" + unique + "}");
  };
  EXPECT_EQ(submit(R"({"onConflict":"replace"})").status, 403);
  EXPECT_EQ(submit(R"({"onConflict":"replace","queue":true})").status, 201);
}

TEST_F(AccessTest, ARestrictedTokenIsNotToldWhichJobOfOthersHasAPlace) {
  const auto submit = [&](const std::string& queue) {
    return EnqueueOne({.type = "t", .queue = queue, .unique = Uniqueness{}});
  };
  const Uuid mine = submit("mine");
  Run(operators_.CancelJobs({mine}, "ann", std::nullopt, Soon()));
  const Uuid other = submit("other");
  const std::string token = MakeToken("shift", "operate", {"mine"});
  const HttpReply refused =
      Call(client_, "POST", "/jobs/" + mine.ToString() + "/retry", token, "{}");
  EXPECT_EQ(refused.status, 409) << refused.body;
  EXPECT_EQ(refused.Json().at("type"), "urn:djps:problem:unique-conflict");
  EXPECT_EQ(refused.body.find(other.ToString()), std::string::npos) << refused.body;
}

TEST_F(AccessTest, ARestrictedTokenReadsItsOwnQueuesAndTypes) {
  NewJob mine{.type = "t"};
  mine.queue = "mine";
  NewJob other{.type = "t"};
  other.queue = "other";
  const std::string my_job = "/jobs/" + EnqueueOne(mine).ToString();
  const std::string others_job = "/jobs/" + EnqueueOne(other).ToString();
  const std::string token = MakeToken("dashboard", "read", {"mine"}, {"t", "u"});
  const auto status = [&](const std::string& target) {
    return Call(client_, "GET", target, token).status;
  };
  for (const char* part : {"", "/attempts", "/wait?timeoutMs=0", "/explain"}) {
    EXPECT_EQ(status(my_job + part), 200) << part;
    EXPECT_EQ(status(others_job + part), 404) << part;
  }
  EXPECT_EQ(status(others_job + "/events"), 404);
  EXPECT_EQ(status("/jobs"), 403);
  EXPECT_EQ(status("/jobs?queue=mine"), 403) << "names no type";
  EXPECT_EQ(status("/jobs?queue=other&type=t"), 403);
  EXPECT_EQ(status("/jobs?queue=mine&type=v"), 403);
  EXPECT_EQ(status("/jobs?queue=mine&type=t"), 200);
  EXPECT_EQ(status("/queues/mine"), 403) << "jobs of other types are counted";
  const std::string by_queue = MakeToken("lead", "read", {"mine"});
  EXPECT_EQ(Call(client_, "GET", "/queues/mine", by_queue).status, 200);
  EXPECT_EQ(Call(client_, "GET", "/queues/other", by_queue).status, 403);
  const json::value queues = Call(client_, "GET", "/queues", by_queue).Json();
  ASSERT_EQ(queues.at("queues").as_array().size(), 1U);
  EXPECT_EQ(queues.at("queues").at(0).at("name"), "mine");
}

TEST_F(AccessTest, ARestrictedWorkerClaimsFromItsOwnQueuesAndTypes) {
  const std::string token = MakeToken("worker", "work", {"mine"}, {"t", "u"});
  const auto claim = [&](const std::string& rest) {
    return Call(client_, "POST", "/worker/claim", token, R"({"worker":"w",)" + rest + "}").status;
  };
  EXPECT_EQ(claim(R"("types":["t"])"), 403) << "the default queue";
  EXPECT_EQ(claim(R"("types":["t"],"queues":["mine","other"])"), 403);
  EXPECT_EQ(claim(R"("types":["t","v"],"queues":["mine"])"), 403);
  EXPECT_EQ(claim(R"("types":["t","u"],"queues":["mine"])"), 200);
}

TEST_F(AccessTest, ALeaseTokenAloneIsTheRightToFinishAJob) {
  NewJob job{.type = "t"};
  job.queue = "mine";
  EnqueueOne(job);
  const std::string claimer = MakeToken("claimer", "work", {"mine"}, {"t"});
  const json::value claimed = Call(client_, "POST", "/worker/claim", claimer,
                                   R"({"worker":"w","types":["t"],"queues":["mine"]})")
                                  .Json();
  const auto& held = claimed.at("jobs").at(0).as_object();
  const std::string body =
      fmt::format(R"({{"id":"{}","leaseToken":"{}"}})", std::string_view(held.at("id").as_string()),
                  std::string_view(held.at("lease_token").as_string()));
  const std::string other = MakeToken("other", "work", {"other"}, {"u"});
  EXPECT_EQ(Call(client_, "POST", "/worker/complete", MakeToken("reader", "read"), body).status,
            403);
  EXPECT_EQ(Call(client_, "POST", "/worker/complete", other, body).status, 200);
}

TEST_F(AccessTest, ARestrictedAdminGrantsListsAndRevokesNoMoreThanItHas) {
  const std::string admin = MakeToken("local", "admin", {"mine", "also"}, {"t"});
  MakeToken("chief", "admin");
  MakeToken("neighbour", "read", {"other"}, {"t"});
  MakeToken("inside", "read", {"mine"}, {"t"});
  const auto create = [&](const std::string& rest) {
    return Call(client_, "POST", "/tokens", admin,
                fmt::format(R"({{"name":"new","role":"admin"{}}})", rest));
  };
  const HttpReply refused = create("");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.Json().at("detail"),
            "The token \"local\" may use only the queues mine, also, so it can make tokens only "
            "for these: send \"queues\" with no others.");
  EXPECT_EQ(create(R"(,"queues":["mine"])").status, 403) << "any type";
  EXPECT_EQ(create(R"(,"types":["t"])").status, 403) << "any queue";
  EXPECT_EQ(create(R"(,"queues":["mine","other"],"types":["t"])").status, 403);
  EXPECT_EQ(create(R"(,"queues":["also"],"types":["t"])").status, 201);
  std::set<std::string> listed;
  const json::value list = Call(client_, "GET", "/tokens", admin).Json();
  for (const json::value& token : list.at("tokens").as_array()) {
    listed.emplace(token.at("name").as_string());
  }
  EXPECT_EQ(listed, (std::set<std::string>{"local", "inside", "new"}));
  const auto revoke = [&](const std::string& name) {
    return Call(client_, "DELETE", "/tokens/" + ids_[name].ToString(), admin).status;
  };
  EXPECT_EQ(revoke("chief"), 404);
  EXPECT_EQ(revoke("neighbour"), 404);
  EXPECT_EQ(revoke("inside"), 200);
  EXPECT_EQ(
      sql_.Value("select string_agg(name, ',') from djps.tokens where revoked_at is not null"),
      "inside");
}

TEST_F(AccessTest, RevocationIsSeenByEveryServer) {
  const std::string token = MakeToken("leaked", "admin");
  const std::string admin = MakeToken("admin", "admin");
  ApiServer second(conninfo_, WithTokens());
  HttpClient other = second.Connect();
  ASSERT_EQ(client_.Send("GET", "/tokens", {}, Bearer(token)).status, 200);
  ASSERT_EQ(other.Send("GET", "/tokens", {}, Bearer(token)).status, 200);
  const std::string path = "/tokens/" + ids_["leaked"].ToString();
  const HttpReply revoked = Call(client_, "DELETE", path, admin);
  EXPECT_EQ(revoked.status, 200);
  EXPECT_EQ(revoked.Json().at("status"), "revoked");
  EXPECT_TRUE(Becomes(client_, token, 401));
  EXPECT_TRUE(Becomes(other, token, 401));
  EXPECT_EQ(other.Send("GET", "/tokens", {}, Bearer(admin)).status, 200);
}

TEST_F(AccessTest, ATokenThatExpiresIsRefused) {
  const std::string token = MakeToken("short", "admin");
  ASSERT_EQ(client_.Send("GET", "/tokens", {}, Bearer(token)).status, 200);
  sql_.Run("update djps.tokens set expires_at = clock_timestamp() + interval '10 ms'");
  EXPECT_TRUE(Becomes(client_, token, 401));
}

TEST_F(AccessTest, UseIsNoted) {
  const std::string token = MakeToken("used", "admin");
  MakeToken("unused", "admin");
  const auto used = [&] {
    return sql_.Value(
        "select string_agg(name, ',') from djps.tokens where last_used_at is not "
        "null");
  };
  EXPECT_EQ(used(), "");
  ASSERT_EQ(client_.Send("GET", "/tokens", {}, Bearer(token)).status, 200);
  EXPECT_TRUE(RunUntil(io_, [&] { return used() == "used"; }));
  const std::string at = sql_.Value("select max(last_used_at) from djps.tokens");
  Run(tokens_.TouchToken(ids_["used"], Soon()));
  EXPECT_EQ(sql_.Value("select max(last_used_at) from djps.tokens"), at) << "once a minute";
}

TEST_F(AccessTest, TokensAreMadeListedAndRevokedOverHttp) {
  const std::string admin = MakeToken("admin", "admin");
  const HttpReply made =
      Call(client_, "POST", "/tokens", admin,
           R"({"name":"ci","role":"submit","queues":["q"],"expiresInMs":60000})");
  ASSERT_EQ(made.status, 201) << made.body;
  const json::value token = made.Json();
  EXPECT_EQ(token.at("queues"), json::value({"q"}));
  EXPECT_TRUE(token.at("types").is_null());
  EXPECT_TRUE(token.at("expires_at").is_string());
  const std::string secret(token.at("token").as_string());
  EXPECT_EQ(Call(client_, "POST", "/jobs", secret, R"({"type":"t","queue":"q"})").status, 201);

  const HttpReply again =
      Call(client_, "POST", "/tokens", admin, R"({"name":"ci","role":"submit"})");
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.Json().at("type"), "urn:djps:problem:token-name-taken");

  const HttpReply list = Call(client_, "GET", "/tokens", admin);
  EXPECT_EQ(list.Json().at("tokens").as_array().size(), 2U);
  EXPECT_EQ(list.body.find("djps_"), std::string::npos) << "never a secret";
  EXPECT_EQ(list.body.find("hash"), std::string::npos);

  const std::string path = "/tokens/" + std::string(token.at("id").as_string());
  const HttpReply first = Call(client_, "DELETE", path, admin);
  const HttpReply second = Call(client_, "DELETE", path, admin);
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(first.Json().at("revoked_at"), second.Json().at("revoked_at"));
  EXPECT_EQ(Call(client_, "POST", "/tokens", admin, R"({"name":"ci","role":"submit"})").status, 201)
      << "the name is free again";
}

TEST_F(AccessTest, BadTokensAreRefusedFieldByField) {
  const std::string admin = MakeToken("admin", "admin");
  const std::pair<const char*, const char*> cases[] = {
      {R"({})", "name"},
      {R"({"name":"a"})", "role"},
      {R"({"name":"a","role":"root"})", "role"},
      {R"({"name":"a","role":"none"})", "role"},
      {R"({"name":"a","role":7})", "role"},
      {R"({"name":"a b","role":"read"})", "name"},
      {R"({"name":"","role":"read"})", "name"},
      {R"({"name":"a","role":"read","queues":[]})", "queues"},
      {R"({"name":"a","role":"read","queues":"q"})", "queues"},
      {R"({"name":"a","role":"read","types":["a b"]})", "types[0]"},
      {R"({"name":"a","role":"read","expiresInMs":0})", "expiresInMs"},
      {R"({"name":"a","role":"read","expiresInMs":"1d"})", "expiresInMs"},
      {R"({"name":"a","role":"read","expiresAt":"2000-01-01T00:00:00Z"})", "expiresAt"},
      {R"({"name":"a","role":"read","expiresAt":"soon"})", "expiresAt"},
      {R"({"name":"a","role":"read","expiresAt":"2100-01-01T00:00:00Z","expiresInMs":5000})",
       "expiresInMs"},
      {R"({"name":"a","role":"read","scope":"x"})", "scope"}};
  for (const auto& [body, field] : cases) {
    const HttpReply reply = Call(client_, "POST", "/tokens", admin, body);
    EXPECT_EQ(reply.status, 422) << body << ": " << reply.body;
    if (reply.status != 422) continue;
    EXPECT_EQ(reply.Json().at("errors").at(0).at("field"), field) << body;
  }
  EXPECT_EQ(Call(client_, "POST", "/tokens", admin, "{").status, 400);
  EXPECT_EQ(Call(client_, "DELETE", "/tokens/x", admin).status, 400);
  EXPECT_EQ(Call(client_, "GET", "/tokens?limit=1", admin).status, 422);
  EXPECT_EQ(Call(client_, "DELETE", std::string("/tokens/") + kNobodysId, admin).status, 404);
  EXPECT_EQ(Count("tokens"), "1");
}

TEST_F(AccessTest, TheDatabaseHoldsTheHashAlone) {
  const std::string secret = MakeToken("me", "admin");
  EXPECT_EQ(sql_.Value("select hash = sha256('" + secret + "') from djps.tokens"), "t");
  EXPECT_EQ(sql_.Value("select count(*) from djps.tokens t where t::text like '%djps_%'"), "0");
}

TEST_F(AccessTest, NoSecretIsEverLogged) {
  std::ostringstream log;
  const auto before = spdlog::default_logger();
  const auto logger = std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log));
  logger->set_level(spdlog::level::trace);
  spdlog::set_default_logger(logger);
  const std::string secret = MakeToken("me", "admin");
  client_.Send("GET", "/tokens", {}, Bearer(secret));
  const HttpReply made = Call(client_, "POST", "/tokens", secret, R"({"name":"b","role":"read"})");
  Call(client_, "POST", "/jobs", secret, "{");
  sql_.Run("alter table djps.tokens rename to tokens_away");
  EXPECT_EQ(client_.Send("GET", "/tokens", {}, Bearer(secret)).status, 500);
  logger->info("end");
  spdlog::set_default_logger(before);
  EXPECT_NE(log.str().find("end"), std::string::npos);
  EXPECT_EQ(log.str().find(secret), std::string::npos) << log.str();
  EXPECT_EQ(log.str().find("djps_"), std::string::npos) << log.str();
}

}  // namespace
}  // namespace djps::test_support
