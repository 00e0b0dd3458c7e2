#include "store/claim_cursor.h"

#include <algorithm>
#include <limits>

namespace djps::store {
namespace {

using namespace std::chrono_literals;

/// Two readings of one clock on different cores, or a clock that is being slewed.
constexpr auto kClockTolerance = 10ms;
/// A place that is nearer than this is reached by lowering the floor.
constexpr auto kNear = 1s;
/// How much of the past one revisit looks through, and the share of time it may take: 1 in 5. What
/// is farther back is not worth slicing.
using Slices = std::chrono::duration<std::int64_t, std::ratio<5>>;
constexpr Slices kSlice{1};
constexpr auto kFar = 1h;
constexpr int kRevisitPause = 4;
constexpr int kFullLookPause = 50;
/// With more levels than this, those that were not used for a while are forgotten.
constexpr std::size_t kLevelsKept = 64;

constexpr int kBelowAll = std::numeric_limits<std::int16_t>::min() - 1;
constexpr int kAboveAll = std::numeric_limits<std::int16_t>::max() + 1;

bool IsPrepared(const std::string& writer) { return writer.starts_with("-1/"); }

}  // namespace

bool ClaimCursor::WantsLook(Clock::time_point now) const {
  if (looking_) return false;
  if (!looked_at_) return true;
  if (claimed_since_look_ == 0) return false;
  return claimed_since_look_ >= pace_.busy_jobs || now - answered_at_ >= pace_.busy;
}

bool ClaimCursor::MayLook(Clock::time_point now) const {
  return !looking_ && (!looked_at_ || now - answered_at_ >= pace_.idle);
}

QueueQuestion ClaimCursor::Ask(Clock::time_point now) {
  looking_ = true;
  asked_at_ = now;
  claimed_since_look_ = 0;
  QueueQuestion question;
  const Timestamp highest = SafePlace();
  for (const auto& [priority, level] : levels_) {
    const QueuePlace next = std::min(level.next, QueuePlace{highest, {}});
    question.levels.push_back({priority, level.floor, std::max(level.floor, next)});
  }
  full_ = now >= full_look_at_;
  if (full_) AskFromTheBeginning(question, now);
  int above = kBelowAll;
  for (const QueueQuestion::Level& level : question.levels) {
    if (level.priority - above > 1) question.gaps.emplace_back(above, level.priority);
    above = level.priority;
  }
  question.gaps.emplace_back(above, kAboveAll);
  question_ = question;
  return question;
}

void ClaimCursor::AskFromTheBeginning(QueueQuestion& question, Clock::time_point now) {
  full_look_at_ = now + pace_.full;
  const bool forget = levels_.size() > kLevelsKept;
  std::erase_if(question.levels, [&](const QueueQuestion::Level& level) {
    const bool unused = forget && !levels_.at(level.priority).used;
    if (unused) levels_.erase(level.priority);
    return unused;
  });
  for (QueueQuestion::Level& level : question.levels) {
    level.floor = {};
    levels_.at(level.priority).used = false;
  }
}

bool ClaimCursor::Answered(const QueueAnswer& answer, Clock::time_point now) {
  looking_ = false;
  MoveFloors(answer);
  FollowClock(answer, now);
  bool more = HearWriters(answer.writers);
  for (const std::int16_t priority : answer.new_levels) {
    more = levels_.try_emplace(priority).second || more;
  }
  looked_at_ = answer.now;
  answered_at_ = now;
  if (full_) {
    full_look_at_ = std::max(full_look_at_, now + kFullLookPause * (now - asked_at_));
  }
  return more;
}

void ClaimCursor::MoveFloors(const QueueAnswer& answer) {
  for (const QueueQuestion::Level& asked : question_.levels) {
    const auto level = levels_.find(asked.priority);
    if (level != levels_.end()) level->second.floor = asked.next;
  }
  for (const JobPlace& left : answer.left) {
    const auto level = levels_.find(left.priority);
    if (level != levels_.end()) level->second.floor = std::min(level->second.floor, left.place);
  }
}

void ClaimCursor::FollowClock(const QueueAnswer& answer, Clock::time_point now) {
  if (!looked_at_) return;
  const auto passed_here = asked_at_ - answered_at_;  // at least
  const auto passed_there = answer.now - *looked_at_;
  if (passed_there + kClockTolerance >= passed_here) return;
  LowerFloors(answer.now - std::chrono::ceil<std::chrono::microseconds>(now - answered_at_) -
              kClockTolerance);
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
    still.emplace(writer, known != writers_.end() ? known->second : highest);
  }
  std::optional<Timestamp> ended;
  for (const auto& [writer, bound] : writers_) {
    if (!still.contains(writer)) ended = std::min(ended.value_or(bound), bound);
  }
  if (ended) {
    for (auto& [writer, bound] : still) {
      if (IsPrepared(writer) && !writers_.contains(writer)) bound = std::min(bound, *ended);
    }
  }
  writers_ = std::move(still);
  return ended && GoBackTo(*ended);
}

bool ClaimCursor::GoBackTo(Timestamp place) {
  Timestamp highest = Timestamp::min();
  for (const auto& [priority, level] : levels_) highest = std::max(highest, level.floor.at);
  if (highest <= place) return false;
  if (place == Timestamp::min() || highest - place <= kNear || highest - place > kFar) {
    LowerFloors(place);
    return true;
  }
  // On one grid, so that many transactions that end one after the other ask for the same slices.
  for (Timestamp from = std::chrono::floor<Slices>(place); from < highest; from += kSlice) {
    if (std::find(revisit_.begin(), revisit_.end(), from) == revisit_.end()) {
      revisit_.push_back(from);
    }
  }
  return true;
}

ClaimPlan ClaimCursor::Plan(Clock::time_point now) {
  ClaimPlan plan;
  plan.revisit = !revisit_.empty() && now >= revisit_at_;
  for (const auto& [priority, level] : levels_) {
    if (plan.revisit) {
      plan.ranges.push_back({priority, {revisit_.front(), {}}, revisit_.front() + kSlice});
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
  const bool exhausted = jobs.size() < limit;
  if (plan.revisit) {
    revisit_at_ = now + kRevisitPause * (now - begun);
    const bool same = !revisit_.empty() && !plan.ranges.empty() &&
                      revisit_.front() == plan.ranges.front().from.at;
    if (exhausted && same) revisit_.pop_front();
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

void ClaimCursor::Reset() { *this = ClaimCursor(pace_); }

}  // namespace djps::store
