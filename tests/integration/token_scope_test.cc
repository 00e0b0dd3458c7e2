// What a restricted token sees of others, and what is written down about tokens.
#include <fmt/format.h>

#include "support/token_server.h"

namespace djps::test_support {
namespace {

class TokenScopeTest : public TokenServerTest {};

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
