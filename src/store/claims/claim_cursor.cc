#include "store/claims/claim_cursor.h"

#include <algorithm>
#include <iterator>
#include <limits>

namespace djps::store {
namespace {

using namespace std::chrono_literals;

/// Two readings of one clock on different cores, or a clock that is being slewed.
constexpr auto kClockTolerance = 10ms;
/// The share of time that revisits may take: 1 in 5. Older parts are not worth slicing.
constexpr int kRevisitPause = 4;
constexpr auto kFar = 1h;
/// Sweeps take half a percent of the time, but come at least this often.
constexpr int kSweepPause = 200;
constexpr auto kSweepPauseMax = 10min;
/// A writer that never exists: it marks where a restored cursor goes back to.
constexpr const char* kEnded = "ended";
/// In a crowded queue a look may skip thousands of levels: 1 in 5 of the time, like revisits.
constexpr int kCrowdedPause = 4;

constexpr int kBelowAll = std::numeric_limits<std::int16_t>::min() - 1;
constexpr int kAboveAll = std::numeric_limits<std::int16_t>::max() + 1;

}  // namespace

bool ClaimCursor::WantsLook(Clock::time_point now) const {
  if (!looked_at_) return true;
  if (slice_tried_ && now - answered_at_ >= pace_.idle) return true;
  if (claimed_since_look_ == 0) return false;
  if (now < crowded_until_) return false;
  return claimed_since_look_ >= pace_.busy_jobs || now - answered_at_ >= pace_.busy;
}

bool ClaimCursor::MayLook(Clock::time_point now) const {
  if (levels_.empty() || more_levels_) return true;
  return now - answered_at_ >= pace_.empty && now >= crowded_until_;
}

QueueQuestion ClaimCursor::Ask(const QueueWriters& list, Clock::time_point asked,
                               Clock::time_point now) {
  if (looked_at_ && list.server != server_) *this = ClaimCursor(pace_);
  server_ = list.server;
  // The first look begins at the very beginning anyway.
  if (!looked_at_) sweep_at_ = now + pace_.sweep;
  FollowClock(list, asked, now);
  HearWriters(list);
  looked_at_ = list.now;
  list_asked_at_ = asked;
  listed_at_ = now;

  question_ = {.ranges = {}, .due = crowded_, .levels = pace_.levels};
  int above = kBelowAll;
  for (auto& [priority, level] : levels_) {
    level.asked = true;
    const QueuePlace from = std::min(level.floor, QueuePlace{back_, {}});
    const QueuePlace until = std::max(level.floor, QueuePlace{SafePlace(), {}});
    question_.ranges.push_back({priority, from, until});
    if (priority - above > 1) question_.gaps.emplace_back(above, priority);
    above = priority;
  }
  question_.gaps.emplace_back(above, kAboveAll);
  levels_asked_ = question_.ranges.size();
  asks_slice_ = slice_tried_;
  if (asks_slice_) {
    const Timestamp from = revisit_.front();
    for (const auto& [priority, level] : levels_) {
      question_.ranges.push_back({priority, {from, {}}, {from + pace_.slice, {}}});
    }
  }
  return question_;
}

bool ClaimCursor::Answered(const QueueAnswer& answer, Clock::time_point now) {
  claimed_since_look_ = 0;
  through_ = false;
  bool more = MoveFloors(answer);
  MoveSlices(answer);
  more = more || !revisit_.empty();
  more = AddLevels(answer.new_levels) || more;
  back_ = Timestamp::max();
  answered_at_ = now;
  if (crowded_) crowded_until_ = now + kCrowdedPause * (now - listed_at_);
  return more;
}

/// True when there is one that stays.
bool ClaimCursor::AddLevels(const std::vector<std::int16_t>& found) {
  for (const std::int16_t priority : found) levels_.try_emplace(priority).first->second.due = true;
  more_levels_ = found.size() >= pace_.levels;
  // The levels that this look has found may have no due jobs, and may have replaced levels that do.
  const bool crowd = more_levels_ || levels_.size() > pace_.levels;
  if (crowd && !std::exchange(crowded_, true)) through_ = true;
  for (auto level = levels_.end(); levels_.size() > pace_.levels && level != levels_.begin();) {
    --level;
    if (!level->second.due) level = levels_.erase(level);
  }
  while (levels_.size() > pace_.levels) {
    levels_.erase(std::prev(levels_.end()));
    more_levels_ = true;
  }
  return std::any_of(found.begin(), found.end(),
                     [this](std::int16_t priority) { return levels_.contains(priority); });
}

bool ClaimCursor::MoveFloors(const QueueAnswer& answer) {
  std::vector<QueuePlace> reached;
  std::vector<bool> due(question_.ranges.size());
  reached.reserve(question_.ranges.size());
  for (const QueueQuestion::Range& range : question_.ranges) reached.push_back(range.until);
  for (const QueueAnswer::Left& left : answer.left) {
    reached.at(left.range) = left.first;
    due.at(left.range) = left.first.at <= *looked_at_;
  }
  bool more = false;
  for (std::size_t i = 0; i < levels_asked_; ++i) {
    Level& level = levels_.at(question_.ranges[i].priority);
    // A sweep may have gone back meanwhile: then the floor goes no higher.
    more = more || reached[i] < level.floor;
    level.due = due[i] || !level.asked;
    level.floor = level.asked ? reached[i] : std::min(level.floor, reached[i]);
  }
  present_first_ = present_first_ || more;
  return more;
}

void ClaimCursor::MoveSlices(const QueueAnswer& answer) {
  if (!asks_slice_) return;
  const bool left =
      std::any_of(answer.left.begin(), answer.left.end(),
                  [&](const QueueAnswer::Left& job) { return job.range >= levels_asked_; });
  // New rows may have come into it meanwhile.
  if (!left && slice_tried_) revisit_.pop_front();
  slice_tried_ = false;
}

QueueQuestion ClaimCursor::AskSweep() {
  sweep_at_ = Clock::time_point::max();
  QueueQuestion question;
  for (const auto& [priority, level] : levels_) {
    question.ranges.push_back({priority, {}, level.floor});
  }
  return question;
}

bool ClaimCursor::Swept(const QueueAnswer& answer, Clock::time_point begun, Clock::time_point now) {
  const auto pause = std::min<Clock::duration>(kSweepPause * (now - begun), kSweepPauseMax);
  // If another sweep was requested meanwhile, it comes next.
  if (now < sweep_at_) {
    sweep_at_ = now + std::max<Clock::duration>(pace_.sweep, pause);
    sweep_owed_ = false;
  }
  crowded_ = false;  // a look without that filter says whether it still is
  bool more = false;
  for (const QueueAnswer::Left& left : answer.left) more = GoBackTo(left.first.at, true) || more;
  return more;
}

void ClaimCursor::SweepFailed(Clock::time_point begun, Clock::time_point now) {
  const bool owed = sweep_owed_;
  Swept({}, begun, now);
  if (!owed) return;
  sweep_owed_ = true;
  sweep_at_ = now + pace_.sweep;
}

std::optional<ClaimCursor::Clock::duration> ClaimCursor::LooksBackWithin() const {
  if (!revisit_.empty()) return pace_.idle;
  if (sweep_owed_) return pace_.owed;
  return std::nullopt;
}

std::optional<SavedCursor> ClaimCursor::Save() {
  if (!looked_at_ || !claimed_since_save_) return std::nullopt;
  claimed_since_save_ = false;
  SavedCursor saved{.server = server_, .looked_at = *looked_at_, .floors = {}, .writers = writers_};
  for (const auto& [priority, level] : levels_) saved.floors.push_back({priority, level.floor});
  Timestamp back = back_;
  for (const Timestamp slice : revisit_) back = std::min(back, slice);
  if (back != Timestamp::max()) saved.writers.emplace(kEnded, back);
  return saved;
}

void ClaimCursor::Restore(const SavedCursor& saved, Clock::time_point now) {
  server_ = saved.server;
  looked_at_ = saved.looked_at;
  list_asked_at_ = now;
  listed_at_ = now;
  answered_at_ = now;
  // Soon: a process that runs only for a minute, or was started to solve a problem, must sweep too.
  sweep_at_ = now + pace_.sweep / 6;
  writers_ = saved.writers;
  for (const JobPlace& floor : saved.floors) levels_[floor.priority].floor = floor.place;
}

void ClaimCursor::FollowClock(const QueueWriters& list, Clock::time_point asked,
                              Clock::time_point now) {
  if (!looked_at_) return;
  const auto passed_here = asked - listed_at_;  // at least
  const auto passed_there = list.now - *looked_at_;
  if (passed_there + kClockTolerance >= passed_here) return;
  const Timestamp place =
      list.now - std::chrono::ceil<std::chrono::microseconds>(now - list_asked_at_);
  doubtful_ = std::max(
      doubtful_, *looked_at_ + std::chrono::ceil<std::chrono::microseconds>(now - list_asked_at_));
  LowerFloors(place - kClockTolerance);
  // Running transactions also continue to write there.
  for (auto& [writer, from] : writers_) from = std::min(from, place - kClockTolerance);
  looked_at_ = std::min(*looked_at_, place);
}

Timestamp ClaimCursor::SafePlace() const {
  return looked_at_ ? *looked_at_ - kClockTolerance : Timestamp::min();
}

Timestamp ClaimCursor::HighestFloor() const {
  Timestamp highest = Timestamp::min();
  for (const auto& [priority, level] : levels_) highest = std::max(highest, level.floor.at);
  return highest;
}

void ClaimCursor::LowerFloors(Timestamp place) {
  for (auto& [priority, level] : levels_) {
    const QueuePlace lower{place, {}};
    if (level.floor <= lower) continue;
    level.floor = lower;
    level.asked = false;
  }
}

void ClaimCursor::HearWriters(const QueueWriters& list) {
  const Timestamp before = SafePlace();
  std::map<std::string, Timestamp> still;
  for (const QueueWriters::Writer& writer : list.writers) {
    const auto known = writers_.find(writer.name);
    Timestamp from = before;
    // One that began after the clock was read is the next on the connection of one that has ended
    // or was prepared while the list was made.
    if (writer.began && *writer.began > doubtful_ && *writer.began <= list.now) {
      from = std::max(from, *writer.began - kClockTolerance);
    }
    if (known != writers_.end()) from = known->second;
    // Prepared before the server recovered from a crash: it had another name then.
    if (writer.name.starts_with("-1/")) from = Timestamp::min();
    still.emplace(writer.name, from);
  }
  for (const auto& [writer, from] : writers_) {
    if (!still.contains(writer)) GoBackTo(from, false);
  }
  writers_ = std::move(still);
}

/// There may be something from here on that claims have passed; `seen`: there is. False when they
/// have not come so far.
bool ClaimCursor::GoBackTo(Timestamp place, bool seen) {
  const Timestamp highest = HighestFloor();
  if (highest <= place) return false;
  const bool far = place == Timestamp::min() || highest - place > kFar;
  const bool near = !far && highest - place <= pace_.near;
  if (!far && !near) {
    AddSlices(place, highest);
  } else if (seen) {
    LowerFloors(place);
  } else if (near) {
    back_ = std::min(back_, place);
  } else {
    sweep_owed_ = true;
    sweep_at_ = {};
  }
  return true;
}

void ClaimCursor::AddSlices(Timestamp from, Timestamp until) {
  // On one grid, so that many transactions that end one after the other ask for the same slices.
  for (Timestamp at = from - from.time_since_epoch() % pace_.slice; at < until; at += pace_.slice) {
    const auto known = std::find(revisit_.begin(), revisit_.end(), at);
    if (known == revisit_.end()) {
      revisit_.push_back(at);
    } else if (known == revisit_.begin()) {
      slice_tried_ = false;  // there is something new in it
    }
  }
}

ClaimPlan ClaimCursor::Plan(Clock::time_point now) const {
  ClaimPlan plan;
  plan.revisit = !revisit_.empty() && !slice_tried_ && !present_first_ && now >= revisit_at_;
  for (const auto& [priority, level] : levels_) {
    if (plan.revisit) {
      plan.ranges.push_back({priority, {revisit_.front(), {}}, revisit_.front() + pace_.slice});
    } else {
      plan.ranges.push_back({priority, level.floor, std::nullopt});
    }
  }
  return plan;
}

void ClaimCursor::Claimed(const ClaimPlan& plan, std::size_t limit, std::size_t jobs,
                          Clock::time_point begun, Clock::time_point now) {
  claimed_since_look_ += jobs;
  if (jobs > 0) claimed_since_save_ = true;
  const bool exhausted = jobs < limit;
  if (plan.revisit) {
    revisit_at_ = now + kRevisitPause * (now - begun);
    const bool same = !revisit_.empty() && !plan.ranges.empty() &&
                      revisit_.front() == plan.ranges.front().from.at;
    if (exhausted && same) slice_tried_ = true;
    return;
  }
  present_first_ = false;
  through_ = through_ || exhausted;
}

}  // namespace djps::store
