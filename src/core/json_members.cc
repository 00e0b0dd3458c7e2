#include "core/json_members.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <cmath>

#include "core/json_text.h"
#include "core/validation.h"

namespace djps {
namespace {

/// Splits the inside of a compact, valid object or array at the `separator`s of its top level.
std::vector<std::string_view> CutTopLevel(std::string_view inside, char separator) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < inside.size(); ++i) {
    const char c = inside[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (c == separator && depth == 0) {
      parts.push_back(inside.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  if (!inside.empty()) parts.push_back(inside.substr(begin));
  return parts;
}

/// The text between the outermost brackets, compact.
Result<std::string> Inside(std::string_view text, char opening, const char* kind) {
  Result<std::string> compact = CompactJson(text, kWrappedDepthMax);
  if (!compact) return compact;
  if (compact->front() != opening) {
    return Failure(ErrorCode::kInvalidArgument,
                   std::string("must be a JSON ") + kind + ", got " + ShortenForMessage(*compact));
  }
  return compact->substr(1, compact->size() - 2);
}

}  // namespace

Result<std::vector<JsonMember>> SplitObject(std::string_view text) {
  const Result<std::string> inside = Inside(text, '{', "object");
  if (!inside) return tl::unexpected<Error>(inside.error());
  std::vector<JsonMember> members;
  for (const std::string_view part : CutTopLevel(*inside, ',')) {
    const std::string_view name = CutTopLevel(part, ':').front();
    members.push_back(
        {ReadJsonString(name).value_or(""), std::string(part.substr(name.size() + 1))});
  }
  return members;
}

Result<std::vector<std::string>> SplitArray(std::string_view text) {
  const Result<std::string> inside = Inside(text, '[', "array");
  if (!inside) return tl::unexpected<Error>(inside.error());
  const std::vector<std::string_view> parts = CutTopLevel(*inside, ',');
  return std::vector<std::string>(parts.begin(), parts.end());
}

std::optional<std::string> FindMember(const std::vector<JsonMember>& members,
                                      std::string_view name) {
  for (const JsonMember& member : members) {
    if (member.name == name && member.value != "null") return member.value;
  }
  return std::nullopt;
}

std::optional<std::string> ReadJsonString(std::string_view value) {
  boost::system::error_code error;
  const boost::json::value parsed = boost::json::parse({value.data(), value.size()}, error);
  if (error || !parsed.is_string()) return std::nullopt;
  return std::string(parsed.get_string().begin(), parsed.get_string().end());
}

std::optional<long long> ReadJsonInteger(std::string_view value) {
  long long number = 0;
  const char* const begin = value.data();
  const char* const end = begin + value.size();
  const auto [rest, error] = std::from_chars(begin, end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

std::optional<long long> ReadJsonWholeNumber(std::string_view value) {
  if (const auto integer = ReadJsonInteger(value)) return integer;
  constexpr double kExactMax = 9007199254740992.0;
  boost::system::error_code error;
  const boost::json::value parsed = boost::json::parse({value.data(), value.size()}, error);
  if (error || !parsed.is_double()) return std::nullopt;
  const double number = parsed.get_double();
  if (std::abs(number) > kExactMax || number != std::trunc(number)) return std::nullopt;
  return static_cast<long long>(number);
}

std::string JsonString(std::string_view text) {
  std::string json;
  AppendJsonString(json, text);
  return json;
}

std::string PlainJson(std::string_view value) {
  return ReadJsonString(value).value_or(std::string(value));
}

}  // namespace djps
