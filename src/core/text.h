#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace djps {

/// `text` as Postgres will take it: invalid UTF-8 and NUL become U+FFFD, and what goes beyond
/// `bytes_max` is cut off at a character's border.
std::string CleanText(std::string_view text, std::size_t bytes_max);

/// `text` up to the white space at its end, such as the line break of a file.
std::string_view WithoutSpaceAtEnd(std::string_view text);

/// JSON whose strings hold only what Postgres will take: invalid UTF-8, NUL and halves of surrogate
/// pairs (\u0000, \ud800) become U+FFFD. What is no JSON stays none.
std::string CleanJson(std::string_view json);

}  // namespace djps
