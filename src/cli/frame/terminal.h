#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/frame/environment.h"

namespace djps::cli {

/// The style of output: colours only on a terminal, and not with NO_COLOR (https://no-color.org).
class Style {
 public:
  explicit Style(bool colors) : colors_(colors) {}

  std::string Bold(std::string_view text) const { return Paint("1", text); }
  std::string Dim(std::string_view text) const { return Paint("2", text); }
  std::string Good(std::string_view text) const { return Paint("32", text); }
  std::string Bad(std::string_view text) const { return Paint("31", text); }
  std::string Pending(std::string_view text) const { return Paint("33", text); }

  bool colors() const { return colors_; }

 private:
  std::string Paint(std::string_view code, std::string_view text) const;

  bool colors_;
};

/// The outputs of this process.
struct Terminal {
  Style out{false};
  Style log{false};
  bool error_is_terminal = false;
  bool out_is_terminal = false;
  std::size_t width = 0;  ///< Characters per line of standard output; 0: no terminal, no limit.
};

Terminal DetectTerminal(const Environment& environment);

/// Writes to standard output. A closed pipe (`| head`) is handled at the end of main.
void Print(std::string_view text);

/// Aligned columns; the first row is the heading. The last column is not padded.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows, const Style& style);

/// Names and values, one pair per line.
std::string FormatFields(const std::vector<std::pair<std::string, std::string>>& fields,
                         const Style& style);

/// Approximate number of characters: bytes that are not UTF-8 continuation bytes.
std::size_t TextWidth(std::string_view text);

/// "4,213".
std::string FormatCount(std::uint64_t count);

/// "1 job", "4,213 jobs".
std::string FormatCount(std::uint64_t count, std::string_view noun);

/// Writes control characters as "\x1b" or "\u009b", and U+FFFD for bytes that are not UTF-8, so
/// that text of others cannot control the terminal or begin a line of its own.
std::string Printable(std::string_view text);

}  // namespace djps::cli
