#include "core/time_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace djps {
namespace {

constexpr Timestamp kFirstTime{};
constexpr Timestamp kEndOfTime = std::chrono::sys_days(std::chrono::January / 1 / 10'000);

/// Reads fixed-width fields from the front of a text; any mismatch makes `ok` false for good.
struct Scanner {
  std::string_view rest;
  bool ok = true;

  int Digits(std::size_t count) {
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (rest.size() <= i || rest[i] < '0' || rest[i] > '9') {
        ok = false;
        return 0;
      }
      value = value * 10 + (rest[i] - '0');
    }
    rest.remove_prefix(count);
    return value;
  }

  void Literal(std::string_view allowed) {
    if (rest.empty() || allowed.find(rest.front()) == std::string_view::npos) {
      ok = false;
      return;
    }
    rest.remove_prefix(1);
  }

  std::chrono::microseconds Fraction() {
    if (rest.empty() || rest.front() != '.') return {};
    rest.remove_prefix(1);
    std::int64_t value = 0;
    std::size_t digits = 0;
    for (; digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9'; ++digits) {
      if (digits < 6) value = value * 10 + (rest[digits] - '0');
    }
    ok = ok && digits > 0;
    for (std::size_t i = digits; i < 6; ++i) value *= 10;
    rest.remove_prefix(digits);
    return std::chrono::microseconds(value);
  }

  std::chrono::minutes Offset() {
    if (!rest.empty() && (rest.front() == 'Z' || rest.front() == 'z')) {
      rest.remove_prefix(1);
      return {};
    }
    const bool negative = !rest.empty() && rest.front() == '-';
    Literal("+-");
    const int hours = Digits(2);
    Literal(":");
    const int minutes = Digits(2);
    ok = ok && hours <= 23 && minutes <= 59;
    const std::chrono::minutes offset(hours * 60 + minutes);
    return negative ? -offset : offset;
  }
};

}  // namespace

std::string FormatTimestamp(Timestamp time) {
  using std::chrono::sys_days, std::chrono::year;
  time = std::clamp<Timestamp>(time, sys_days(year(1970) / 1 / 1),
                               sys_days(year(10'000) / 1 / 1) - std::chrono::microseconds(1));
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

std::optional<Timestamp> ParseTimestamp(std::string_view text) {
  Scanner scan{text};
  const int year = scan.Digits(4);
  scan.Literal("-");
  const int month = scan.Digits(2);
  scan.Literal("-");
  const int day = scan.Digits(2);
  scan.Literal("Tt ");
  const int hour = scan.Digits(2);
  scan.Literal(":");
  const int minute = scan.Digits(2);
  scan.Literal(":");
  const int second = scan.Digits(2);
  const std::chrono::microseconds fraction = scan.Fraction();
  const std::chrono::minutes offset = scan.Offset();
  const std::chrono::year_month_day date(std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day)));
  // Second 60 is a leap second: read as the next second, as in Postgres.
  if (!scan.ok || !scan.rest.empty() || !date.ok() || hour > 23 || minute > 59 || second > 60) {
    return std::nullopt;
  }
  const Timestamp time = Timestamp(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
                         std::chrono::minutes(minute) + std::chrono::seconds(second) + fraction -
                         offset;
  // Checked in UTC: an offset or a leap second may move it out of the allowed years.
  if (time < kFirstTime || time >= kEndOfTime) return std::nullopt;
  return time;
}

}  // namespace djps
