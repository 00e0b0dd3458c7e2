// djps token, and clients that send one, as processes.
#include "core/api_token.h"
#include "integration/cli_program.h"
#include "support/api_server.h"
#include "support/postgres.h"

namespace djps::cli {
namespace {

class CliTokenTest : public testing::Test {
 protected:
  Ended Token(Args args) const {
    args.insert(args.begin(), "token");
    args.insert(args.end(), {"--database-url", conninfo_});
    return Djps(std::move(args));
  }

  /// The token alone is on standard output.
  std::string Create(Args args) const {
    args.insert(args.begin(), "create");
    const Ended ended = Token(std::move(args));
    EXPECT_EQ(ended.code, 0) << ended.err;
    return ended.out.substr(0, ended.out.find('\n'));
  }

  std::string conninfo_ = test_support::Postgres().NewDatabase();
};

TEST_F(CliTokenTest, MakesATokenThatAServerTakes) {
  server::ServerConfig config;
  config.access = server::AccessMode::kToken;
  const test_support::ApiServer server(conninfo_, config);
  const std::string url = "http://127.0.0.1:" + std::to_string(server.port());
  const Args enqueue = {"enqueue", "--type", "t", "--server", url};
  const Ended refused = Djps(enqueue);
  EXPECT_EQ(refused.code, 1);
  EXPECT_TRUE(Contains(refused.err, "answered 401")) << refused.err;

  const std::string token = Create({"me", "--role", "submit"});
  const Ended stored = Djps(enqueue, "", {"DJPS_TOKEN=" + token});
  ASSERT_EQ(stored.code, 0) << stored.err;
  const std::string id = stored.out.substr(0, stored.out.find('\n'));
  EXPECT_EQ(Djps({"job", "get", id, "--server", url, "--token", token}).code, 0);
  EXPECT_EQ(Djps({"job", "get", id, "--server", url, "--token", "djps_wrong"}).code, 1);
  EXPECT_EQ(Djps({"health", "--server", url}).code, 0);
  EXPECT_EQ(Djps(enqueue, "", {"DJPS_TOKEN=" + token + "\r\nX: y"}).code, 2);
}

TEST_F(CliTokenTest, ListsTokensWithoutSecrets) {
  EXPECT_TRUE(Contains(Token({"list"}).out, "There are no tokens"));
  const std::string secret = Create({"billing", "--role", "submit", "--queue", "a", "--queue", "b",
                                     "--type", "send", "--expires", "30d"});
  EXPECT_TRUE(secret.starts_with("djps_"));
  const Ended table = Token({"list"});
  EXPECT_EQ(table.code, 0);
  for (const char* part : {"NAME", "billing", "submit", "active", "a,b", "send", "never"}) {
    EXPECT_TRUE(Contains(table.out, part)) << table.out;
  }
  const Ended listed = Token({"list", "--json"});
  for (const Ended* ended : {&table, &listed}) {
    EXPECT_FALSE(Contains(ended->out, secret));
    EXPECT_FALSE(Contains(ended->out, HashApiToken(secret)));
  }
  const boost::json::object token = listed.Json().at("tokens").at(0).as_object();
  EXPECT_EQ(token.at("queues"), boost::json::value({"a", "b"}));
  EXPECT_TRUE(token.at("expires_at").is_string());
}

TEST_F(CliTokenTest, RevokesByNameOrId) {
  Create({"a", "--role", "read"});
  const Ended made = Token({"create", "b", "--role", "admin", "--json"});
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(Token({"revoke", "a"}).code, 0);
  const std::string id(made.Json().at("id").as_string());
  EXPECT_EQ(Token({"revoke", id, "--json"}).Json().at("status"), "revoked");
  EXPECT_EQ(Token({"revoke", id}).code, 0) << "safe to repeat";
  EXPECT_EQ(Token({"revoke", "a"}).code, 1) << "no living token has that name";
  EXPECT_EQ(Token({"list", "--json"}).Json().at("tokens").as_array().size(), 0U);
  EXPECT_EQ(Token({"list", "--all", "--json"}).Json().at("tokens").as_array().size(), 2U);
}

TEST_F(CliTokenTest, RefusesWhatIsNotValid) {
  Create({"taken", "--role", "read"});
  const Ended taken = Token({"create", "taken", "--role", "read"});
  EXPECT_EQ(taken.code, 1);
  EXPECT_TRUE(Contains(taken.err, "djps token revoke taken")) << taken.err;
  for (const Args& args :
       {Args{"a b", "--role", "read"}, Args{"a", "--role", "root"}, Args{"a", "--role", "none"},
        Args{"a"}, Args{"--role", "read"}, Args{"a", "--role", "read", "--queue", "a b"},
        Args{"a", "--role", "read", "--type", ""},
        Args{"a", "--role", "read", "--expires", "30"}}) {
    Args all = {"create"};
    all.insert(all.end(), args.begin(), args.end());
    const Ended ended = Token(all);
    EXPECT_EQ(ended.code, 2) << testing::PrintToString(args) << ended.err;
    EXPECT_EQ(ended.out, "");
  }
}

TEST_F(CliTokenTest, ADeploymentBringsItsFirstTokenAlong) {
  const std::string secret(40, 's');
  const Args environment = {"DJPS_BOOTSTRAP_TOKEN=" + secret, "DJPS_AUTH=token"};
  for (int start = 0; start < 2; ++start) {
    Program server(WithBinary({"server", "--database-url", conninfo_, "--port", "0"}), environment);
    ASSERT_TRUE(WaitUntil([&] { return Contains(server.Err(), "listening on "); })) << server.Err();
    const std::string err = server.Err();
    const std::size_t at = err.find("http://");
    const std::string url = err.substr(at, err.find_first_of("; \n", at) - at);
    const Ended stored =
        Djps({"enqueue", "--type", "t", "--server", url}, "", {"DJPS_TOKEN=" + secret});
    EXPECT_EQ(stored.code, 0) << stored.err;
    EXPECT_EQ(Djps({"enqueue", "--type", "t", "--server", url}).code, 1);
    server.Signal(SIGTERM);
    EXPECT_FALSE(Contains(server.Wait().err, secret));
  }
  EXPECT_EQ(Token({"list", "--json"}).Json().at("tokens").as_array().size(), 1U);
  for (const std::string& bad :
       {std::string("short"), std::string(31, 's'), secret + " " + secret}) {
    const Ended refused = Program(WithBinary({"server", "--database-url", conninfo_}),
                                  {"DJPS_BOOTSTRAP_TOKEN=" + bad})
                              .Wait();
    EXPECT_EQ(refused.code, 2) << refused.err;
    EXPECT_FALSE(Contains(refused.err, bad + " ")) << refused.err;
  }
}

TEST_F(CliTokenTest, AnOpenServerSaysHowToLetOthersIn) {
  const Ended ended = Djps({"server", "--database-url", conninfo_, "--address", "0.0.0.0"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_TRUE(Contains(ended.err, "djps token create NAME --role admin")) << ended.err;
  EXPECT_TRUE(Contains(ended.err, "--auth token")) << ended.err;
  EXPECT_EQ(Djps({"server", "--database-url", conninfo_, "--auth", "maybe"}).code, 2);
}

}  // namespace
}  // namespace djps::cli
