#include "core/text.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

namespace djps {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

bool IsContinuation(std::uint8_t byte) { return (byte & 0xc0) == 0x80; }

/// The length of the well-formed UTF-8 sequence at the front of `text`; 0 when there is none.
/// Source: Unicode Standard, table 3-7 (no overlong forms, no surrogates, nothing over U+10FFFF).
std::size_t SequenceLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return first == 0 ? 0 : 1;
  std::size_t length = 0;
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xbf;
  if (first >= 0xc2 && first <= 0xdf) {
    length = 2;
  } else if (first >= 0xe0 && first <= 0xef) {
    length = 3;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
  } else if (first >= 0xf0 && first <= 0xf4) {
    length = 4;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
  }
  if (length == 0 || text.size() < length || byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (!IsContinuation(byte(i))) return 0;
  }
  return length;
}

/// The number of the escape \uXXXX at `at`; nothing where there is none.
std::optional<unsigned> ReadUnicodeEscape(std::string_view json, std::size_t at) {
  constexpr std::size_t kDigits = 4;
  if (json.size() < at + 2 + kDigits || json.substr(at, 2) != "\\u") return std::nullopt;
  const char* const digits = json.data() + at + 2;
  unsigned code = 0;
  const auto read = std::from_chars(digits, digits + kDigits, code, 16);
  if (read.ec != std::errc() || read.ptr != digits + kDigits) return std::nullopt;
  return code;
}

bool IsHighSurrogate(unsigned code) { return code >= 0xd800 && code <= 0xdbff; }
bool IsLowSurrogate(unsigned code) { return code >= 0xdc00 && code <= 0xdfff; }

}  // namespace

std::string CleanJson(std::string_view json) {
  constexpr std::size_t kEscapeBytes = 6;
  std::string clean = CleanText(json, std::string::npos);
  for (std::size_t i = clean.find('\\'); i != std::string::npos; i = clean.find('\\', i)) {
    const auto code = ReadUnicodeEscape(clean, i);
    if (!code) {
      i += 2;
      continue;
    }
    const auto next = ReadUnicodeEscape(clean, i + kEscapeBytes);
    const bool pair = IsHighSurrogate(*code) && next && IsLowSurrogate(*next);
    if (!pair && (*code == 0 || IsHighSurrogate(*code) || IsLowSurrogate(*code))) {
      clean.replace(i, kEscapeBytes, "\\ufffd");
    }
    i += pair ? 2 * kEscapeBytes : kEscapeBytes;
  }
  return clean;
}

std::string CleanText(std::string_view text, std::size_t bytes_max) {
  std::string clean;
  clean.reserve(std::min(text.size(), bytes_max));
  while (!text.empty()) {
    const std::size_t length = SequenceLength(text);
    const std::string_view next = length == 0 ? kReplacement : text.substr(0, length);
    if (clean.size() + next.size() > bytes_max) break;
    clean += next;
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return clean;
}

std::string_view WithoutSpaceAtEnd(std::string_view text) {
  const std::size_t last = text.find_last_not_of(" \t\r\n\v\f");
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

}  // namespace djps
