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

/// Of each object this many members are looked at, more than any request has; further ones are
/// counted, so that nothing that is sent costs more than its bytes.
inline constexpr std::size_t kMembersMax = 100;
/// Of each array this many items. No request may have more.
inline constexpr std::size_t kItemsMax = 1'000;

/// A member of an object inside an array: its value is a part of the array's text.
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
  std::string value;  ///< Compact JSON, its numbers as they were sent.
  bool is_array = false;
  std::vector<ParsedItem> items = {};  ///< The first kItemsMax.
  std::size_t item_count = 0;
};

struct ParsedObject {
  std::vector<ParsedMember> members = {};  ///< The first kMembersMax.
  std::size_t member_count = 0;
};

/// Splits the JSON object of a body into its members, and those of the objects in its arrays, in
/// one pass. The body may be fed in pieces cut anywhere.
class FieldsParser {
 public:
  FieldsParser();
  ~FieldsParser();
  FieldsParser(FieldsParser&&) noexcept;
  FieldsParser& operator=(FieldsParser&&) = delete;

  void Feed(std::string_view piece);

  /// Once, at the end. Nothing fed at all is {}.
  tl::expected<ParsedObject, Problem> Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace djps::server
