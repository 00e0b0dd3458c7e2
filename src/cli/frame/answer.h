#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json_members.h"
#include "djps/result.h"

namespace djps::cli {

/// A JSON object of a server's answer, for display. A member that is missing, as from a server of
/// another version, reads as empty.
class Answer {
 public:
  /// Errors: kInternal when `json` is not an object.
  static Result<Answer> Parse(std::string_view json);

  /// A string without its quotes, any other value as JSON; empty for null.
  std::string Text(std::string_view name) const;
  std::optional<std::int64_t> Integer(std::string_view name) const;
  bool Bool(std::string_view name) const { return Text(name) == "true"; }
  /// A nested object.
  Answer Object(std::string_view name) const;
  /// The items of an array, as JSON.
  std::vector<std::string> Items(std::string_view name) const;

 private:
  std::vector<JsonMember> members_;
};

/// "2026-11-24 07:11:29" for an RFC 3339 time in UTC, "-" for none.
std::string ShortTime(const std::string& time);

/// "~4,213" for an estimate; "-" for none.
std::string ShownCount(std::optional<std::int64_t> count, bool exact = true);

/// "250ms", "12s", "3m 20s", "2h 5m", "3d 4h"; "-" for none.
std::string ShownDuration(std::optional<std::int64_t> ms);

}  // namespace djps::cli
