#include "store/claims/claim_cursor.h"

#include <gtest/gtest.h>

namespace djps::store {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kNoon{std::chrono::hours(500'000)};

Uuid Id(std::uint8_t n) {
  Uuid id;
  id.bytes[15] = n;
  return id;
}

/// The results of the two halves of a look.
struct Seen {
  std::string server = {};
  std::vector<QueueWriters::Writer> writers = {};
  std::vector<QueueAnswer::Left> left = {};
  std::vector<std::int16_t> new_levels = {};
};

/// A cursor, and a database that answers it: both clocks go together unless a test says otherwise.
class ClaimCursorTest : public testing::Test {
 protected:
  bool Look(const Seen& seen = {}) {
    now_ += 50ms;
    database_ += 50ms;
    Ask(seen);
    return cursor_.Answered({.left = seen.left, .new_levels = seen.new_levels}, now_);
  }

  void Ask(const Seen& seen = {}) {
    asked_ =
        cursor_.Ask({.server = seen.server, .now = database_, .writers = seen.writers}, now_, now_);
  }

  /// One level, everything claimed up to the present.
  void CatchUp() {
    Look({.new_levels = {0}});
    Look();
  }

  /// A transaction that wrote for ten seconds has ended.
  void EndLongWriter() {
    CatchUp();
    for (int i = 0; i < 200; ++i) {
      Look({.writers = {{"3/17"}}});
    }
    Look();
  }

  bool Sweep(const QueueAnswer& answer = {}) { return cursor_.Swept(answer, now_, now_); }

  void ClaimNothing() { cursor_.Claimed(cursor_.Plan(now_), 10, 0, now_, now_); }
  void Claim(std::size_t limit, std::size_t jobs) {
    cursor_.Claimed(cursor_.Plan(now_), limit, jobs, now_, now_);
  }

  QueuePlace From(std::int16_t priority = 0) {
    for (const ClaimPlan::Range& range : cursor_.Plan(now_).ranges) {
      if (range.priority == priority) return range.from;
    }
    ADD_FAILURE() << "no level " << priority;
    return {};
  }

  ClaimCursor cursor_;
  ClaimCursor::Clock::time_point now_{1h};
  Timestamp database_ = kNoon;
  QueueQuestion asked_;
};

TEST_F(ClaimCursorTest, BeginsWithALookAtTheBeginning) {
  EXPECT_TRUE(cursor_.WantsLook(now_));
  EXPECT_TRUE(cursor_.Plan(now_).ranges.empty());
  EXPECT_TRUE(Look({.new_levels = {5, -3}}));
  EXPECT_FALSE(cursor_.WantsLook(now_));
  const ClaimPlan plan = cursor_.Plan(now_);
  ASSERT_EQ(plan.ranges.size(), 2U);
  EXPECT_EQ(plan.ranges[0].priority, -3);
  EXPECT_EQ(plan.ranges[1].priority, 5);
  EXPECT_EQ(plan.ranges[0].from, QueuePlace{});
}

TEST_F(ClaimCursorTest, NewLevelsAreLookedForBetweenTheKnownOnes) {
  Look({.new_levels = {0, 1, 7}});
  Look();
  using Gaps = std::vector<std::pair<int, int>>;
  EXPECT_EQ(asked_.gaps, (Gaps{{-32'769, 0}, {1, 7}, {7, 32'768}}));
}

TEST_F(ClaimCursorTest, ALookMovesItToTheFirstJobThatIsThere) {
  Look({.new_levels = {0}});
  const QueuePlace first{kNoon - 1h, Id(7)};
  Claim(1, 1);
  EXPECT_EQ(From(), QueuePlace{}) << "only a look moves it";
  EXPECT_FALSE(Look({.left = {{0, first}}})) << "claims come there anyway";
  EXPECT_EQ(From(), first);
  Look();
  EXPECT_GT(From(), first);
}

TEST_F(ClaimCursorTest, NeverPassesTheClockOfTheList) {
  CatchUp();
  now_ += 1s;
  database_ += 1s;
  Ask();
  const Timestamp listed = database_;
  now_ += 1s;
  database_ += 1s;
  cursor_.Answered({}, now_);
  EXPECT_LE(From().at, listed);
  EXPECT_GE(From().at, listed - 20ms) << "but it does come near";
}

TEST_F(ClaimCursorTest, ReadsFromTheBeginningOfAWriterThatHasEnded) {
  CatchUp();
  const Timestamp before = database_;
  const Timestamp begun = database_ + 40ms;
  Look({.writers = {{"3/17", begun}, {"4/2"}}});
  Look({.writers = {{"3/17", begun}, {"4/2"}}});
  const QueuePlace floor = From();
  EXPECT_GT(floor.at, begun) << "a transaction that goes on does not hold up claims";
  EXPECT_EQ(asked_.ranges[0].from.at, From().at - 50ms);
  EXPECT_FALSE(Look({.writers = {{"4/2"}}})) << "it has left nothing";
  EXPECT_LE(asked_.ranges[0].from.at, begun);
  EXPECT_GE(asked_.ranges[0].from.at, before);
  EXPECT_GT(From(), floor);
  const QueuePlace late{before + 20ms, Id(1)};
  EXPECT_TRUE(Look({.left = {{0, late}}})) << "of the other it is not known when it began";
  EXPECT_LE(asked_.ranges[0].from.at, before);
  EXPECT_EQ(From(), late);
}

TEST_F(ClaimCursorTest, AWriterBeganNoEarlierThanTheListThatMissedIt) {
  CatchUp();
  const Timestamp before = database_;
  Look({.writers = {{"3/17", before - 1h}}});
  Look();
  EXPECT_GE(asked_.ranges[0].from.at, before - 20ms);
}

TEST_F(ClaimCursorTest, AWriterOfUnknownAgeAtTheFirstLookMayHaveWrittenAnything) {
  Look({.writers = {{"3/17"}}, .new_levels = {0}});
  for (int i = 0; i < 5; ++i) Look({.writers = {{"3/17"}}});
  EXPECT_GT(From(), QueuePlace{});
  EXPECT_FALSE(cursor_.WantsSweep(now_));
  Look();
  EXPECT_TRUE(cursor_.WantsSweep(now_)) << "that may take long, so it goes on beside the claims";
}

TEST_F(ClaimCursorTest, ALookThatFailedIsMadeUpForByTheNext) {
  CatchUp();
  const Timestamp before = database_;
  Look({.writers = {{"3/17"}}});
  Ask();
  Look();
  EXPECT_LE(asked_.ranges[0].from.at, before);
}

TEST_F(ClaimCursorTest, TheFarPastIsLookedThroughInSlicesBesideTheClaims) {
  CatchUp();
  const Timestamp begun = database_;
  Look({.writers = {{"3/17"}}});
  for (int i = 0; i < 400; ++i) {  // 20 s
    ClaimNothing();
    Look({.writers = {{"3/17"}}});
  }
  const QueuePlace floor = From();
  EXPECT_TRUE(Look());
  Timestamp seen = begun;
  int slices = 0;
  for (ClaimPlan plan = cursor_.Plan(now_); plan.revisit; plan = cursor_.Plan(now_)) {
    ASSERT_LT(++slices, 10);
    EXPECT_LE(plan.ranges[0].from.at, seen) << "no gap between slices";
    ASSERT_TRUE(plan.ranges[0].until.has_value());
    seen = *plan.ranges[0].until;
    cursor_.Claimed(plan, 10, 1, now_, now_);
    EXPECT_FALSE(cursor_.Plan(now_).revisit) << "a look has to confirm it first";
    Look();
  }
  EXPECT_GE(seen, floor.at);
  EXPECT_GE(From(), floor) << "the claims themselves go on where they were";
}

TEST_F(ClaimCursorTest, ARevisitPausesForFourTimesAsLongAsItTook) {
  EndLongWriter();
  const ClaimPlan plan = cursor_.Plan(now_);
  ASSERT_TRUE(plan.revisit);
  cursor_.Claimed(plan, 1, 1, now_, now_ + 100ms);
  EXPECT_FALSE(cursor_.Plan(now_ + 499ms).revisit);
  EXPECT_TRUE(cursor_.Plan(now_ + 501ms).revisit);
}

TEST_F(ClaimCursorTest, ASliceThatFilledItsClaimIsLookedThroughAgain) {
  EndLongWriter();
  const ClaimPlan plan = cursor_.Plan(now_);
  cursor_.Claimed(plan, 1, 1, now_, now_);
  EXPECT_EQ(cursor_.Plan(now_).ranges[0].from, plan.ranges[0].from);
}

TEST_F(ClaimCursorTest, ASliceInWhichAJobIsLeftIsLookedThroughAgain) {
  EndLongWriter();
  const ClaimPlan plan = cursor_.Plan(now_);
  // The queue is paused, or another claimer had the job locked.
  cursor_.Claimed(plan, 10, 0, now_, now_);
  Look({.left = {{1, {plan.ranges[0].from.at + 1s, Id(1)}}}});
  ASSERT_EQ(asked_.ranges.size(), 2U) << "the level, and the slice";
  EXPECT_EQ(asked_.ranges[1].from, plan.ranges[0].from);
  const QueuePlace level = asked_.ranges[0].from;
  const ClaimPlan again = cursor_.Plan(now_);
  EXPECT_TRUE(again.revisit);
  EXPECT_EQ(again.ranges[0].from, plan.ranges[0].from);
  Look();
  EXPECT_GE(asked_.ranges[0].from, level) << "what is left in the past does not hold the present";
}

TEST_F(ClaimCursorTest, AClockThatStepsBackTakesTheFloorAlong) {
  CatchUp();
  database_ -= 1h;
  Look();
  EXPECT_LE(asked_.ranges[0].from.at, database_ - 50ms)
      << "it may have stepped right after the last";
  EXPECT_LE(From().at, database_) << "new jobs come there from now on";
  EXPECT_FALSE(cursor_.Plan(now_).revisit);
}

TEST_F(ClaimCursorTest, ABeginningBeforeTheClockSteppedBackSaysNothing) {
  CatchUp();
  const Timestamp begun = database_;
  database_ -= 1min;
  Look();
  const Timestamp stepped = database_;
  // It wrote at once, and is listed when the clock has passed its beginning again.
  now_ += 2min;
  database_ += 2min;
  Look({.writers = {{"3/17", begun}}});
  Look();
  EXPECT_TRUE(cursor_.Plan(now_).revisit);
  EXPECT_LE(cursor_.Plan(now_).ranges[0].from.at, stepped);
}

TEST_F(ClaimCursorTest, ASweepLooksAtEverythingBelowTheFloorsAndGoesBack) {
  CatchUp();
  EXPECT_FALSE(cursor_.WantsSweep(now_)) << "the first look was at the beginning";
  now_ += 1min;
  database_ += 1min;
  ASSERT_TRUE(cursor_.WantsSweep(now_));
  const QueueQuestion question = cursor_.AskSweep();
  ASSERT_EQ(question.ranges.size(), 1U);
  EXPECT_EQ(question.ranges[0].from, QueuePlace{});
  EXPECT_EQ(question.ranges[0].until, From());
  EXPECT_TRUE(question.gaps.empty());
  const QueuePlace forgotten{kNoon - 24h, Id(1)};
  EXPECT_TRUE(Sweep({.left = {{0, forgotten}}}));
  EXPECT_EQ(From(), (QueuePlace{forgotten.at, {}}));
}

TEST_F(ClaimCursorTest, WhatASweepFindsInTheLastHourIsLookedThroughInSlices) {
  CatchUp();
  const QueuePlace floor = From();
  EXPECT_TRUE(Sweep({.left = {{0, {floor.at - 1min, Id(1)}}}}));
  const ClaimPlan plan = cursor_.Plan(now_);
  EXPECT_TRUE(plan.revisit);
  EXPECT_LE(plan.ranges[0].from.at, floor.at - 1min);
  ClaimNothing();
  EXPECT_EQ(From(), floor);
}

TEST_F(ClaimCursorTest, ALookThatWasUnderWayDoesNotUndoWhatASweepFound) {
  CatchUp();
  Ask();
  const QueuePlace forgotten{kNoon - 24h, Id(1)};
  Sweep({.left = {{0, forgotten}}});
  cursor_.Answered({}, now_);
  EXPECT_EQ(From(), (QueuePlace{forgotten.at, {}}));
}

TEST_F(ClaimCursorTest, WhatALookFindsBelowWhatASweepFoundCounts) {
  CatchUp();
  Ask();
  const QueuePlace swept{database_ - 200ms, {}};
  Sweep({.left = {{0, swept}}});
  const QueuePlace lower{swept.at - 100ms, Id(1)};
  EXPECT_TRUE(cursor_.Answered({.left = {{0, lower}}}, now_));
  EXPECT_EQ(From(), lower);
}

TEST_F(ClaimCursorTest, ABeginningLaterThanTheListIsThatOfAnother) {
  CatchUp();
  const Timestamp before = database_;
  Look({.writers = {{"3/17", database_ + 1min}}});
  now_ += 200ms;
  database_ += 200ms;
  Look({.writers = {{"3/17"}}});
  Look();
  EXPECT_LE(asked_.ranges[0].from.at, before);
}

TEST_F(ClaimCursorTest, WhatALookHasFoundComesBeforeThePast) {
  EndLongWriter();
  ASSERT_TRUE(cursor_.Plan(now_).revisit);
  EXPECT_EQ(cursor_.LooksBackWithin(), LookPace().idle);
  Look({.left = {{0, {database_ - 300ms, Id(1)}}}});
  EXPECT_FALSE(cursor_.Plan(now_).revisit);
  Claim(1, 1);
  EXPECT_TRUE(cursor_.Plan(now_).revisit);
}

TEST_F(ClaimCursorTest, ASweepThatHasToBeIsTriedUntilItSucceeds) {
  CatchUp();
  Look({.writers = {{"-1/712"}}});
  EXPECT_FALSE(cursor_.LooksBackWithin());
  Look();
  EXPECT_EQ(cursor_.LooksBackWithin(), LookPace().owed);
  cursor_.AskSweep();
  cursor_.SweepFailed(now_, now_ + 25s);
  EXPECT_FALSE(cursor_.WantsSweep(now_ + 54s));
  EXPECT_TRUE(cursor_.WantsSweep(now_ + 55s)) << "not only after ten minutes";
  EXPECT_TRUE(cursor_.LooksBackWithin());
  cursor_.AskSweep();
  Sweep();
  EXPECT_FALSE(cursor_.LooksBackWithin());
}

TEST_F(ClaimCursorTest, SweepsTakeHalfAPercentOfTheTimeAndComeEveryTenMinutes) {
  CatchUp();
  EXPECT_FALSE(cursor_.Swept({}, now_, now_ + 1s));
  EXPECT_FALSE(cursor_.WantsSweep(now_ + 200s));
  EXPECT_TRUE(cursor_.WantsSweep(now_ + 202s));
  EXPECT_FALSE(cursor_.Swept({}, now_, now_ + 25s));
  EXPECT_FALSE(cursor_.WantsSweep(now_ + 624s));
  EXPECT_TRUE(cursor_.WantsSweep(now_ + 626s));
}

TEST_F(ClaimCursorTest, ASweepThatIsAskedForDuringAnotherFollowsIt) {
  CatchUp();
  Look({.writers = {{"-1/712"}}});
  cursor_.AskSweep();
  EXPECT_FALSE(cursor_.WantsSweep(now_ + 24h)) << "one at a time";
  Look();
  Sweep();
  EXPECT_TRUE(cursor_.WantsSweep(now_));
}

TEST_F(ClaimCursorTest, WhoWritesWhileTheClockStepsBackIsHeardAtItsNewPlace) {
  CatchUp();
  Look({.writers = {{"3/17"}}});
  database_ -= 1h;
  Look({.writers = {{"3/17"}, {"4/2"}}});
  const Timestamp stepped = database_;
  for (int i = 0; i < 4; ++i) Look({.writers = {{"3/17"}, {"4/2"}}});
  EXPECT_GT(From().at, stepped);
  Look({.writers = {{"3/17"}}});
  EXPECT_LE(asked_.ranges[0].from.at, stepped) << "one that came about then";
  Look({.writers = {{"3/17"}}});
  EXPECT_GT(asked_.ranges[0].from.at, stepped);
  Look();
  EXPECT_LE(asked_.ranges[0].from.at, stepped) << "one that was there before";
}

TEST_F(ClaimCursorTest, ASavedOneGoesOnWhereItWas) {
  CatchUp();
  EXPECT_FALSE(cursor_.Save()) << "nothing was claimed";
  const Timestamp begun = database_;
  for (int i = 0; i < 4; ++i) {
    ClaimNothing();
    Look({.writers = {{"3/17"}}});
  }
  Claim(1, 1);
  Look({.writers = {{"3/17"}}, .new_levels = {7}});
  const Timestamp looked_at = database_;
  const QueuePlace floor = From();
  ASSERT_GT(floor.at, begun);
  const auto saved = cursor_.Save();
  ASSERT_TRUE(saved);
  EXPECT_FALSE(cursor_.Save()) << "not again";
  cursor_ = ClaimCursor();
  cursor_.Restore(*saved, now_);
  EXPECT_TRUE(cursor_.looked());
  EXPECT_EQ(From(), floor);
  EXPECT_EQ(From(7), QueuePlace{});
  EXPECT_FALSE(cursor_.WantsSweep(now_));
  EXPECT_TRUE(cursor_.WantsSweep(now_ + 31s));
  // One writer has ended meanwhile, another has come.
  database_ += 30min;
  Look({.writers = {{"4/2"}}});
  EXPECT_LE(asked_.ranges[0].from.at, begun);
  Look({.writers = {{"4/2"}}});
  EXPECT_GT(asked_.ranges[0].from.at, looked_at);
  Look();
  EXPECT_TRUE(cursor_.Plan(now_).revisit) << "half an hour, in slices";
  EXPECT_LE(cursor_.Plan(now_).ranges[0].from.at, looked_at);
}

TEST_F(ClaimCursorTest, ASavedOneGoesBackToWhereItHadYetToLook) {
  EndLongWriter();
  const ClaimPlan plan = cursor_.Plan(now_);
  ASSERT_TRUE(plan.revisit);
  cursor_.Claimed(plan, 1, 1, now_, now_);
  const auto saved = cursor_.Save();
  ASSERT_TRUE(saved);
  cursor_ = ClaimCursor();
  cursor_.Restore(*saved, now_);
  EXPECT_FALSE(cursor_.Plan(now_).revisit) << "a look has to come first";
  Look();
  const ClaimPlan again = cursor_.Plan(now_);
  EXPECT_TRUE(again.revisit);
  EXPECT_EQ(again.ranges[0].from, plan.ranges[0].from);
}

TEST_F(ClaimCursorTest, AClockThatStepsBackDuringALongLookIsFollowedToBeforeIt) {
  CatchUp();
  const auto asked = now_;
  now_ += 10s;  // the list takes long, and the clock goes back after it was read
  cursor_.Ask({.now = database_}, asked, now_);
  cursor_.Answered({}, now_);
  now_ += 1ms;
  database_ -= 1h;
  Ask();
  EXPECT_LE(From().at, database_ - 10s);
}

TEST_F(ClaimCursorTest, WhatAServerRecoveredMayHaveWrittenAnywhere) {
  CatchUp();
  Look({.writers = {{"-1/712"}}});
  EXPECT_FALSE(cursor_.WantsSweep(now_));
  Look();
  EXPECT_TRUE(cursor_.WantsSweep(now_));
}

TEST_F(ClaimCursorTest, EachLevelHasAPlaceOfItsOwn) {
  Look({.new_levels = {0, 1, 2}});
  const QueuePlace first{kNoon - 1h, Id(1)};
  Look({.left = {{1, first}}});
  EXPECT_GT(From(0), first);
  EXPECT_EQ(From(1), first);
  EXPECT_EQ(From(2), From(0));
}

TEST_F(ClaimCursorTest, AnotherServerMakesItForgetEverything) {
  CatchUp();
  EXPECT_TRUE(Look({.server = "the standby, promoted", .new_levels = {0}}));
  EXPECT_EQ(From(), QueuePlace{});
}

TEST_F(ClaimCursorTest, ALookThatFailedChangesNothing) {
  CatchUp();
  const QueuePlace floor = From();
  Claim(10, 1);
  now_ += 1s;
  database_ += 1s;
  Ask();
  EXPECT_EQ(From(), floor);
  EXPECT_TRUE(cursor_.WantsLook(now_));
}

}  // namespace
}  // namespace djps::store
