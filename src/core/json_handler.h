#pragma once

#include <cstddef>

namespace djps {

/// The limits that Boost.JSON's basic_parser requires of a handler. There are none here, since the
/// code that feeds the parser bounds its input.
struct UnlimitedJsonHandler {
  static constexpr std::size_t kUnlimited = static_cast<std::size_t>(-1);
  // NOLINTBEGIN(readability-identifier-naming): Boost.JSON looks for these names.
  static constexpr std::size_t max_object_size = kUnlimited;
  static constexpr std::size_t max_array_size = kUnlimited;
  static constexpr std::size_t max_key_size = kUnlimited;
  static constexpr std::size_t max_string_size = kUnlimited;
  // NOLINTEND(readability-identifier-naming)
};

}  // namespace djps
