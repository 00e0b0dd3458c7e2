#include "cli/commands/job/card.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "cli/frame/table.h"
#include "core/json_members.h"
#include "core/time_text.h"

namespace djps::cli {
namespace {

/// A card shows the beginning; --json shows everything.
constexpr std::size_t kJsonBytesShown = 2'000;

std::string ShownJson(const std::string& json) {
  if (json.size() <= kJsonBytesShown) return Printable(json);
  std::size_t end = kJsonBytesShown;
  while (end > 0 && (static_cast<unsigned char>(json[end]) & 0xc0U) == 0x80U) --end;
  return fmt::format("{}... ({} bytes in all; --json shows them)", Printable(json.substr(0, end)),
                     FormatCount(json.size()));
}

/// "exit_1: no route to host (attempt 2, worker a/17)".
std::string ErrorLine(const std::vector<JsonMember>& error) {
  const auto text = [&error](std::string_view name) {
    const auto value = FindMember(error, name);
    return value ? Printable(PlainJson(*value)) : std::string();
  };
  std::string line = text("class");
  if (!text("message").empty()) line += (line.empty() ? "" : ": ") + text("message");
  std::string where;
  if (!text("attempt").empty()) where = "attempt " + text("attempt");
  if (!text("worker").empty()) where += (where.empty() ? "worker " : ", worker ") + text("worker");
  return where.empty() ? line : fmt::format("{} ({})", line, where);
}

/// The detail of an error as it was written, line by line.
std::string Detail(const std::vector<JsonMember>& error, const Style& style) {
  std::string text;
  const std::string detail = PlainJson(FindMember(error, "detail").value_or(""));
  for (std::size_t begin = 0; begin < detail.size();) {
    const std::size_t end = std::min(detail.find('\n', begin), detail.size());
    text += "    " + style.Dim(Printable(detail.substr(begin, end - begin))) + "\n";
    begin = end + 1;
  }
  return text;
}

}  // namespace

std::string FormatJobCard(const JobRecord& job, const Style& style) {
  std::vector<std::pair<std::string, std::string>> fields = {
      {"status", Painted(StatusCell(job.status), style)},
      {"type", job.type},
      {"queue", job.queue},
      {"priority", std::to_string(job.priority)},
      {"attempts", fmt::format("{} of {}", job.attempts, job.max_attempts)}};
  if (job.idempotency_key) fields.emplace_back("key", Printable(*job.idempotency_key));
  fields.emplace_back("created", FormatTimestamp(job.created_at));
  if (job.status == JobStatus::kQueued || job.status == JobStatus::kFailed) {
    fields.emplace_back("due", FormatTimestamp(job.run_at));
  }
  if (job.finished_at) fields.emplace_back("finished", FormatTimestamp(*job.finished_at));
  fields.emplace_back("payload", ShownJson(job.payload));
  if (job.result) fields.emplace_back("result", ShownJson(*job.result));
  const auto error = SplitObject(job.last_error.value_or(""));
  if (error) fields.emplace_back("last error", ErrorLine(*error));
  std::string card =
      fmt::format("{}\n{}", style.Bold("job " + job.id.ToString()), FormatFields(fields, style));
  if (error) card += Detail(*error, style);
  return card;
}

}  // namespace djps::cli
