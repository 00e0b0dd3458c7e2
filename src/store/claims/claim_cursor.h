#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "djps/job.h"
#include "djps/uuid.h"

namespace djps::store {

/// A place in the order in which a level of a queue is claimed.
struct QueuePlace {
  Timestamp at = Timestamp::min();
  Uuid id;

  auto operator<=>(const QueuePlace&) const = default;
};

/// Smaller: claimed first, and run first.
struct JobPlace {
  std::int16_t priority = 0;
  QueuePlace place;

  auto operator<=>(const JobPlace&) const = default;
};

/// What list_writers says: the first half of a look.
struct QueueWriters {
  struct Writer {
    std::string name;
    std::optional<Timestamp> began = {};  ///< Where that is known.
  };
  std::string server = {};           ///< What changes with each start of a server.
  Timestamp now{};                   ///< The database's clock, read before the rest.
  std::vector<Writer> writers = {};  ///< Transactions that hold ROW EXCLUSIVE on `ready`.
};

/// What look_at_queue is asked, and what it says: the second half.
struct QueueQuestion {
  struct Range {
    std::int16_t priority;
    QueuePlace from;
    QueuePlace until;  // exclusive
  };
  std::vector<Range> ranges;
  std::vector<std::pair<int, int>> gaps = {};  // exclusive bounds between known levels
  bool due = false;                            // only levels in which something is due
  std::size_t levels = 0;                      // at most so many new ones, the smallest
};
struct QueueAnswer {
  struct Left {
    std::size_t range;  ///< Its place in the question.
    QueuePlace first;   ///< A job that is there, claimed by somebody or not.
  };
  std::vector<Left> left = {};
  std::vector<std::int16_t> new_levels = {};
};

/// What one claim looks through, ascending by priority.
struct ClaimPlan {
  struct Range {
    std::int16_t priority;
    QueuePlace from;
    std::optional<Timestamp> until;  // nothing: the present
  };
  std::vector<Range> ranges;
  bool revisit = false;
};

/// What is kept of a cursor: where another one may go on from, as if it had paused meanwhile.
struct SavedCursor {
  std::string server;
  Timestamp looked_at{};
  std::vector<JobPlace> floors;              ///< One per level.
  std::map<std::string, Timestamp> writers;  ///< As in ClaimCursor.
};

/// How often a cursor looks.
struct LookPace {
  using Duration = std::chrono::steady_clock::duration;
  /// While busy: after so many jobs, so that a claim walks over few more than it takes, or so much
  /// time, so that a job that was committed late does not wait longer.
  std::size_t busy_jobs = 1'000;
  Duration busy = std::chrono::milliseconds(100);
  /// After a claim that found nothing. So long a new level may be missed.
  Duration empty = std::chrono::milliseconds(20);
  Duration idle =
      std::chrono::milliseconds(20);  ///< While some of the past is to be looked through.
  /// The most priority levels that a claim goes through: the most urgent ones.
  std::size_t levels = 128;
  Duration sweep = std::chrono::seconds(30);       ///< Between sweeps, at least.
  Duration owed = std::chrono::milliseconds(200);  ///< To hear of a sweep that must be.
  /// What lies back no farther than this a look reads by itself; what is farther is looked through
  /// in slices of the past, beside the claims.
  std::chrono::microseconds near = std::chrono::seconds(1);
  std::chrono::microseconds slice = std::chrono::seconds(5);
  Duration save = std::chrono::seconds(10);  ///< Where it is, for the next process.
};

/// Where the claims of one fetcher begin in one queue, so that they do not walk over rows that were
/// deleted and that vacuum could not remove yet: with somebody holding a snapshot, those are all
/// the jobs that were done since. A hint, never a decision: FOR UPDATE SKIP LOCKED decides.
///
/// Claims begin at the floor. A look moves it up to the first job that is there, whoever claimed
/// those before it. It lists who is writing, and then reads that job; so:
///
/// 1. Never above the clock of the list. Rows appear at the database's clock or later
///    (`greatest(run_at, clock_timestamp())`, evaluated by an insert that holds its lock on
///    `ready`), so whoever begins to write after the list writes above the floor, and what those
///    have written who ended before it can be read.
/// 2. A transaction in the list wrote nothing below its own beginning, nor below the clock of the
///    list before it was first seen. The look that misses it reads from there on: by itself when
///    that is near, else in slices beside the claims (`revisit`). One that is prepared keeps its
///    lock and its number until it is committed.
/// 3. Never above a job that is still there, claimed by somebody or not: a claim that rolls back
///    leaves it to be found. So slices are done only when a look finds nothing left in them.
/// 4. A clock that stepped back takes the floor along. Another server makes a look forget it all.
///
/// A level that is not known is in a gap between those that are, where each look finds it. A queue
/// with more levels than a claim should go through is crowded: then looks drop levels in which
/// nothing is due, find only levels in which something is, and the most urgent ones stay. Where
/// there were more, a claim that did not get all it asked for is followed by a look before the next
/// (`NeedsLook`).
///
/// Should all that be wrong somewhere, a sweep finds the job: every half minute, or every ten where
/// it takes long, it looks at everything below the floors. With a snapshot held for minutes that
/// takes seconds, so looks and claims go on meanwhile.
///
/// A late job waits for one look: about 0.1 s while the queue is busy, one poll while it is idle.
/// One of more than a second ago waits for its slice, one of more than an hour ago for a sweep.
/// Source of the argument: docs/decisions/0005-claim-cursor.md.
///
/// Thread-safety: one thread at a time. No I/O: see LeaseStore.
class ClaimCursor {
 public:
  using Clock = std::chrono::steady_clock;

