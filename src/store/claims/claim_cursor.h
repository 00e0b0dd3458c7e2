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

/// The answer of list_writers: the first half of a look.
struct QueueWriters {
  struct Writer {
    std::string name;
    std::optional<Timestamp> began = {};  ///< If that is known.
  };
  std::string server = {};           ///< Changes with each start of the Postgres server.
  Timestamp now{};                   ///< The database's clock, read before the rest.
  std::vector<Writer> writers = {};  ///< Transactions that hold ROW EXCLUSIVE on `ready`.
};

/// The parameters and the answer of look_at_queue: the second half.
struct QueueQuestion {
  struct Range {
    std::int16_t priority;
    QueuePlace from;
    QueuePlace until;  // exclusive
  };
  std::vector<Range> ranges;
  std::vector<std::pair<int, int>> gaps = {};  // exclusive bounds between known levels
  bool due = false;                            // only levels with due jobs
  std::size_t levels = 0;                      // maximum number of new levels, smallest first
};
struct QueueAnswer {
  struct Left {
    std::size_t range;  ///< Its index in the parameters.
    QueuePlace first;   ///< A job that exists, claimed or not.
  };
  std::vector<Left> left = {};
  std::vector<std::int16_t> new_levels = {};
};

/// The ranges that one claim reads, ascending by priority.
struct ClaimPlan {
  struct Range {
    std::int16_t priority;
    QueuePlace from;
    std::optional<Timestamp> until;  // nothing: the present
  };
  std::vector<Range> ranges;
  bool revisit = false;
};

/// The saved state of a cursor, from which another one may continue as if it had paused meanwhile.
struct SavedCursor {
  std::string server;
  Timestamp looked_at{};
  std::vector<JobPlace> floors;              ///< One per level.
  std::map<std::string, Timestamp> writers;  ///< As in ClaimCursor.
};

/// How often a cursor makes its looks.
struct LookPace {
  using Duration = std::chrono::steady_clock::duration;
  /// While busy: after this many jobs, so that a claim walks over few more than it takes, or after
  /// this time, so that a job that was committed late does not wait longer.
  std::size_t busy_jobs = 1'000;
  Duration busy = std::chrono::milliseconds(100);
  /// After a claim that found nothing. A new level may be missed for this long.
  Duration empty = std::chrono::milliseconds(20);
  Duration idle = std::chrono::milliseconds(20);  ///< While slices of the past are left to search.
  /// Maximum number of priority levels that a claim reads: the most urgent ones.
  std::size_t levels = 128;
  Duration sweep = std::chrono::seconds(30);       ///< The shortest time between sweeps.
  Duration owed = std::chrono::milliseconds(200);  ///< Between claims while a sweep is due.
  /// A look itself reads back at most this far; the part before it is searched in slices, beside
  /// the claims.
  std::chrono::microseconds near = std::chrono::seconds(1);
  std::chrono::microseconds slice = std::chrono::seconds(5);
  Duration save = std::chrono::seconds(10);  ///< Between two saves for the next process.
};

/// Where the claims of one fetcher begin in one queue, so that they do not walk over deleted rows
/// that vacuum could not remove yet: while a snapshot is held, these are all the jobs done since.
/// It is a hint, never a decision: FOR UPDATE SKIP LOCKED decides.
///
/// Claims begin at the floor. A look moves it up to the first job that exists, whichever process
/// claimed those before it. It first lists the writing transactions, and then reads that job. The
/// rules:
///
/// 1. Never above the clock of the list. Rows appear at the database's clock or later
///    (`greatest(run_at, clock_timestamp())`, evaluated by an insert that holds its lock on
///    `ready`), so a transaction that begins to write after the list writes above the floor, and
///    the rows of those that ended before the list can be read.
/// 2. A transaction in the list wrote nothing below its own beginning, nor below the clock of the
///    list before it was first seen. The first look in whose list it is missing reads from there
///    on: itself if that is near, else in slices beside the claims (`revisit`). A prepared
///    transaction keeps its lock and its number until it is committed.
/// 3. Never above a job that still exists, claimed or not: after a rollback of the claim it must
///    be found. So a slice is done only when a look finds nothing left in it.
/// 4. If the clock steps back, the floor moves back too. If the server has changed, a look forgets
///    everything.
///
/// An unknown level is in a gap between known ones, where each look finds it. A queue with more
/// levels than a claim should read is crowded: then looks drop levels without due jobs, find only
/// levels with due jobs, and keep the most urgent ones. If there were more, a claim that did not
/// get all it asked for is followed by a look before the next (`NeedsLook`).
///
/// If all that should fail, a sweep finds the job: every half minute, or every ten if it takes
/// long, it reads everything below the floors. With a snapshot held for minutes this takes seconds,
/// so looks and claims continue meanwhile.
///
/// A late job waits for one look: about 0.1 s while the queue is busy, one poll while it is idle.
/// A job of more than a second ago waits for its slice, a job of more than an hour ago for a sweep.
/// Source of the argument: docs/decisions/0005-claim-cursor.md.
///
/// Thread-safety: one thread at a time. No I/O: see LeaseStore.
class ClaimCursor {
 public:
  using Clock = std::chrono::steady_clock;

