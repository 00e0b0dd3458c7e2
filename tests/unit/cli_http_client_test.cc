#include <gtest/gtest.h>

#include "cli/link/http_client.h"

namespace djps::cli {
namespace {

TEST(ServerUrlTest, TakesAUrlApart) {
  const auto url = ParseServerUrl("http://jobs.internal:8080/djps/");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->text, "http://jobs.internal:8080/djps");
  EXPECT_EQ(url->host, "jobs.internal");
  EXPECT_EQ(url->port, "8080");
  EXPECT_EQ(url->prefix, "/djps");
}

TEST(ServerUrlTest, FillsInWhatIsLeftOut) {
  const auto url = ParseServerUrl("http://localhost");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->port, "80");
  EXPECT_EQ(url->prefix, "");
}

TEST(ServerUrlTest, UnderstandsAddressesOfBothKinds) {
  EXPECT_EQ(ParseServerUrl("http://[::1]:3000")->host, "::1");
  EXPECT_EQ(ParseServerUrl("http://127.0.0.1:3000")->host, "127.0.0.1");
}

TEST(ServerUrlTest, RefusesWhatItCannotUse) {
  for (const char* text :
       {"", "localhost:3000", "localhost", "/path", "ftp://a", "http://", "http://a:b",
        "http://a:0", "http://a:65536", "http://a/?x=1", "http://a/#x", "http://a b"}) {
    const auto url = ParseServerUrl(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(ServerUrlTest, SaysWhatToDoAboutHttps) {
  const auto url = ParseServerUrl("https://jobs.example.com");
  ASSERT_FALSE(url);
  EXPECT_NE(url.error().message.find("supports only http"), std::string::npos);
}

TEST(ServerUrlTest, NeverRepeatsAPassword) {
  for (const char* text : {"http://me:secret@host", "http://me:secret@host:x", "me:secret@host"}) {
    const auto url = ParseServerUrl(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().message.find("secret"), std::string::npos) << url.error().message;
  }
}

}  // namespace
}  // namespace djps::cli