  explicit ClaimCursor(LookPace pace = {}) : pace_(pace) {}

  /// Is it time for a look? Always before the first claim.
  bool WantsLook(Clock::time_point now) const;
  /// The same after a claim that found nothing, which costs little: now or soon.
  bool MayLook(Clock::time_point now) const;
  /// Has there been one?
  bool looked() const { return looked_at_.has_value(); }
  /// Must there be one before the next claim?
  bool NeedsLook() const { return !looked() || (more_levels_ && through_); }

  /// What to ask after a list that was sent at `asked` and answered at `now`. One look at a time;
  /// one that failed after this moves nothing, and the next goes back as far.
  QueueQuestion Ask(const QueueWriters& list, Clock::time_point asked, Clock::time_point now);
  /// True when there is something to claim, or may be, where the last claims did not look.
  bool Answered(const QueueAnswer& answer, Clock::time_point now);

  /// Is it time for a sweep?
  bool WantsSweep(Clock::time_point now) const { return looked() && now >= sweep_at_; }
  /// One sweep at a time; looks may be asked and answered before its own answer comes.
  QueueQuestion AskSweep();
  /// True when there is something to go back to.
  bool Swept(const QueueAnswer& answer, Clock::time_point begun, Clock::time_point now);
  void SweepFailed(Clock::time_point begun, Clock::time_point now);

  /// While there is some of the past to look through: how soon even an idle worker should claim
  /// again.
  std::optional<Clock::duration> LooksBackWithin() const;

  /// What to keep; nothing where nothing was claimed since the last time.
  std::optional<SavedCursor> Save();
  /// Instead of the first look's beginning at the very beginning. The past that is not known to it
  /// (the database's clock stepped back while nobody looked) is left to the first sweep, soon.
  void Restore(const SavedCursor& saved, Clock::time_point now);

  ClaimPlan Plan(Clock::time_point now) const;
  /// A plan that asked for `limit` jobs brought `jobs`, and took from `begun` to `now`.
  void Claimed(const ClaimPlan& plan, std::size_t limit, std::size_t jobs, Clock::time_point begun,
               Clock::time_point now);

 private:
  struct Level {
    QueuePlace floor;    // claims begin here
    bool asked = false;  // by the look under way, and not lowered since
    bool due = true;     // something was, or may be, when the last look was made
  };

  bool MoveFloors(const QueueAnswer& answer);
  void MoveSlices(const QueueAnswer& answer);
  bool AddLevels(const std::vector<std::int16_t>& found);
  void HearWriters(const QueueWriters& list);
  bool GoBackTo(Timestamp place, bool seen);
  void AddSlices(Timestamp from, Timestamp until);
  void LowerFloors(Timestamp place);
  Timestamp HighestFloor() const;
  Timestamp SafePlace() const;
  void FollowClock(const QueueWriters& list, Clock::time_point asked, Clock::time_point now);

  LookPace pace_;
  std::map<std::int16_t, Level> levels_;      // by priority
  std::map<std::string, Timestamp> writers_;  // nothing of it lies below this
  bool crowded_ = false;                      // there were more than a claim goes through
  bool more_levels_ = false;                  // something may be due beyond the known ones
  bool through_ = false;                      // a claim since the last look has taken all it saw
  std::deque<Timestamp> revisit_;             // where slices of the past begin
  bool slice_tried_ = false;                  // nothing came of the first: a look has to confirm it
  bool present_first_ = false;                // a look has found something there
  std::string server_;
  std::optional<Timestamp> looked_at_;  // the database's clock at the last list
  Timestamp back_ = Timestamp::max();   // the next look reads from here on
  Timestamp doubtful_ =
      Timestamp::min();  // times up to this may be of before the clock stepped back
  std::size_t claimed_since_look_ = 0;
  bool claimed_since_save_ = false;
  Clock::time_point list_asked_at_{};  // the last list
  Clock::time_point listed_at_{};
  Clock::time_point answered_at_{};    // the last look
  Clock::time_point crowded_until_{};  // no look before, but where there is more
  Clock::time_point revisit_at_{};     // not before
  Clock::time_point sweep_at_{};       // not before; never, while one is under way
  bool sweep_owed_ = false;            // it alone finds what a writer of long ago has left
  // Of the look under way:
  QueueQuestion question_;
  std::size_t levels_asked_ = 0;  // so many of its ranges; the others are those of the first slice
  bool asks_slice_ = false;
};

}  // namespace djps::store
