#include "cli/frame/duration.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdint>

#include "core/validation.h"

namespace djps::cli {
namespace {

/// Ten years: far beyond every duration DJPS knows, and far from overflow.
constexpr std::int64_t kLongestMs = 10LL * 365 * 24 * 3'600'000;

struct Unit {
  std::string_view name;
  std::int64_t ms;
};

constexpr std::array<Unit, 5> kUnits = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

tl::unexpected<Error> Refuse(std::string_view text, std::string_view why) {
  return Failure(ErrorCode::kInvalidArgument,
                 fmt::format("{} is not a duration: {}", QuoteForMessage(text), why));
}

}  // namespace

Result<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  std::uint64_t number = 0;
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto [rest, error] = std::from_chars(begin, end, number);
  const std::string_view name(rest, static_cast<std::size_t>(end - rest));
  if (error == std::errc::result_out_of_range) return Refuse(text, "the number is too large");
  if (error != std::errc()) return Refuse(text, "write a number and ms, s, m, h or d, such as 10s");
  if (name.empty() && number == 0) return std::chrono::milliseconds(0);
  if (name.empty()) {
    return Refuse(
        text, fmt::format("the unit is missing; write {0}ms, {0}s, {0}m, {0}h or {0}d", number));
  }
  for (const Unit& unit : kUnits) {
    if (name != unit.name) continue;
    if (number > static_cast<std::uint64_t>(kLongestMs / unit.ms)) {
      return Refuse(text, "the longest is ten years");
    }
    return std::chrono::milliseconds(static_cast<std::int64_t>(number) * unit.ms);
  }
  return Refuse(text, "the unit must be ms, s, m, h or d, as in 500ms, 10s, 5m, 2h or 30d");
}

std::string FormatDuration(std::chrono::milliseconds duration) {
  if (duration.count() == 0) return "0";
  for (const Unit& unit : kUnits) {
    if (duration.count() % unit.ms == 0)
      return fmt::format("{}{}", duration.count() / unit.ms, unit.name);
  }
  return fmt::format("{}ms", duration.count());
}

}  // namespace djps::cli
