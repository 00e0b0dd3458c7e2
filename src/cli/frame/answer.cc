#include "cli/frame/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/frame/terminal.h"
#include "core/validation.h"

namespace djps::cli {

Result<Answer> Answer::Parse(std::string_view json) {
  auto members = SplitObject(json);
  if (!members) {
    return Failure(
        ErrorCode::kInternal,
        fmt::format(
            "the server sent an unexpected answer: {} (is it a DJPS server of the same version?)",
            QuoteForMessage(json)));
  }
  Answer answer;
  answer.members_ = *std::move(members);
  return answer;
}

std::string Answer::Text(std::string_view name) const {
  const auto value = FindMember(members_, name);
  return value ? PlainJson(*value) : std::string();
}

std::optional<std::int64_t> Answer::Integer(std::string_view name) const {
  const auto value = FindMember(members_, name);
  return value ? ReadJsonInteger(*value) : std::nullopt;
}

Answer Answer::Object(std::string_view name) const {
  return Parse(FindMember(members_, name).value_or("{}")).value_or(Answer());
}

std::vector<std::string> Answer::Items(std::string_view name) const {
  const auto items = SplitArray(FindMember(members_, name).value_or("[]"));
  return items ? *items : std::vector<std::string>();
}

std::string ShortTime(const std::string& time) {
  constexpr std::size_t kSeconds = 19;  // "2026-11-24T07:11:29"
  if (time.empty()) return "-";
  std::string text = time.substr(0, kSeconds);
  std::replace(text.begin(), text.end(), 'T', ' ');
  return text;
}

std::string ShownCount(std::optional<std::int64_t> count, bool exact) {
  if (!count) return "-";
  // Small numbers are exact, even if larger ones in the same answer are estimates.
  constexpr std::int64_t kCertain = 10'000;
  const bool certain = exact || *count < kCertain;
  return (certain ? "" : "~") +
         FormatCount(static_cast<std::uint64_t>(std::max<std::int64_t>(*count, 0)));
}

std::string ShownDuration(std::optional<std::int64_t> ms) {
  if (!ms) return "-";
  struct Unit {
    std::int64_t ms;
    const char* name;
  };
  constexpr std::array kUnits = {Unit{86'400'000, "d"}, Unit{3'600'000, "h"}, Unit{60'000, "m"},
                                 Unit{1'000, "s"}};
  for (std::size_t i = 0; i < kUnits.size(); ++i) {
    if (*ms < kUnits[i].ms) continue;
    std::string text = fmt::format("{}{}", *ms / kUnits[i].ms, kUnits[i].name);
    if (i + 1 == kUnits.size()) return text;
    const std::int64_t rest = *ms % kUnits[i].ms / kUnits[i + 1].ms;
    if (rest > 0) text += fmt::format(" {}{}", rest, kUnits[i + 1].name);
    return text;
  }
  return fmt::format("{}ms", *ms);
}

}  // namespace djps::cli
