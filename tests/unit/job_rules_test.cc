#include "core/job_rules.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/json_text.h"
#include "core/option_limits.h"

namespace djps {
namespace {

TEST(MeasureJsonTest, CountsNumbersAsPostgresPrintsThem) {
  const auto bytes = [](std::string_view json) { return MeasureJson(json).bytes; };
  for (const std::string_view plain :
       {"0", "-1.50", "12345678901234567890", "null", R"("1e9 \" 1e9")", R"({"1e9":[true,7]})"}) {
    EXPECT_EQ(bytes(plain), plain.size()) << plain;
  }
  EXPECT_EQ(bytes("1e9"), std::string_view("1000000000").size());
  EXPECT_EQ(bytes("-1.25E+1"), std::string_view("-12.5").size());
  EXPECT_EQ(bytes("1e-3"), std::string_view("0.001").size());
  EXPECT_EQ(bytes("120e-1"), std::string_view("12.0").size());
  EXPECT_EQ(bytes("[1e3,-2e3]"), std::string_view("[1000,-2000]").size());
  EXPECT_EQ(bytes("1e131071"), 131'072U);
}

TEST(MeasureJsonTest, KnowsWhichNumbersPostgresHolds) {
  for (const char* held : {"1e131071", "9.99e131071", "1e-16383", "0.1e-16382", "0"}) {
    EXPECT_TRUE(MeasureJson(held).numeric) << held;
  }
  for (const char* beyond : {"1e131072", "10e131071", "1e-16384", "1e999999999999999999999",
                             "1e-999999999999999999999"}) {
    EXPECT_FALSE(MeasureJson(beyond).numeric) << beyond;
  }
  EXPECT_FALSE(MeasureJson("0." + std::string(16'384, '1')).numeric);
  EXPECT_TRUE(MeasureJson(std::string(131'072, '1')).numeric);
}

TEST(MeasureJsonTest, CountsLevelsOutsideOfStrings) {
  EXPECT_EQ(MeasureJson("7").depth, 0U);
  EXPECT_EQ(MeasureJson(R"([{"a":["[[[["]},{}])").depth, 3U);
  // Not JSON; must not crash.
  for (const char* broken : {"]]]][", "\"", "\"\\", "-", "}{", "1e", "[1e+"}) MeasureJson(broken);
}

TEST(JsonTroubleTest, SaysWhatIsWrong) {
  EXPECT_FALSE(JsonTrouble("null", 1'024));
  EXPECT_FALSE(JsonTrouble("[1e100,1e100]", 1'024));
  EXPECT_EQ(JsonTrouble('"' + std::string(1'023, 'x') + '"', 1'024),
            "must be at most 1024 bytes of JSON, got 1025");
  EXPECT_EQ(JsonTrouble("1e1024", 1'024),
            "must be at most 1024 bytes of JSON with its numbers written out (1e9 counts as "
            "1000000000), got 1025");
  EXPECT_EQ(JsonTrouble("1e131072", 1U << 20U),
            "holds a number that Postgres cannot store: at most 131072 digits before the point and "
            "16383 behind it");
  const std::size_t deep = kJsonDepthMax + 1;
  EXPECT_EQ(JsonTrouble(std::string(deep, '[') + std::string(deep, ']'), 1'024),
            "nests deeper than 64 levels");
}

TEST(ValidateOptionsTest, NamesEveryOptionThatIsWrong) {
  NewJob job{.type = "t", .max_attempts = 1};
  EXPECT_TRUE(ValidateOptions(job).empty());
  job.delay = std::chrono::milliseconds(-1);
  job.key_lifetime = std::chrono::seconds(1);
  job.tags = {"good", "\xff"};
  job.metadata = "[]";
  job.retry.emplace().factor = std::numeric_limits<double>::quiet_NaN();
  job.timeout = std::chrono::milliseconds(0);
  job.finish_by = Timestamp::max();
  job.unique.emplace().key = "";
  std::string fields;
  for (const FieldError& error : ValidateOptions(job)) fields += error.field + " ";
  EXPECT_EQ(fields,
            "delayMs keyLifetimeMs tags[1] metadata retry.factor timeoutMs finishBy unique.key ");
}

}  // namespace
}  // namespace djps
