#include "server/wire/list_cursor.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "server/wire/explanation.h"

namespace djps::server {
namespace {

store::ListPosition Example() {
  return {.id = *Uuid::Parse("019a2b3c-4d5e-7f60-8123-456789abcdef"),
          .queue = "mail",
          .priority = -7,
          .visible_at = Timestamp(std::chrono::microseconds(1'764'000'000'123'456))};
}

TEST(ListCursorTest, ReadsWhatItWrote) {
  const std::string cursor = WriteCursor(Example(), "scope");
  const auto position = ReadCursor(cursor, "scope");
  ASSERT_TRUE(position);
  EXPECT_EQ(position->id, Example().id);
  EXPECT_EQ(position->queue, "mail");
  EXPECT_EQ(position->priority, -7);
  EXPECT_EQ(position->visible_at, Example().visible_at);
  EXPECT_TRUE(std::all_of(cursor.begin(), cursor.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  })) << "URL-safe";
}

TEST(ListCursorTest, RefusesEveryChange) {
  const std::string cursor = WriteCursor(Example(), "scope");
  EXPECT_FALSE(ReadCursor(cursor, "other"));
  EXPECT_FALSE(ReadCursor("", "scope"));
  EXPECT_FALSE(ReadCursor("zz", "scope"));
  EXPECT_FALSE(ReadCursor(cursor + "0", "scope"));
  for (std::size_t i = 0; i < cursor.size(); ++i) {
    std::string changed = cursor;
    changed[i] = changed[i] == '0' ? '1' : '0';
    EXPECT_FALSE(ReadCursor(changed, "scope")) << i;
    EXPECT_FALSE(ReadCursor(cursor.substr(0, i), "scope")) << i;
  }
}

TEST(ExplanationTest, EveryReasonHasItsSentence) {
  store::JobReason reason{.reason = "behind", .queue = "q", .type = "t"};
  reason.ahead = 1;
  EXPECT_EQ(ExplainInWords(reason),
            "1 job of queue q comes before it, by priority and by the time they are due.");
  reason.ahead = 10'000;
  reason.ahead_exact = false;
  EXPECT_EQ(ExplainInWords(reason),
            "At least 10000 jobs of queue q come before it, by priority and "
            "by the time they are due.");
  reason.ahead = 0;
  EXPECT_EQ(ExplainInWords(reason),
            "The job is the next one of queue q: the next worker that asks "
            "for jobs of type t gets it.");
}

}  // namespace
}  // namespace djps::server
