#include "cli/frame/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "core/text.h"

namespace djps::cli {
namespace {

constexpr std::size_t kDigitGroup = 3;

std::string Padded(const std::string& text, std::size_t width) {
  const std::size_t have = TextWidth(text);
  return have < width ? text + std::string(width - have, ' ') : text;
}

std::size_t WidthOfOutput() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace

std::size_t TextWidth(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  }));
}

std::string Style::Paint(std::string_view code, std::string_view text) const {
  return colors_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

Terminal DetectTerminal(const Environment& environment) {
  const bool wanted = !FindVariable(environment, "NO_COLOR") &&
                      FindVariable(environment, "TERM") != std::optional<std::string>("dumb");
  const bool error_is_terminal = isatty(STDERR_FILENO) == 1;
  const bool out_is_terminal = isatty(STDOUT_FILENO) == 1;
  return {.out = Style(wanted && out_is_terminal),
          .log = Style(wanted && error_is_terminal),
          .error_is_terminal = error_is_terminal,
          .out_is_terminal = out_is_terminal,
          .width = out_is_terminal ? WidthOfOutput() : 0};
}

void Print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

std::string FormatTable(const std::vector<std::vector<std::string>>& rows, const Style& style) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], TextWidth(row[i]));
  }
  std::string table;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += i + 1 < row.size() ? Padded(row[i], widths[i]) + "  " : row[i];
    }
    table += (&row == &rows.front() ? style.Bold(line) : line) + "\n";
  }
  return table;
}

std::string FormatFields(const std::vector<std::pair<std::string, std::string>>& fields,
                         const Style& style) {
  std::size_t width = 0;
  for (const auto& [name, value] : fields) width = std::max(width, TextWidth(name));
  std::string text;
  for (const auto& [name, value] : fields) {
    text += fmt::format("  {}  {}\n", style.Dim(Padded(name, width)), value);
  }
  return text;
}

std::string FormatCount(std::uint64_t count) {
  std::string text = std::to_string(count);
  for (std::size_t end = text.size(); end > kDigitGroup; end -= kDigitGroup)
    text.insert(end - kDigitGroup, ",");
  return text;
}

std::string FormatCount(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", FormatCount(count), noun, count == 1 ? "" : "s");
}

std::string Printable(std::string_view text) {
  constexpr unsigned char kC1Lead = 0xc2;  // U+0080 to U+009F are this and the code itself
  const std::string clean = CleanText(text, std::string::npos);
  const auto byte = [&clean](std::size_t i) { return static_cast<unsigned char>(clean[i]); };
  std::string printable;
  for (std::size_t i = 0; i < clean.size(); ++i) {
    if (byte(i) == kC1Lead && byte(i + 1) < 0xa0) {
      ++i;
      printable += fmt::format("\\u{:04x}", byte(i));
    } else if (byte(i) < 0x20 || byte(i) == 0x7f) {
      printable += fmt::format("\\x{:02x}", byte(i));
    } else {
      printable += clean[i];
    }
  }
  return printable;
}

}  // namespace djps::cli
