// Open access, without tokens: the requests that are refused nevertheless.
#include <fmt/format.h>

#include <regex>
#include <stdexcept>

#include "support/token_server.h"

namespace djps::test_support {
namespace {

class OpenAccessTest : public StoreTest {};

TEST_F(OpenAccessTest, AnOpenServerListensOnThisMachineAlone) {
  for (const char* address : {"0.0.0.0", "::"}) {
    server::ServerConfig config;
    config.address = address;
    try {
      const ApiServer server(conninfo_, config);
      ADD_FAILURE() << "listens on " << address;
    } catch (const std::runtime_error& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find("djps token create"), std::string::npos) << message;
      EXPECT_NE(message.find("--auth token"), std::string::npos) << message;
      EXPECT_NE(message.find("--insecure-open-access"), std::string::npos) << message;
    }
  }
}

TEST_F(OpenAccessTest, WithTokensOrTheLoudFlagItListensAnywhere) {
  server::ServerConfig config = WithTokens();
  config.address = "0.0.0.0";
  {
    const ApiServer server(conninfo_, config);
    EXPECT_EQ(server.Connect().Get("/tokens").status, 401);
  }
  config.access = server::AccessMode::kOpen;
  config.insecure_open_access = true;
  const ApiServer server(conninfo_, config);
  EXPECT_EQ(server.Connect().Get("/tokens").status, 200);
}

TEST_F(OpenAccessTest, NeedsNoTokenAndMindsNone) {
  const ApiServer server(conninfo_);
  HttpClient client = server.Connect();
  EXPECT_EQ(client.Post("/jobs", R"({"type":"t"})").status, 201);
  EXPECT_EQ(client.Send("GET", "/tokens", {}, Bearer("nonsense")).status, 200);
}

TEST_F(OpenAccessTest, AnswersOnlyToNamesOfThisMachine) {
  const ApiServer server(conninfo_);
  const auto status = [&](const std::string& method, const std::string& headers) {
    HttpClient client = server.Connect();
    client.SendRaw(fmt::format(
        "{} /jobs HTTP/1.1\r\n{}Content-Length: 12\r\n\r\n{{\"type\":\"t\"}}", method, headers));
    const HttpReply reply = client.ReadReply();
    if (reply.status == 403) {
      const std::string detail(reply.Json().at("detail").as_string());
      EXPECT_NE(detail.find("--auth token"), std::string::npos) << detail;
    }
    return reply.status;
  };
  for (const char* host : {"localhost", "LOCALHOST:3000", "jobs.localhost:80", "127.0.0.1",
                           "127.9.9.9:1", "[::1]:3000", "[::1]"}) {
    EXPECT_EQ(status("POST", fmt::format("Host: {}\r\n", host)), 201) << host;
  }
  for (const char* host :
       {"rebound.example", "localhost.example", "notlocalhost", "10.0.0.1:3000",
        "127.0.0.1.example:3000", "[::2]", "[::1", "\"", "", "[::1].evil.example",
        "localhost:@evil.example", "localhost:80:80", "localhost:x", "[localhost]", "a@localhost",
        "localhost.", "[::1]3000"}) {
    EXPECT_EQ(status("POST", fmt::format("Host: {}\r\n", host)), 403) << host;
    EXPECT_EQ(status("GET", fmt::format("Host: {}\r\n", host)), 403) << host;
  }
  EXPECT_EQ(sql_.Value("select count(*) from djps.jobs"), "7");
}

TEST_F(OpenAccessTest, AnOpenServerOnEveryAddressAnswersToAllowedNamesAlone) {
  server::ServerConfig config;
  config.address = "0.0.0.0";
  config.insecure_open_access = true;
  config.allowed_hosts = {"jobs.example", "10.1.2.3", "fd00::7"};
  const ApiServer server(conninfo_, config);
  const auto status = [&](const std::string& line, const std::string& host) {
    HttpClient client = server.Connect();
    client.SendRaw(fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", line, host));
    return client.ReadReply().status;
  };
  for (const char* host : {"localhost:3000", "127.0.0.1", "0.0.0.0:3000", "JOBS.example:80",
                           "10.1.2.3:3000", "[fd00::7]:3000"}) {
    EXPECT_EQ(status("/queues", host), 200) << host;
  }
  for (const char* host : {"evil.example", "10.1.2.4", "sub.jobs.example", "jobs.example@evil"}) {
    EXPECT_EQ(status("/queues", host), 403) << host;
  }
  // The host of the request line counts, whatever the header says.
  EXPECT_EQ(status("http://evil.example/queues", "localhost"), 403);
  EXPECT_EQ(status("http://localhost:@evil.example/queues", "localhost"), 403);
  EXPECT_EQ(status("http://localhost/queues", "evil.example"), 200);
}

TEST_F(OpenAccessTest, RefusesPagesOfOtherSites) {
  server::ServerConfig anywhere;
  anywhere.insecure_open_access = true;
  anywhere.allowed_hosts = {"jobs.example"};
  const ApiServer local(conninfo_);
  const ApiServer behind_a_proxy(conninfo_, anywhere);
  const auto status = [](const ApiServer& server, std::string_view method, std::string_view host,
                         const char* origin) {
    HttpClient client = server.Connect();
    client.SendRaw(
        fmt::format("{} /queues HTTP/1.1\r\nHost: {}\r\nOrigin: {}\r\n\r\n", method, host, origin));
    return client.ReadReply().status;
  };
  for (const char* origin : {"http://localhost:3000", "http://127.0.0.1:5173", "http://[::1]"}) {
    EXPECT_EQ(status(local, "GET", "localhost:3000", origin), 200) << origin;
  }
  for (const char* origin : {"https://evil.example", "null", "", "http://localhost.evil.example"}) {
    for (const char* method : {"GET", "POST", "DELETE"}) {
      EXPECT_EQ(status(local, method, "localhost:3000", origin), 403) << method << origin;
      EXPECT_EQ(status(behind_a_proxy, method, "jobs.example", origin), 403) << method << origin;
    }
  }
  EXPECT_EQ(status(behind_a_proxy, "GET", "jobs.example", "https://jobs.example"), 200);
  server::ServerConfig with_tokens = WithTokens();
  const ApiServer closed(conninfo_, with_tokens);
  EXPECT_EQ(status(closed, "GET", "jobs.example", "https://evil.example"), 401)
      << "a page has no token";
}

TEST_F(OpenAccessTest, ThePageMayRunItsOwnScriptAndNothingElse) {
  const ApiServer server(conninfo_);
  const HttpReply reply = server.Connect().Get("/docs");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.Header("Content-Type"), "text/html; charset=utf-8");
  const std::regex policy(
      "default-src 'none'; connect-src 'self'; script-src 'sha256-[A-Za-z0-9+/]{43}='; style-src "
      "'sha256-[A-Za-z0-9+/]{43}='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  EXPECT_TRUE(std::regex_match(reply.Header("Content-Security-Policy"), policy))
      << reply.Header("Content-Security-Policy");
}

}  // namespace
}  // namespace djps::test_support
