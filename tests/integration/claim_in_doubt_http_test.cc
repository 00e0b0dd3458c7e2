// The same as claim_in_doubt_test.cc for workers over HTTP: their server gives back claims whose
// result it does not know.
#include <fmt/format.h>

#include "support/postgres_proxy.h"
#include "support/work_api.h"

namespace djps::test_support {
namespace {

class ClaimInDoubtOverHttpTest : public StoreTest {
 protected:
  PostgresProxy proxy_{conninfo_};
  ApiServer server_{proxy_.conninfo()};
  HttpClient client_ = server_.Connect();
};

TEST_F(ClaimInDoubtOverHttpTest, IsGivenBackByTheServer) {
  const std::string claim = R"({"worker":"w","types":["t"]})";
  const Uuid first = EnqueueOne({.type = "t"});  // so that the server knows the queue
  const HttpReply held = client_.Post("/worker/claim", claim);
  ASSERT_EQ(held.status, 200);
  Complete(*Uuid::Parse(TextOf(held.Json().as_object(), "lease")), first);
  const Uuid id = EnqueueOne({.type = "t", .max_attempts = 1});
  proxy_.Hold();
  client_.SendRaw(
      fmt::format("POST /worker/claim HTTP/1.1\r\nHost: localhost\r\n"
                  "Content-Length: {}\r\n\r\n{}",
                  claim.size(), claim));
  ASSERT_TRUE(RunUntil(io_, [this] { return Count("leases") == "1"; }));
  proxy_.Cut();
  EXPECT_EQ(client_.ReadReply().status, 503);
  ASSERT_TRUE(RunUntil(io_, [this] {
    return sql_.Value("select attempts from djps.ready") == "0";
  })) << Job(id).attempts;
  const HttpReply again = client_.Post("/worker/claim", claim);
  EXPECT_NE(again.body.find(R"("attempt":1)"), std::string::npos) << again.body;
}

}  // namespace
}  // namespace djps::test_support
