#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace djps {

/// A 128-bit identifier in network byte order (RFC 9562). Job ids are version 7 (ordered by
/// creation), lease tokens version 4 (unguessable).
struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  auto operator<=>(const Uuid&) const = default;

  /// The usual 36 characters, lower case.
  std::string ToString() const;

  /// Accepts only the 36-character form, in upper or lower case; else nullopt.
  static std::optional<Uuid> Parse(std::string_view text);
};

}  // namespace djps

template <>
struct std::hash<djps::Uuid> {
  std::size_t operator()(const djps::Uuid& id) const noexcept;
};
