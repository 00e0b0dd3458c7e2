#include <gtest/gtest.h>

#include <sstream>

#include "cli/commands/ndjson.h"
#include "core/validation.h"

namespace djps::cli {
namespace {

constexpr std::size_t kLines = 20;

std::string ErrorOf(const std::string& text) {
  std::istringstream input(text);
  NdjsonReader reader(input, "jobs.ndjson");
  for (auto batch = reader.Next(2);; batch = reader.Next(2)) {
    if (!batch) return batch.error().message;
    if (batch->jobs.empty()) return "none";
  }
}

TEST(NdjsonTest, ReadsBatchesAndKnowsTheirLines) {
  std::istringstream input(
      "{\"type\":\"a\"}\n\n  \t\r\n{\"type\":\"b\",\"payload\":1e400}\n"
      "{\"type\":\"c\",\"idempotencyKey\":\"k\"}");
  NdjsonReader reader(input, "jobs.ndjson");
  const auto first = reader.Next(2);
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_EQ(first->jobs.size(), 2U);
  EXPECT_EQ(first->jobs[1].type, "b");
  EXPECT_EQ(first->jobs[1].payload, "1e400") << "numbers keep their text";
  EXPECT_EQ(first->first_line, 1U);
  EXPECT_EQ(first->last_line, 4U);

  const auto second = reader.Next(2);
  ASSERT_TRUE(second) << second.error().message;
  ASSERT_EQ(second->jobs.size(), 1U);
  EXPECT_EQ(second->jobs[0].idempotency_key, "k");
  EXPECT_EQ(second->first_line, 5U);
  EXPECT_TRUE(reader.Next(2)->jobs.empty());
  EXPECT_EQ(reader.bytes_read(), input.str().size());
}

TEST(NdjsonTest, NamesTheLineAndWhatIsWrongWithIt) {
  EXPECT_EQ(ErrorOf("{\"type\":\"a\"}\n\n{\"payload\":1}\n"),
            "line 3 of jobs.ndjson: type is required");
  EXPECT_NE(ErrorOf("{\"type\":\"a\"}\n{\"type\":\n").find("line 2 of jobs.ndjson: "),
            std::string::npos);
  EXPECT_NE(ErrorOf("[1]").find("line 1 of jobs.ndjson: "), std::string::npos);
  const std::string typo = ErrorOf("{\"type\":\"a\",\"prioritty\":1}");
  EXPECT_NE(typo.find("line 1 of jobs.ndjson: prioritty"), std::string::npos) << typo;
  const std::string both = ErrorOf("{\"type\":\"a b\",\"priority\":\"x\"}");
  EXPECT_NE(both.find("type "), std::string::npos) << both;
  EXPECT_NE(both.find("priority "), std::string::npos) << both;
  EXPECT_NE(both.find("; "), std::string::npos) << both;
}

TEST(NdjsonTest, RefusesALineThatNeverEnds) {
  const std::string text = "{\"type\":\"a\"}\n" + std::string(5 * kPayloadBytesMax, ' ');
  EXPECT_NE(ErrorOf(text).find("line 2 of jobs.ndjson: is longer than"), std::string::npos);
}

TEST(NdjsonTest, EndsABatchEarlyWhenItGrowsLarge) {
  const std::string line =
      "{\"type\":\"a\",\"payload\":\"" + std::string(kPayloadBytesMax - 100, 'x') + "\"}\n";
  std::string text;
  for (std::size_t i = 0; i < kLines; ++i) text += line;
  std::istringstream input(text);
  NdjsonReader reader(input, "jobs.ndjson");
  const auto batch = reader.Next(kLines);
  ASSERT_TRUE(batch) << batch.error().message;
  EXPECT_LT(batch->jobs.size(), kLines);
  EXPECT_GT(batch->jobs.size(), 1U);
}

}  // namespace
}  // namespace djps::cli
