#include <gtest/gtest.h>

#include "cli/frame/answer.h"
#include "cli/frame/table.h"
#include "cli/link/api.h"

namespace djps::cli {
namespace {

Table Example() {
  Table table({{"NAME"}, {"COUNT", Align::kRight}, {"WHAT"}});
  table.Add({{"größe"}, {"7"}, {"x", Tone::kBad}});
  table.Add({{"a"}, {"1,234"}, {"a long text"}});
  return table;
}

TEST(TableTest, AlignsColumnsAndLeavesNoSpacesAtTheEnd) {
  EXPECT_EQ(Example().Format(Style(false), 0),
            "NAME   COUNT  WHAT\n"
            "größe      7  x\n"
            "a      1,234  a long text\n");
}

TEST(TableTest, CutsLinesWhereTheTerminalEnds) {
  EXPECT_EQ(Example().Format(Style(false), 18),
            "NAME   COUNT  WHAT\n"
            "größe      7  x\n"
            "a      1,234  a l…\n");
  EXPECT_EQ(Example().Format(Style(false), 3), "NA…\ngr…\na\n");
  EXPECT_EQ(Example().Format(Style(false), 6), "NAME\ngröße\na\n");
}

TEST(TableTest, ColoursDoNotCountAsWidth) {
  const std::string table = Example().Format(Style(true), 15);
  EXPECT_NE(table.find("\x1b[31mx\x1b[0m\n"), std::string::npos) << table;
  EXPECT_NE(table.find("…\n"), std::string::npos) << table;
}

TEST(TableTest, TextOfOthersCannotSteerTheTerminal) {
  Table table({{"A"}});
  table.Add({{"x\x1b[2J\ny"}});
  EXPECT_EQ(table.Format(Style(false), 0), "A\nx\\x1b[2J\\x0ay\n");
}

TEST(AnswerTest, ReadsWhatIsThereAndNothingOfWhatIsNot) {
  const Answer answer =
      *Answer::Parse(R"({"a":"x","n":7,"b":true,"o":{"c":"y"},"l":[1,{"d":2}],"z":null})");
  EXPECT_EQ(answer.Text("a"), "x");
  EXPECT_EQ(answer.Integer("n"), 7);
  EXPECT_TRUE(answer.Bool("b"));
  EXPECT_EQ(answer.Object("o").Text("c"), "y");
  EXPECT_EQ(answer.Items("l"), (std::vector<std::string>{"1", R"({"d":2})"}));
  EXPECT_EQ(answer.Text("z"), "");
  EXPECT_EQ(answer.Integer("a"), std::nullopt);
  EXPECT_EQ(answer.Object("none").Text("c"), "");
  EXPECT_TRUE(answer.Items("none").empty());
  EXPECT_FALSE(Answer::Parse("<html>").has_value());
}

TEST(AnswerTest, ShowsNumbersAndTimesForPeople) {
  EXPECT_EQ(ShownCount(1'234'567, false), "~1,234,567");
  EXPECT_EQ(ShownCount(12, false), "12") << "counted, beside others that were estimated";
  EXPECT_EQ(ShownCount(10'000, true), "10,000");
  EXPECT_EQ(ShownCount(std::nullopt), "-");
  EXPECT_EQ(ShownDuration(250), "250ms");
  EXPECT_EQ(ShownDuration(12'999), "12s");
  EXPECT_EQ(ShownDuration(200'000), "3m 20s");
  EXPECT_EQ(ShownDuration(7'200'000), "2h");
  EXPECT_EQ(ShownDuration(90'000'000), "1d 1h");
  EXPECT_EQ(ShownDuration(std::nullopt), "-");
  EXPECT_EQ(ShortTime("2026-11-24T07:11:29.123456Z"), "2026-11-24 07:11:29");
  EXPECT_EQ(ShortTime(""), "-");
}

TEST(ApiTest, WritesOnlyTheParametersThatAreSet) {
  EXPECT_EQ(WriteQuery({}), "");
  EXPECT_EQ(WriteQuery({{"a", ""}}), "");
  EXPECT_EQ(WriteQuery({{"a", "x y"}, {"b", ""}, {"c", "1+1&2"}}), "?a=x%20y&c=1%2B1%262");
}

}  // namespace
}  // namespace djps::cli
