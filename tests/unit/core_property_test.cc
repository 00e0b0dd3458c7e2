// Properties of the parsers in src/core that hold for every input, each tried on a hundred random
// inputs. A failure shows the smallest input that it finds; RC_PARAMS repeats or lengthens a run.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#include "core/json_members.h"
#include "core/json_text.h"
#include "core/text.h"
#include "core/time_text.h"
#include "djps/uuid.h"
#include "support/texts.h"

namespace djps {
namespace {

namespace json = boost::json;
using test_support::AnyText;
using test_support::MadeOf;
using test_support::WithSpaces;

// ---- Times --------------------------------------------------------------------------------------

constexpr Timestamp kFirstTime{};
constexpr Timestamp kEndOfTime = std::chrono::sys_days(std::chrono::January / 1 / 10'000);

/// Two of three are within a day of either end.
rc::Gen<Timestamp> AnyTime() {
  constexpr std::int64_t kEnd = kEndOfTime.time_since_epoch().count();
  constexpr std::int64_t kDay = 86'400'000'000;
  const auto time = rc::gen::oneOf(rc::gen::inRange<std::int64_t>(0, kDay),
                                   rc::gen::inRange<std::int64_t>(0, kEnd),
                                   rc::gen::inRange<std::int64_t>(kEnd - kDay, kEnd));
  return rc::gen::map(rc::gen::resize(rc::kNominalSize, time), [](std::int64_t microseconds) {
    return Timestamp(std::chrono::microseconds(microseconds));
  });
}

RC_GTEST_PROP(TimeTextProperty, ReadsBackWhatItPrints, ()) {
  const Timestamp time = *AnyTime();
  RC_ASSERT(ParseTimestamp(FormatTimestamp(time)) == time);
}

RC_GTEST_PROP(TimeTextProperty, PrintsDatesAsTheCLibraryDoes, ()) {
  const Timestamp time = *AnyTime();
  const std::time_t seconds =
      std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  RC_ASSERT(FormatTimestamp(time).substr(0, size) == std::string(text, size));
}

RC_GTEST_PROP(TimeTextProperty, AnOffsetMovesTheMoment, ()) {
  const Timestamp time = *AnyTime();
  const int minutes = *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(0, 24 * 60));
  const bool east = *rc::gen::arbitrary<bool>();
  const std::string offset =
      fmt::format("{}{:02}:{:02}", east ? '+' : '-', minutes / 60, minutes % 60);
  std::string text = FormatTimestamp(time);
  text.replace(text.size() - 1, 1, offset);
  const Timestamp moved = time - std::chrono::minutes(east ? minutes : -minutes);
  const auto read = ParseTimestamp(text);
  if (read) RC_ASSERT(*read == moved);
  RC_ASSERT(read.has_value() == (moved >= kFirstTime && moved < kEndOfTime));
}

RC_GTEST_PROP(TimeTextProperty, WhatItAcceptsItCanPrint, ()) {
  const std::string text = *MadeOf("0123456789-:.TZ+ ", FormatTimestamp(*AnyTime()));
  const auto read = ParseTimestamp(text);
  if (read) RC_ASSERT(ParseTimestamp(FormatTimestamp(*read)) == read);
}

// ---- Identifiers --------------------------------------------------------------------------------

RC_GTEST_PROP(UuidProperty, ReadsBackWhatItPrints, ()) {
  Uuid id;
  for (std::uint8_t& byte : id.bytes) byte = *rc::gen::arbitrary<std::uint8_t>();
  RC_ASSERT(Uuid::Parse(id.ToString()) == id);
}

RC_GTEST_PROP(UuidProperty, AcceptsNothingElse, ()) {
  const std::string text = *MadeOf("0123456789abcdefABCDEFg-{} ", Uuid().ToString());
  const auto id = Uuid::Parse(text);
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (id) RC_ASSERT(id->ToString() == lower);
}

// ---- JSON ---------------------------------------------------------------------------------------

std::string AnyNumber() {
  const std::string digits = *rc::gen::nonEmpty(MadeOf("0123456789"));
  std::string text = *rc::gen::element<std::string>("", "-");
  text += digits.find_first_not_of('0') == std::string::npos
              ? "0"
              : digits.substr(digits.find_first_not_of('0'));
  text += *rc::gen::element<std::string>("", ".0", ".50", "e3", "E+07", "e-2");
  return text;
}

std::string AnyJsonString() {
  return JsonString(*rc::gen::map(AnyText(), [](std::string text) {
    std::erase(text, '\0');
    return CleanText(text, text.size());
  }));
}

/// The pieces of a random value, in their order: white space may stand between any two.
void AppendValue(std::vector<std::string>& pieces, int depth) {
  const int kind = *rc::gen::inRange(0, depth > 0 ? 6 : 4);
  if (kind == 0) pieces.push_back(*rc::gen::element<std::string>("null", "true", "false"));
  if (kind == 1 || kind == 2) pieces.push_back(AnyNumber());
  if (kind == 3) pieces.push_back(AnyJsonString());
  if (kind < 4) return;
  const bool object = kind == 5;
  pieces.emplace_back(object ? "{" : "[");
  const int count = *rc::gen::inRange(0, 4);
  for (int i = 0; i < count; ++i) {
    if (i > 0) pieces.emplace_back(",");
    if (object) {
      pieces.push_back(AnyJsonString());
      pieces.emplace_back(":");
    }
    AppendValue(pieces, depth - 1);
  }
  pieces.emplace_back(object ? "}" : "]");
}

std::vector<std::string> AnyJson() {
  std::vector<std::string> pieces;
  AppendValue(pieces, 4);
  return pieces;
}

std::string Join(const std::vector<std::string>& pieces) {
  std::string text;
  for (const std::string& piece : pieces) text += piece;
  return text;
}

RC_GTEST_PROP(CompactJsonProperty, DropsTheWhiteSpaceAndNothingElse, ()) {
  const std::vector<std::string> pieces = AnyJson();
  const auto compact = CompactJson(*WithSpaces(pieces));
  RC_ASSERT(compact.has_value());
  RC_ASSERT(*compact == Join(pieces));
}

/// Boost's own reader of whole documents, without what Postgres cannot hold.
bool ReferenceAccepts(const std::string& text) {
  json::parse_options options;
  options.max_depth = kJsonDepthMax;
  boost::system::error_code error;
  const json::value value = json::parse(text, error, {}, options);
  return !error && json::serialize(value).find("\\u0000") == std::string::npos;
}

RC_GTEST_PROP(CompactJsonProperty, AcceptsWhatTheReferenceAccepts, ()) {
  const std::string text = *MadeOf("{}[]\",:\\u0d8eE+-.12ntrl \n\xc3\xa9", Join(AnyJson()));
  const auto compact = CompactJson(text);
  RC_ASSERT(compact.has_value() == ReferenceAccepts(text));
  if (compact) RC_ASSERT(CompactJson(*compact) == *compact);
}

RC_GTEST_PROP(JsonMembersProperty, TheMembersPutTogetherAreTheObject, ()) {
  std::vector<std::string> pieces{"{"};
  std::vector<JsonMember> members;
  const int count = *rc::gen::inRange(0, 5);
  for (int i = 0; i < count; ++i) {
    if (i > 0) pieces.emplace_back(",");
    const std::string name = AnyJsonString();
    const std::vector<std::string> value = AnyJson();
    members.push_back({ReadJsonString(name).value(), Join(value)});
    pieces.push_back(name);
    pieces.emplace_back(":");
    pieces.insert(pieces.end(), value.begin(), value.end());
  }
  pieces.emplace_back("}");
  const auto read = SplitObject(*WithSpaces(pieces));
  RC_ASSERT(read.has_value());
  RC_ASSERT(read->size() == members.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    RC_ASSERT((*read)[i].name == members[i].name);
    RC_ASSERT((*read)[i].value == members[i].value);
  }
}

RC_GTEST_PROP(JsonMembersProperty, ReadsBackTheStringsThatItWrites, ()) {
  const std::string text = *rc::gen::map(
      AnyText(), [](const std::string& bytes) { return CleanText(bytes, bytes.size()); });
  RC_ASSERT(ReadJsonString(JsonString(text)) == text);
}

RC_GTEST_PROP(JsonMembersProperty, ReadsBackIntegers, (long long number)) {
  const std::string text = std::to_string(number);
  RC_ASSERT(ReadJsonInteger(text) == number);
  RC_ASSERT(ReadJsonWholeNumber(text) == number);
  RC_ASSERT(!ReadJsonInteger(text + "0000000000000000000") || number == 0);
}

RC_GTEST_PROP(CleanTextProperty, PostgresTakesTheResultAndItStaysAsItIs, ()) {
  const std::string bytes = *AnyText();
  const std::size_t bytes_max = *rc::gen::inRange<std::size_t>(0, 64);
  const std::string clean = CleanText(bytes, bytes_max);
  RC_ASSERT(clean.size() <= bytes_max);
  RC_ASSERT(CompactJson(JsonString(clean)).has_value());
  RC_ASSERT(CleanText(clean, clean.size()) == clean);
}

}  // namespace
}  // namespace djps
