#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "server/http/problem.h"

namespace djps::server {

/// Members that are split per object, more than any request has. Further ones are only counted, so
/// that the cost stays proportional to the bytes.
inline constexpr std::size_t kMembersMax = 100;
/// Items that are split per array. No request may have more.
inline constexpr std::size_t kItemsMax = 1'000;

/// A member of an object in an array: its value is a part of the array's text.
struct ParsedPart {
  std::string name;
  std::size_t begin = 0;
  std::size_t size = 0;
};

/// An item of an array, as a part of the array's text.
struct ParsedItem {
  std::size_t begin = 0;
  std::size_t size = 0;
  bool is_object = false;
  std::vector<ParsedPart> members = {};  ///< The first kMembersMax.
  std::size_t member_count = 0;
};

struct ParsedMember {
  std::string name;
  std::string value;  ///< Compact JSON, with numbers as they were sent.
  bool is_array = false;
  std::vector<ParsedItem> items = {};  ///< The first kItemsMax.
  std::size_t item_count = 0;
};

struct ParsedObject {
  std::vector<ParsedMember> members = {};  ///< The first kMembersMax.
  std::size_t member_count = 0;
};

/// Splits the JSON object of a body into its members, and objects in its arrays into theirs, in one
/// pass. The body may be fed in arbitrary pieces.
class FieldsParser {
 public:
  FieldsParser();
  ~FieldsParser();
  FieldsParser(FieldsParser&&) noexcept;
  FieldsParser& operator=(FieldsParser&&) = delete;

  void Feed(std::string_view piece);

  /// Call it once, at the end. An empty body means {}.
  tl::expected<ParsedObject, Problem> Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace djps::server
