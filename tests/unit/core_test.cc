// The pure parts: identifiers, times, texts, waiting times.
#include <gtest/gtest.h>

#include <set>

#include "core/backoff.h"
#include "core/ids.h"
#include "core/random.h"
#include "core/text.h"
#include "core/time_text.h"
#include "djps/error.h"
#include "djps/job.h"

namespace djps {
namespace {

using namespace std::chrono_literals;

TEST(UuidTest, TextFormRoundTrips) {
  const std::string text = "019a0b1c-2d3e-7f40-8a5b-6c7d8e9f0a1b";
  const auto id = Uuid::Parse(text);
  ASSERT_TRUE(id);
  EXPECT_EQ(id->ToString(), text);
  EXPECT_EQ(Uuid::Parse("019A0B1C-2D3E-7F40-8A5B-6C7D8E9F0A1B"), id);
}

TEST(UuidTest, AnythingElseIsRefused) {
  for (const char* text :
       {"", "019a0b1c", "019a0b1c-2d3e-7f40-8a5b-6c7d8e9f0a1",
        "g19a0b1c-2d3e-7f40-8a5b-6c7d8e9f0a1b", "019a0b1c-2d3e-7f40-8a5b-6c7d8e9f0a1b ",
        "019a0b1c2d3e7f408a5b6c7d8e9f0a1b", "019a0b1c-2d3e-7f40-8a5b+6c7d8e9f0a1b",
        "{19a0b1c-2d3e-7f40-8a5b-6c7d8e9f0a1}", "019a0b1c-2d3e-7f40-8a5b-6c7d8e9f0a--"}) {
    EXPECT_FALSE(Uuid::Parse(text)) << text;
  }
}

TEST(IdGeneratorTest, JobIdCarriesItsMoment) {
  IdGenerator ids;
  const Timestamp moment(1'764'000'000'123'456us);
  const Uuid id = ids.NextJobId(moment);
  std::int64_t ms = 0;
  for (int i = 0; i < 6; ++i) ms = ms << 8 | id.bytes[static_cast<std::size_t>(i)];
  EXPECT_EQ(ms, 1'764'000'000'123);
  EXPECT_EQ(id.bytes[6] >> 4, 7) << "version";
  EXPECT_EQ(id.bytes[8] >> 6, 2) << "variant";
  EXPECT_EQ(id.bytes[15] & 0x3f, 0) << "lane";
}

TEST(IdGeneratorTest, JobIdsIncreaseEvenWhenTheClockStandsOrStepsBack) {
  IdGenerator ids;
  const Timestamp moment(1'764'000'000'000'000us);
  Uuid last = ids.NextJobId(moment);
  for (int i = 0; i < 20'000; ++i) {
    const Uuid next = ids.NextJobId(i % 3 == 0 ? moment - 1h : moment);
    ASSERT_LT(last, next) << i;
    last = next;
  }
}

TEST(IdGeneratorTest, LeaseTokensAreRandomVersion4) {
  IdGenerator ids;
  std::set<Uuid> seen;
  for (int i = 0; i < 1'000; ++i) {
    const Uuid token = ids.NewLeaseToken();
    EXPECT_EQ(token.bytes[6] >> 4, 4);
    EXPECT_EQ(token.bytes[8] >> 6, 2);
    EXPECT_TRUE(seen.insert(token).second);
  }
}

TEST(TimeTextTest, FormatsInUtcWithMicroseconds) {
  EXPECT_EQ(FormatTimestamp(Timestamp(0us)), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(FormatTimestamp(Timestamp(1'764'000'000'000'001us)), "2025-11-24T16:00:00.000001Z");
}

TEST(TimeTextTest, ReadsRfc3339) {
  const Timestamp moment(1'764'000'000'000'000us);
  EXPECT_EQ(ParseTimestamp("2025-11-24T16:00:00Z"), moment);
  EXPECT_EQ(ParseTimestamp("2025-11-24t16:00:00z"), moment);
  EXPECT_EQ(ParseTimestamp("2025-11-24 17:30:00+01:30"), moment);
  EXPECT_EQ(ParseTimestamp("2025-11-24T08:00:00-08:00"), moment);
  EXPECT_EQ(ParseTimestamp("2025-11-24T16:00:00.5Z"), moment + 500ms);
  EXPECT_EQ(ParseTimestamp("2025-11-24T16:00:00.123456789Z"), moment + 123'456us);
  EXPECT_TRUE(ParseTimestamp("2024-02-29T00:00:00Z")) << "a leap day";
}

TEST(TimeTextTest, RefusesWhatIsNoMoment) {
  for (const char* text :
       {"", "tomorrow", "2025-11-24", "2025-11-24T16:00:00", "2025-11-24T16:00Z",
        "2025-13-01T00:00:00Z", "2025-02-29T00:00:00Z", "2025-11-31T00:00:00Z",
        "2025-11-24T24:00:00Z", "2025-11-24T16:60:00Z", "2025-11-24T16:00:61Z",
        "2025-11-24T16:00:00.Z", "2025-11-24T16:00:00+25:00", "2025-11-24T16:00:00Z x",
        "1969-12-31T23:59:59Z", "-2025-11-24T16:00:00Z", "99999-01-01T00:00:00Z"}) {
    EXPECT_FALSE(ParseTimestamp(text)) << text;
  }
}

TEST(CleanTextTest, KeepsWellFormedTextAndReplacesTheRest) {
  EXPECT_EQ(CleanText("plain \xC3\xA4 \xF0\x9F\x98\x80", 100), "plain \xC3\xA4 \xF0\x9F\x98\x80");
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(CleanText(std::string_view("a\0b", 3), 100), "a" + mark + "b");
  EXPECT_EQ(CleanText("\xff", 100), mark);
  EXPECT_EQ(CleanText("\xC0\x80", 100), mark + mark) << "overlong";
  EXPECT_EQ(CleanText("\xED\xA0\x80", 100), mark + mark + mark) << "a surrogate";
  EXPECT_EQ(CleanText("\xF4\x90\x80\x80", 100), mark + mark + mark + mark) << "over U+10FFFF";
  EXPECT_EQ(CleanText("\xE2\x82", 100), mark + mark) << "cut short";
}

TEST(CleanTextTest, CutsAtACharacterBorder) {
  EXPECT_EQ(CleanText("ab\xC3\xA4", 3), "ab");
  EXPECT_EQ(CleanText("ab\xC3\xA4", 4), "ab\xC3\xA4");
  EXPECT_EQ(CleanText("abc", 0), "");
}

TEST(CleanJsonTest, LeavesOnlyWhatPostgresTakes) {
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(CleanJson(R"({"a":"b\u00e9\\\n"})"), R"({"a":"b\u00e9\\\n"})");
  EXPECT_EQ(CleanJson(R"("\u0000\ud800x\udc00")"), R"("\ufffd\ufffdx\ufffd")");
  EXPECT_EQ(CleanJson(R"("\ud83d\ude00 \\u0000 \ud83d\ud83d\ude00")"),
            R"("\ud83d\ude00 \\u0000 \ufffd\ud83d\ude00")");
  EXPECT_EQ(CleanJson("\"\xff\""), "\"" + mark + "\"");
  EXPECT_EQ(CleanJson(R"("\u00)"), R"("\u00)");
  EXPECT_EQ(CleanJson("\\"), "\\");
}

TEST(BackoffTest, GrowsToItsCapAndStartsOverAfterReset) {
  Backoff backoff(10ms, 1000ms);
  for (int i = 0; i < 100; ++i) {
    const auto ceiling = std::min<std::chrono::milliseconds>(1000ms, 10ms * (1 << std::min(i, 20)));
    const auto wait = backoff.Next();
    EXPECT_LE(wait, ceiling);
    EXPECT_GE(wait, ceiling / 10 - 1ms);
  }
  backoff.Reset();
  EXPECT_LE(backoff.Next(), 10ms);
}

TEST(RandomSourceTest, FractionsFillTheUnitInterval) {
  RandomSource random;
  double low = 1;
  double high = 0;
  for (int i = 0; i < 10'000; ++i) {
    const double value = random.Fraction();
    ASSERT_GE(value, 0);
    ASSERT_LT(value, 1);
    low = std::min(low, value);
    high = std::max(high, value);
  }
  EXPECT_LT(low, 0.01);
  EXPECT_GT(high, 0.99);
}

TEST(StatusTest, NamesRoundTrip) {
  for (const char* name : {"queued", "running", "succeeded", "failed", "canceled", "dead"}) {
    const auto status = ParseStatus(name);
    ASSERT_TRUE(status) << name;
    EXPECT_EQ(StatusName(*status), name);
  }
  EXPECT_FALSE(ParseStatus("done"));
}

TEST(ErrorTest, EveryCodeHasItsOwnName) {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    EXPECT_TRUE(names.insert(ErrorName(static_cast<ErrorCode>(code))).second) << code;
  }
}

}  // namespace
}  // namespace djps
