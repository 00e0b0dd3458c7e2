#include "worker/job_notes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "core/job_rules.h"
#include "core/json_text.h"
#include "core/text.h"

namespace djps {
namespace {

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "info";
}

}  // namespace

void Job::ReportProgress(double percent, std::string_view message) const {
  if (notes) notes->NoteProgress(percent, message);
}

void Job::SaveCheckpoint(std::string_view json) const {
  auto compact = CompactJson(json);
  if (!compact) {
    throw std::invalid_argument("the checkpoint is not JSON: " + compact.error().message);
  }
  if (const auto trouble = JsonTrouble(*compact, store::kCheckpointBytesMax)) {
    throw std::invalid_argument(
        fmt::format("the checkpoint {}; store it elsewhere and keep its name here", *trouble));
  }
  if (notes) notes->NoteCheckpoint(*std::move(compact));
}

void Job::Log(LogLevel level, std::string_view message) const {
  if (notes) notes->NoteLine(level, message);
}

namespace worker {

JobNotes::JobNotes(Uuid lease, Uuid job, std::function<void()> wake)
    : wake_(std::move(wake)), unsent_{.lease = lease, .job = job} {}

template <typename Change>
void JobNotes::Add(Change change) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = unsent_.empty();
    change(unsent_);
  }
  if (first) wake_();
}

void JobNotes::NoteProgress(double percent, std::string_view message) {
  const double shown = std::isfinite(percent) ? std::clamp(percent, 0.0, 100.0) : 0.0;
  Add([&](Unsent& unsent) {
    if (!unsent.progress) unsent.progress = {.lease = unsent.lease, .job = unsent.job};
    unsent.progress->percent = shown;
    unsent.progress->message = CleanText(message, store::kProgressMessageBytesMax);
  });
}

void JobNotes::NoteCheckpoint(std::string json) {
  Add([&](Unsent& unsent) {
    if (!unsent.progress) unsent.progress = {.lease = unsent.lease, .job = unsent.job};
    unsent.progress->checkpoint = std::move(json);
  });
}

void JobNotes::NoteLine(LogLevel level, std::string_view message) {
  Add([&](Unsent& unsent) {
    auto& lines = unsent.lines;
    // Drops half at once: dropping single lines would move all the others each time.
    if (lines.size() >= 2 * store::kLogLinesMax) {
      lines.erase(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(store::kLogLinesMax));
    }
    lines.push_back({std::string(LevelName(level)), CleanText(message, store::kLogLineBytesMax)});
  });
}

JobNotes::Unsent JobNotes::Take() {
  Unsent taken;
  {
    const std::lock_guard lock(mutex_);
    taken = std::exchange(unsent_, {.lease = unsent_.lease, .job = unsent_.job});
  }
  if (taken.lines.size() > store::kLogLinesMax) {
    taken.lines.erase(taken.lines.begin(),
                      taken.lines.end() - static_cast<std::ptrdiff_t>(store::kLogLinesMax));
  }
  return taken;
}

}  // namespace worker
}  // namespace djps