  explicit ClaimCursor(LookPace pace = {}) : pace_(pace) {}

  /// Whether it is time for a look. Always before the first claim.
  bool WantsLook(Clock::time_point now) const;
  /// The same after a claim that found nothing, when a look costs little: now or soon.
  bool MayLook(Clock::time_point now) const;
  /// Whether there has been a look.
  bool looked() const { return looked_at_.has_value(); }
  /// Whether a look is required before the next claim.
  bool NeedsLook() const { return !looked() || (more_levels_ && through_); }

  /// The parameters of the second half, after a list that was sent at `asked` and answered at
  /// `now`. One look at a time; if it fails after this, it moves nothing, and the next one goes
  /// back as far.
  QueueQuestion Ask(const QueueWriters& list, Clock::time_point asked, Clock::time_point now);
  /// True if there are, or may be, jobs to claim where the last claims did not read.
  bool Answered(const QueueAnswer& answer, Clock::time_point now);

  /// Whether it is time for a sweep.
  bool WantsSweep(Clock::time_point now) const { return looked() && now >= sweep_at_; }
  /// One sweep at a time; looks may begin and end before its answer comes.
  QueueQuestion AskSweep();
  /// True if claims must go back.
  bool Swept(const QueueAnswer& answer, Clock::time_point begun, Clock::time_point now);
  void SweepFailed(Clock::time_point begun, Clock::time_point now);

  /// While slices of the past are left: how soon even an idle worker should claim again.
  std::optional<Clock::duration> LooksBackWithin() const;

  /// The state to save; nothing if nothing was claimed since the last time.
  std::optional<SavedCursor> Save();
  /// Replaces the first look's start at the very beginning. A past that it does not know (the
  /// database's clock stepped back between the processes) is left to the first sweep, which comes
  /// soon.
  void Restore(const SavedCursor& saved, Clock::time_point now);

  ClaimPlan Plan(Clock::time_point now) const;
  /// A claim for `limit` jobs by this plan returned `jobs`, and took from `begun` to `now`.
  void Claimed(const ClaimPlan& plan, std::size_t limit, std::size_t jobs, Clock::time_point begun,
               Clock::time_point now);

 private:
  struct Level {
    QueuePlace floor;    // claims begin here
    bool asked = false;  // requested by the look under way, and not lowered since
    bool due = true;     // at the last look there were, or may have been, due jobs
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
  std::map<std::string, Timestamp> writers_;  // no row of this transaction is below this
  bool crowded_ = false;                      // there were more levels than a claim reads
  bool more_levels_ = false;                  // jobs may be due in unknown levels
  bool through_ = false;           // a claim since the last look has taken all that it read
  std::deque<Timestamp> revisit_;  // the beginnings of slices of the past
  bool slice_tried_ = false;       // the first slice returned nothing: a look must confirm it
  bool present_first_ = false;     // a look has found jobs there
  std::string server_;
  std::optional<Timestamp> looked_at_;  // the database's clock at the last list
  Timestamp back_ = Timestamp::max();   // the next look reads from here on
  Timestamp doubtful_ =
      Timestamp::min();  // times up to this may be from before the clock stepped back
  std::size_t claimed_since_look_ = 0;
  bool claimed_since_save_ = false;
  Clock::time_point list_asked_at_{};  // the last list
  Clock::time_point listed_at_{};
  Clock::time_point answered_at_{};    // the last look
  Clock::time_point crowded_until_{};  // no look before, but where there is more
  Clock::time_point revisit_at_{};     // not before
  Clock::time_point sweep_at_{};       // not before; never, while one is under way
  bool sweep_owed_ = false;            // only a sweep finds the rows of a very old writer
  // Of the look under way:
  QueueQuestion question_;
  std::size_t levels_asked_ = 0;  // the number of its ranges; the others belong to the first slice
  bool asks_slice_ = false;
};

}  // namespace djps::store
