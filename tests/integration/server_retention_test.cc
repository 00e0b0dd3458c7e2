// The retention rules that a token may see and set.
#include "store/history_store.h"
#include "support/token_server.h"

namespace djps::test_support {
namespace {

using namespace std::chrono_literals;

class ServerRetentionTest : public StoreTest {
 protected:
  HttpReply Send(const std::string& method, const std::string& body = "") {
    return client_.Send(method, "/retention", body,
                        {{"Content-Type", "application/json"}, {"Authorization", bearer_}});
  }

  store::HistoryStore history_{*pool_};
  store::TokenStore tokens_{*pool_};
  ApiServer server_{conninfo_, WithTokens()};
  HttpClient client_ = server_.Connect();
  std::string bearer_;
};

TEST_F(ServerRetentionTest, ARestrictedTokenSeesAndSetsTheRulesOfItsQueues) {
  const auto created =
      Run(tokens_.CreateToken({.grant = {"shift", "operate", {"mine"}}}, "me", Soon()));
  bearer_ = "Bearer " + created.secret;
  Run(history_.SetRetention({"other", JobStatus::kDead, 24h}, false, "ann", Soon()));
  const std::string forever = R"("status":"dead","forever":true})";
  EXPECT_EQ(Send("PUT", "{" + forever).status, 403) << "all queues";
  EXPECT_EQ(Send("PUT", R"({"queue":"other",)" + forever).status, 403);
  EXPECT_EQ(Send("PUT", R"({"queue":"mine",)" + forever).status, 200);
  EXPECT_EQ(Send("GET").body.find("other"), std::string::npos);
  EXPECT_NE(Send("GET").body.find("mine"), std::string::npos);
  EXPECT_EQ(Send("GET").Json().at("retention").as_array().size(), 4U);
  EXPECT_EQ(sql_.Value("select string_agg(actor || ' ' || target, ', ' order by id) "
                       "from djps.audit where action not like '%token%'"),
            "ann other, shift mine");
}

}  // namespace
}  // namespace djps::test_support
