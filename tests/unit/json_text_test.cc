#include "core/json_text.h"

#include <gtest/gtest.h>

#include <string>

namespace djps {
namespace {

TEST(JsonTextTest, EscapesEveryControlCharacterQuoteAndBackslash) {
  std::string out;
  AppendJsonString(out, std::string_view("a\"\\/\b\f\n\r\t\x01\x1f\x7f\0\u00e9", 15));
  EXPECT_EQ(out, "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u0000\u00e9\"");
  out.clear();
  AppendJsonString(out, "");
  EXPECT_EQ(out, "\"\"");
}

TEST(JsonTextTest, NamesPlacesForPeopleAndPrograms) {
  const JsonPath path = JsonPath().Member("jobs").Index(3).Member("payload").Member("a/b~c%\u00e9");
  EXPECT_EQ(path.Name(), "jobs[3].payload.a/b~c%\u00e9");
  EXPECT_EQ(path.Pointer(), "#/jobs/3/payload/a~1b~0c%25%C3%A9");
  EXPECT_EQ(JsonPath().Name(), "");
  EXPECT_EQ(JsonPath().Pointer(), "#");
}

TEST(CompactJsonTest, KeepsValuesAndDropsWhiteSpace) {
  EXPECT_EQ(CompactJson(" [ 1e400 , -0 , \"a b\" , { \"k\" : null } ] ").value(),
            R"([1e400,-0,"a b",{"k":null}])");
  EXPECT_EQ(CompactJson("7").value(), "7");
}

TEST(CompactJsonTest, SaysWhatIsWrongAndWhere) {
  const auto message = [](std::string_view text) {
    const auto result = CompactJson(text);
    return result ? "accepted: " + *result : result.error().message;
  };
  EXPECT_EQ(message(""), "ends in the middle of the JSON (at offset 0)");
  EXPECT_EQ(message("{to: 1}"), "is not JSON (at offset 1)");
  EXPECT_EQ(message("1 2"), "goes on after the end of the JSON (at offset 2)");
  EXPECT_EQ(message("\"\xff\""),
            "holds a byte that is not UTF-8, or not inside a string (at offset 1)");
  EXPECT_EQ(message(R"(["\ud800"])"),
            "holds half of a surrogate pair (\\ud800 to \\udfff need a partner) (at offset 8)");
  EXPECT_EQ(message(R"({"a":["\u0000"]})"),
            "holds a NUL character (\\u0000) at a[0], which Postgres cannot store");
  EXPECT_EQ(message(R"("\u0000")"), "holds a NUL character (\\u0000), which Postgres cannot store");
  EXPECT_EQ(message(std::string(65, '[') + std::string(65, ']')),
            "nests deeper than 64 levels (at offset 64)");
}

}  // namespace
}  // namespace djps
