#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace djps {

/// Makes `text` storable in Postgres: invalid UTF-8 and NUL become U+FFFD, and the text is cut to
/// `bytes_max` between characters.
std::string CleanText(std::string_view text, std::size_t bytes_max);

/// `text` without white space at its end, such as the line break of a file.
std::string_view WithoutSpaceAtEnd(std::string_view text);

/// Makes the strings in JSON storable in Postgres: invalid UTF-8, NUL and halves of surrogate pairs
/// (\u0000, \ud800) become U+FFFD. Does not repair invalid JSON.
std::string CleanJson(std::string_view json);

}  // namespace djps
