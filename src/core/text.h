#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace djps {

/// `text` as Postgres will take it: invalid UTF-8 and NUL become U+FFFD, and what goes beyond
/// `bytes_max` is cut off at a character's border.
std::string CleanText(std::string_view text, std::size_t bytes_max);

}  // namespace djps
