#include <gtest/gtest.h>

#include "cli/frame/duration.h"

namespace djps::cli {
namespace {

using std::chrono::milliseconds;

TEST(DurationTest, ReadsEveryUnit) {
  const std::pair<const char*, milliseconds> cases[] = {
      {"500ms", milliseconds(500)},
      {"10s", milliseconds(10'000)},
      {"5m", milliseconds(300'000)},
      {"2h", milliseconds(7'200'000)},
      {"30d", milliseconds(30LL * 86'400'000)},
      {"0s", milliseconds(0)},
      {"0", milliseconds(0)},
      {"87600h", milliseconds(87'600LL * 3'600'000)}};
  for (const auto& [text, expected] : cases) {
    const auto duration = ParseDuration(text);
    ASSERT_TRUE(duration) << text << ": " << duration.error().message;
    EXPECT_EQ(*duration, expected) << text;
  }
}

TEST(DurationTest, RefusesANumberWithoutUnitAndSaysWhatToWrite) {
  const auto duration = ParseDuration("10");
  ASSERT_FALSE(duration);
  EXPECT_EQ(duration.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(duration.error().message.find("the unit is missing"), std::string::npos);
  EXPECT_NE(duration.error().message.find("10s"), std::string::npos);
}

TEST(DurationTest, RefusesWhatIsNoDuration) {
  for (const char* text : {"", "s", "-5s", "+5s", "5 s", " 5s", "5s ", "5S", "5w", "3651d", "1.5h",
                           "1h30m", "0x5s", "5sec", "ten", "87601h", "99999999999999999999s",
                           "9223372036854775807h", "18446744073709551615ms"}) {
    const auto duration = ParseDuration(text);
    ASSERT_FALSE(duration) << text;
    EXPECT_NE(duration.error().message.find(std::string("\"") + text + "\""), std::string::npos)
        << duration.error().message;
  }
}

TEST(DurationTest, FormatsWithTheLargestUnitThatFits) {
  for (const char* text : {"1ms", "1500ms", "10s", "90s", "5m", "90m", "2h", "30d", "0"}) {
    EXPECT_EQ(FormatDuration(ParseDuration(text).value()), text);
  }
  EXPECT_EQ(FormatDuration(milliseconds(60'000)), "1m");
}

}  // namespace
}  // namespace djps::cli
