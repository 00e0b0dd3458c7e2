#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "store/token_store.h"
#include "support/api_server.h"
#include "support/store_fixture.h"

namespace djps::test_support {

inline server::ServerConfig WithTokens() {
  server::ServerConfig config;
  config.access = server::AccessMode::kToken;
  config.token_reload_pause = std::chrono::milliseconds(0);
  return config;
}

inline HttpClient::Headers Bearer(const std::string& token) {
  return {{"Authorization", "Bearer " + token}};
}

inline HttpReply Call(HttpClient& client, const std::string& method, const std::string& target,
                      const std::string& token, const std::string& body = "") {
  HttpClient::Headers headers = {{"Content-Type", "application/json"}};
  if (!token.empty()) headers.emplace_back("Authorization", "Bearer " + token);
  return client.Send(method, target, body, headers);
}

/// A server that requires tokens.
class TokenServerTest : public StoreTest {
 protected:
  std::string MakeToken(const std::string& name, const std::string& role,
                        const std::vector<std::string>& queues = {},
                        const std::vector<std::string>& types = {}) {
    const auto created =
        Run(tokens_.CreateToken({.grant = {name, role, queues, types}}, "test", Soon()));
    EXPECT_EQ(created.outcome, store::CreatedToken::Outcome::kCreated);
    ids_[name] = created.record.id;
    return created.secret;
  }

  void Revoke(const std::string& name) {
    ASSERT_TRUE(Run(tokens_.RevokeToken(ids_.at(name), "test", Soon())));
  }

  /// Asks until the answer has this status.
  static bool Becomes(HttpClient& client, const std::string& token, int status) {
    const auto end = std::chrono::steady_clock::now() + kRunDeadline;
    while (std::chrono::steady_clock::now() < end) {
      if (client.Send("GET", "/tokens", {}, Bearer(token)).status == status) return true;
    }
    return false;
  }

  store::TokenStore tokens_{*pool_};
  std::map<std::string, Uuid> ids_;
  ApiServer server_{conninfo_, WithTokens()};
  HttpClient client_ = server_.Connect();
};

}  // namespace djps::test_support
