#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "djps/result.h"

namespace djps {

/// One member of a JSON object. The value stays text, so that numbers keep all their digits.
struct JsonMember {
  std::string name;
  std::string value;
};

/// The members of a JSON object, in their order, values without white space.
///
/// Errors: kInvalidArgument when `text` is not a JSON object.
Result<std::vector<JsonMember>> SplitObject(std::string_view text);

/// The values of a JSON array, without white space. Errors: kInvalidArgument.
Result<std::vector<std::string>> SplitArray(std::string_view text);

/// The value of the member `name`; nothing if it is missing or null.
std::optional<std::string> FindMember(const std::vector<JsonMember>& members,
                                      std::string_view name);

/// The unescaped text of a JSON string; nothing if `value` is not a string.
std::optional<std::string> ReadJsonString(std::string_view value);

/// Nothing when `value` is not an integer that fits, written without fraction and exponent.
std::optional<long long> ReadJsonInteger(std::string_view value);

/// The same, but 34 may be written 34.0 or 3.4e1 as well, as JSON Schema's "integer" allows and
/// some libraries do; so written it is exact up to 2^53.
std::optional<long long> ReadJsonWholeNumber(std::string_view value);

/// `text` (UTF-8) as a JSON string, quotes included.
std::string JsonString(std::string_view text);

/// A JSON value for people: strings without their quotes, anything else as it is.
std::string PlainJson(std::string_view value);

}  // namespace djps
