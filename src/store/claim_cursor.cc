#include "store/claim_cursor.h"

#include <algorithm>
#include <limits>

namespace djps::store {
namespace {

using namespace std::chrono_literals;

/// Two readings of one clock on different cores, or a clock that is being slewed.
constexpr auto kClockTolerance = 10ms;
/// The share of time that revisits may take: 1 in 5. What is farther back is not worth slicing.
constexpr int kRevisitPause = 4;
constexpr auto kFar = 1h;
/// Sweeps take half a percent of the time, but come at least this often.
constexpr int kSweepPause = 200;
constexpr auto kSweepPauseMax = 10min;
/// A writer that is never there: what a restored cursor goes back to.
constexpr const char* kEnded = "ended";
/// With more levels than this, those that were not used for a while are forgotten.
constexpr std::size_t kLevelsKept = 64;

constexpr int kBelowAll = std::numeric_limits<std::int16_t>::min() - 1;
constexpr int kAboveAll = std::numeric_limits<std::int16_t>::max() + 1;

}  // namespace

bool ClaimCursor::WantsLook(Clock::time_point now) const {
  if (!looked_at_) return true;
  if (slice_tried_ && now - answered_at_ >= pace_.idle) return true;
  if (claimed_since_look_ == 0) return false;
  return claimed_since_look_ >= pace_.busy_jobs || now - answered_at_ >= pace_.busy;
}

bool ClaimCursor::MayLook(Clock::time_point now) const {
  return levels_.empty() || now - answered_at_ >= pace_.idle;
}

QueueQuestion ClaimCursor::Ask(Clock::time_point now) {
  asked_at_ = now;
  asks_slice_ = slice_tried_;
  question_ = {};
  const Timestamp highest = SafePlace();
  int above = kBelowAll;
  for (const auto& [priority, level] : levels_) {
    const QueuePlace next = std::min(level.next, QueuePlace{highest, {}});
    question_.levels.push_back({priority, level.floor, std::max(level.floor, next)});
    if (priority - above > 1) question_.gaps.emplace_back(above, priority);
    above = priority;
  }
  question_.gaps.emplace_back(above, kAboveAll);
  QueueQuestion question = question_;
  if (asks_slice_) {
    const Timestamp from = revisit_.front();
    for (const QueueQuestion::Level& level : question_.levels) {
      question.levels.push_back({level.priority, {from, {}}, {from + pace_.slice, {}}});
    }
  }
  return question;
}

bool ClaimCursor::Answered(const QueueAnswer& answer, Clock::time_point now) {
  if (looked_at_ && answer.server != server_) {
    *this = ClaimCursor(pace_);
    return true;
  }
  server_ = answer.server;
  claimed_since_look_ = 0;
  MoveFloors(answer);
  MoveSlices(answer);
  FollowClock(answer, now);
  bool more = HearWriters(answer.writers);
  // The first look begins at the very beginning by itself.
  if (!looked_at_) sweep_at_ = now + pace_.sweep;
  for (const std::int16_t priority : answer.new_levels) {
    more = levels_.try_emplace(priority).second || more;
  }
  looked_at_ = answer.now;
  answered_at_ = now;
  began_at_ = asked_at_;
  return more;
}

void ClaimCursor::MoveFloors(const QueueAnswer& answer) {
  for (const QueueQuestion::Level& asked : question_.levels) {
    const auto level = levels_.find(asked.priority);
    // A sweep may have forgotten the level meanwhile, or gone back.
    if (level == levels_.end() || level->second.floor != asked.floor) continue;
    QueuePlace& floor = level->second.floor;
    floor = asked.next;
    for (const JobPlace& left : answer.left) {
      // What lies before the range was asked for with a slice.
      const bool in_range = left.priority == asked.priority && left.place >= asked.floor;
      if (in_range) floor = std::min(floor, left.place);
    }
  }
}

void ClaimCursor::MoveSlices(const QueueAnswer& answer) {
  if (!asks_slice_) return;
  const Timestamp from = revisit_.front();
  const bool left = std::any_of(answer.left.begin(), answer.left.end(), [&](const JobPlace& job) {
    return job.place.at >= from && job.place.at < from + pace_.slice;
  });
  if (!left) revisit_.pop_front();
  slice_tried_ = false;
}

QueueQuestion ClaimCursor::AskSweep() const {
  QueueQuestion question;
  for (const auto& [priority, level] : levels_) {
    question.levels.push_back({priority, {}, level.floor});
  }
  return question;
}

bool ClaimCursor::Swept(const QueueAnswer& answer, Clock::time_point begun, Clock::time_point now) {
  const auto pause = std::min<Clock::duration>(kSweepPause * (now - begun), kSweepPauseMax);
  sweep_at_ = now + std::max<Clock::duration>(pace_.sweep, pause);
  ForgetUnused();
  bool more = false;
  for (const JobPlace& left : answer.left) more = GoBackTo(left.place.at) || more;
  return more;
}

void ClaimCursor::ForgetUnused() {
  if (levels_.size() > kLevelsKept) {
    std::erase_if(levels_, [](const auto& level) { return !level.second.used; });
  }
  for (auto& [priority, level] : levels_) level.used = false;
}

std::optional<SavedCursor> ClaimCursor::Save() {
  if (!looked_at_ || !claimed_since_save_) return std::nullopt;
  claimed_since_save_ = false;
  SavedCursor saved{.server = server_, .looked_at = *looked_at_, .floors = {}, .writers = writers_};
  for (const auto& [priority, level] : levels_) saved.floors.push_back({priority, level.floor});
  const auto back = std::min_element(revisit_.begin(), revisit_.end());
  if (back != revisit_.end()) saved.writers.emplace(kEnded, *back);
  return saved;
}

void ClaimCursor::Restore(const SavedCursor& saved, Clock::time_point now) {
  server_ = saved.server;
  looked_at_ = saved.looked_at;
  answered_at_ = now;
  began_at_ = now;
  // Soon: a process that is started to cure something, or lives for a minute, sweeps as well.
  sweep_at_ = now + pace_.sweep / 6;
  writers_ = saved.writers;
  for (const JobPlace& floor : saved.floors) levels_[floor.priority].floor = floor.place;
}

void ClaimCursor::FollowClock(const QueueAnswer& answer, Clock::time_point now) {
  if (!looked_at_) return;
  const auto passed_here = asked_at_ - answered_at_;  // at least
  const auto passed_there = answer.now - *looked_at_;
  if (passed_there + kClockTolerance >= passed_here) return;
  const Timestamp place =
      answer.now - std::chrono::ceil<std::chrono::microseconds>(now - began_at_);
  LowerFloors(place - kClockTolerance);
  // Whoever is writing goes on there, too.
  for (auto& [writer, from] : writers_) from = std::min(from, place - kClockTolerance);
  looked_at_ = std::min(*looked_at_, place);
}

Timestamp ClaimCursor::SafePlace() const {
  return looked_at_ ? *looked_at_ - kClockTolerance : Timestamp::min();
}

void ClaimCursor::LowerFloors(Timestamp place) {
  for (auto& [priority, level] : levels_) {
    level.floor = std::min(level.floor, QueuePlace{place, {}});
  }
}

bool ClaimCursor::HearWriters(const std::vector<std::string>& writers) {
  const Timestamp highest = SafePlace();
  std::map<std::string, Timestamp> still;
  for (const std::string& writer : writers) {
    const auto known = writers_.find(writer);
    // Prepared before the server recovered from a crash: it had another name then.
    const bool recovered = writer.starts_with("-1/");
    const Timestamp from = recovered ? Timestamp::min() : highest;
    still.emplace(writer, known != writers_.end() ? known->second : from);
  }
  std::optional<Timestamp> ended;
  for (const auto& [writer, bound] : writers_) {
    if (!still.contains(writer)) ended = std::min(ended.value_or(bound), bound);
  }
  writers_ = std::move(still);
  return ended && GoBackTo(*ended);
}

bool ClaimCursor::GoBackTo(Timestamp place) {
  Timestamp highest = Timestamp::min();
  for (const auto& [priority, level] : levels_) highest = std::max(highest, level.floor.at);
  if (highest <= place) return false;
  if (place == Timestamp::min() || highest - place <= pace_.near || highest - place > kFar) {
    LowerFloors(place);
    return true;
  }
  // On one grid, so that many transactions that end one after the other ask for the same slices.
  const Timestamp first = place - place.time_since_epoch() % pace_.slice;
  for (Timestamp from = first; from < highest; from += pace_.slice) {
    const auto known = std::find(revisit_.begin(), revisit_.end(), from);
    if (known == revisit_.end()) {
      revisit_.push_back(from);
    } else if (known == revisit_.begin()) {
      slice_tried_ = false;  // there is something new in it
    }
  }
  return true;
}

ClaimPlan ClaimCursor::Plan(Clock::time_point now) const {
  ClaimPlan plan;
  plan.revisit = !revisit_.empty() && !slice_tried_ && now >= revisit_at_;
  for (const auto& [priority, level] : levels_) {
    if (plan.revisit) {
      plan.ranges.push_back({priority, {revisit_.front(), {}}, revisit_.front() + pace_.slice});
    } else {
      plan.ranges.push_back({priority, level.floor, std::nullopt});
    }
  }
  return plan;
}

void ClaimCursor::Claimed(const ClaimPlan& plan, std::size_t limit,
                          const std::vector<JobPlace>& jobs, Clock::time_point begun,
                          Clock::time_point now) {
  claimed_since_look_ += jobs.size();
  if (!jobs.empty()) claimed_since_save_ = true;
  const bool exhausted = jobs.size() < limit;
  if (plan.revisit) {
    revisit_at_ = now + kRevisitPause * (now - begun);
    const bool same = !revisit_.empty() && !plan.ranges.empty() &&
                      revisit_.front() == plan.ranges.front().from.at;
    if (exhausted && same) slice_tried_ = true;
    return;
  }
  std::map<std::int16_t, QueuePlace> last;
  for (const JobPlace& job : jobs) {
    const auto [place, first] = last.try_emplace(job.priority, job.place);
    place->second = std::max(place->second, job.place);
  }
  // Where a claim found less than it wanted, there is nothing up to its own time, which is not
  // known here; the last look was before it.
  const QueuePlace all{looked_at_.value_or(Timestamp::min()), {}};
  for (const ClaimPlan::Range& range : plan.ranges) {
    const auto level = levels_.find(range.priority);
    if (level == levels_.end()) continue;
    const auto claimed = last.find(range.priority);
    const bool passed = exhausted || (!last.empty() && range.priority < last.rbegin()->first);
    if (claimed != last.end()) level->second.used = true;
    if (passed) level->second.next = std::max(level->second.next, all);
    if (claimed != last.end()) level->second.next = std::max(level->second.next, claimed->second);
  }
}

}  // namespace djps::store
