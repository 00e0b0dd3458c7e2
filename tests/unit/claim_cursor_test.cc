#include "store/claim_cursor.h"

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

/// A cursor, and a database that answers it: both clocks go together unless a test says otherwise.
class ClaimCursorTest : public testing::Test {
 protected:
  bool Look(QueueAnswer answer = {}) {
    now_ += 50ms;
    database_ += 50ms;
    const QueueQuestion question = cursor_.Ask(now_);
    asked_ = question;
    answer.now = database_;
    return cursor_.Answered(answer, now_);
  }

  /// One level, everything claimed up to the present.
  void CatchUp() {
    Look({.new_levels = {0}});
    for (int i = 0; i < 3; ++i) {
      ClaimNothing();
      Look();
    }
  }

  /// A transaction that wrote for ten seconds has ended.
  void EndLongWriter() {
    CatchUp();
    for (int i = 0; i < 200; ++i) {
      ClaimNothing();
      Look({.writers = {"3/17"}});
    }
    Look();
  }

  bool Sweep(const QueueAnswer& answer = {}) { return cursor_.Swept(answer, now_, now_); }

  void ClaimNothing() { cursor_.Claimed(cursor_.Plan(now_), 10, {}, now_, now_); }
  void Claim(std::size_t limit, const std::vector<JobPlace>& jobs) {
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

TEST_F(ClaimCursorTest, FollowsWhatWasClaimed) {
  Look({.new_levels = {0}});
  Look();
  const QueuePlace last{kNoon - 1h, Id(7)};
  Claim(2, {{0, {kNoon - 2h, Id(1)}}, {0, last}});
  EXPECT_EQ(From(), QueuePlace{}) << "only a look moves it";
  Look();
  EXPECT_EQ(From(), last);
}

TEST_F(ClaimCursorTest, NeverPassesTheClockOfTheLookBefore) {
  CatchUp();
  const Timestamp before = database_;
  ClaimNothing();
  Look();
  EXPECT_LE(From().at, before);
  EXPECT_GE(From().at, before - 20ms) << "but it does come near";
}

TEST_F(ClaimCursorTest, StopsAtAJobThatIsStillThere) {
  CatchUp();
  const QueuePlace locked{database_ - 30ms, Id(9)};
  Claim(1, {{0, {database_ + 40ms, Id(1)}}});
  Look({.left = {{0, locked}}});
  EXPECT_EQ(From(), locked);
  Look();
  EXPECT_GT(From(), locked);
}

TEST_F(ClaimCursorTest, GoesBackWhenAWriterEnds) {
  CatchUp();
  const Timestamp begun = database_;
  Look({.writers = {"3/17"}});
  ClaimNothing();
  Look({.writers = {"3/17"}});
  Look({.writers = {"3/17"}});
  EXPECT_GT(From().at, begun) << "a transaction that goes on does not hold up claims";
  EXPECT_TRUE(Look());
  EXPECT_LE(From().at, begun);
}

TEST_F(ClaimCursorTest, AWriterSeenAtTheFirstLookMayHaveWrittenAnything) {
  Look({.writers = {"3/17"}, .new_levels = {0}});
  for (int i = 0; i < 5; ++i) {
    ClaimNothing();
    Look({.writers = {"3/17"}});
  }
  EXPECT_GT(From(), QueuePlace{});
  Look();
  EXPECT_EQ(From(), QueuePlace{});
}

TEST_F(ClaimCursorTest, TheFarPastIsLookedThroughInSlicesBesideTheClaims) {
  CatchUp();
  const Timestamp begun = database_;
  Look({.writers = {"3/17"}});
  for (int i = 0; i < 400; ++i) {  // 20 s
    ClaimNothing();
    Look({.writers = {"3/17"}});
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
    cursor_.Claimed(plan, 10, {{0, {begun, Id(1)}}}, now_, now_);
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
  cursor_.Claimed(plan, 1, {{0, {kNoon, Id(1)}}}, now_, now_ + 100ms);
  EXPECT_FALSE(cursor_.Plan(now_ + 499ms).revisit);
  EXPECT_TRUE(cursor_.Plan(now_ + 501ms).revisit);
}

TEST_F(ClaimCursorTest, ASliceThatFilledItsClaimIsLookedThroughAgain) {
  EndLongWriter();
  const ClaimPlan plan = cursor_.Plan(now_);
  cursor_.Claimed(plan, 1, {{0, {kNoon, Id(1)}}}, now_, now_);
  EXPECT_EQ(cursor_.Plan(now_).ranges[0].from, plan.ranges[0].from);
}

TEST_F(ClaimCursorTest, ASliceInWhichAJobIsLeftIsLookedThroughAgain) {
  EndLongWriter();
  const ClaimPlan plan = cursor_.Plan(now_);
  // The queue is paused, or another claimer had the job locked.
  cursor_.Claimed(plan, 10, {}, now_, now_);
  Look({.left = {{0, {plan.ranges[0].from.at + 1s, Id(1)}}}});
  ASSERT_EQ(asked_.levels.size(), 2U) << "the level, and the slice";
  EXPECT_EQ(asked_.levels[1].floor, plan.ranges[0].from);
  const QueuePlace level = asked_.levels[0].floor;
  const ClaimPlan again = cursor_.Plan(now_);
  EXPECT_TRUE(again.revisit);
  EXPECT_EQ(again.ranges[0].from, plan.ranges[0].from);
  Look();
  EXPECT_GE(asked_.levels[0].floor, level) << "what is left in the past does not hold the present";
}

TEST_F(ClaimCursorTest, AClockThatStepsBackTakesTheFloorAlong) {
  CatchUp();
  database_ -= 1h;
  Look();
  EXPECT_LE(From().at, database_ - 50ms);
  EXPECT_FALSE(cursor_.Plan(now_).revisit) << "new jobs come there from now on";
}

TEST_F(ClaimCursorTest, ASweepLooksAtEverythingBelowTheFloorsAndGoesBack) {
  CatchUp();
  EXPECT_FALSE(cursor_.WantsSweep(now_)) << "the first look was at the beginning";
  now_ += 1min;
  database_ += 1min;
  ASSERT_TRUE(cursor_.WantsSweep(now_));
  const QueueQuestion question = cursor_.AskSweep();
  ASSERT_EQ(question.levels.size(), 1U);
  EXPECT_EQ(question.levels[0].floor, QueuePlace{});
  EXPECT_EQ(question.levels[0].next, From());
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
  ClaimNothing();
  const QueueQuestion question = cursor_.Ask(now_);
  const QueuePlace forgotten{kNoon - 24h, Id(1)};
  Sweep({.left = {{0, forgotten}}});
  cursor_.Answered({.now = database_}, now_);
  EXPECT_EQ(From(), (QueuePlace{forgotten.at, {}}));
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

TEST_F(ClaimCursorTest, WhoWritesWhileTheClockStepsBackIsHeardAtItsNewPlace) {
  CatchUp();
  Look({.writers = {"3/17"}});
  database_ -= 1h;
  Look({.writers = {"3/17", "4/2"}});
  const Timestamp stepped = database_;
  for (int i = 0; i < 4; ++i) {
    ClaimNothing();
    Look({.writers = {"3/17", "4/2"}});
  }
  EXPECT_GT(From().at, stepped);
  EXPECT_TRUE(Look({.writers = {"3/17"}}));
  EXPECT_LE(From().at, stepped) << "one that came about then";
  for (int i = 0; i < 4; ++i) {
    ClaimNothing();
    Look({.writers = {"3/17"}});
  }
  EXPECT_GT(From().at, stepped);
  EXPECT_TRUE(Look());
  EXPECT_LE(From().at, stepped) << "one that was there before";
}

TEST_F(ClaimCursorTest, ASavedOneGoesOnWhereItWas) {
  CatchUp();
  EXPECT_FALSE(cursor_.Save()) << "nothing was claimed";
  const Timestamp begun = database_;
  for (int i = 0; i < 4; ++i) {
    ClaimNothing();
    Look({.writers = {"3/17"}});
  }
  Claim(1, {{0, {database_, Id(1)}}});
  Look({.writers = {"3/17"}, .new_levels = {7}});
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
  database_ += 2h;
  EXPECT_TRUE(Look({.writers = {"4/2"}}));
  EXPECT_LE(From().at, begun);
  for (int i = 0; i < 4; ++i) {
    ClaimNothing();
    Look({.writers = {"4/2"}});
  }
  EXPECT_GT(From().at, looked_at);
  EXPECT_TRUE(Look());
  EXPECT_LE(From().at, looked_at);
}

TEST_F(ClaimCursorTest, ASavedOneGoesBackToWhereItHadYetToLook) {
  EndLongWriter();
  const ClaimPlan plan = cursor_.Plan(now_);
  ASSERT_TRUE(plan.revisit);
  cursor_.Claimed(plan, 1, {{0, {kNoon, Id(1)}}}, now_, now_);
  const auto saved = cursor_.Save();
  ASSERT_TRUE(saved);
  cursor_ = ClaimCursor();
  cursor_.Restore(*saved, now_);
  EXPECT_FALSE(cursor_.Plan(now_).revisit) << "a look has to come first";
  EXPECT_TRUE(Look());
  const ClaimPlan again = cursor_.Plan(now_);
  EXPECT_TRUE(again.revisit);
  EXPECT_EQ(again.ranges[0].from, plan.ranges[0].from);
}

TEST_F(ClaimCursorTest, AClockThatStepsBackDuringALongLookIsFollowedToBeforeIt) {
  CatchUp();
  ClaimNothing();
  cursor_.Ask(now_);
  const Timestamp read = database_;
  now_ += 10s;  // the answer takes long, and the clock goes back after it was read
  cursor_.Answered({.now = read}, now_);
  now_ += 1ms;
  cursor_.Ask(now_);
  const Timestamp stepped = read - 1h;
  cursor_.Answered({.now = stepped}, now_);
  EXPECT_LE(From().at, stepped - 10s);
}

TEST_F(ClaimCursorTest, WhatAServerRecoveredMayHaveWrittenAnywhere) {
  CatchUp();
  Look({.writers = {"-1/712"}});
  ClaimNothing();
  Look();
  EXPECT_EQ(From(), QueuePlace{});
}

TEST_F(ClaimCursorTest, LevelsBehindTheLastJobOfAFullClaimKeepTheirPlace) {
  Look({.new_levels = {0, 1, 2}});
  Look();
  Claim(1, {{1, {kNoon - 1h, Id(1)}}});
  Look();
  EXPECT_GT(From(0).at, kNoon - 1h) << "passed: nothing was there";
  EXPECT_EQ(From(1), (QueuePlace{kNoon - 1h, Id(1)}));
  EXPECT_EQ(From(2), QueuePlace{}) << "not reached";
}

TEST_F(ClaimCursorTest, UnusedLevelsAreForgottenWhenThereAreMany) {
  QueueAnswer answer;
  for (std::int16_t i = 0; i < 100; ++i) answer.new_levels.push_back(i);
  Look(answer);
  Claim(10, {{42, {kNoon, Id(1)}}});
  const QueueQuestion question = cursor_.Ask(now_);
  Sweep();
  EXPECT_FALSE(cursor_.Answered({.now = database_}, now_)) << "those of the look are gone";
  const ClaimPlan plan = cursor_.Plan(now_);
  ASSERT_EQ(plan.ranges.size(), 1U);
  EXPECT_EQ(plan.ranges[0].priority, 42);
}

TEST_F(ClaimCursorTest, AnotherServerMakesItForgetEverything) {
  CatchUp();
  EXPECT_TRUE(Look({.server = "the standby, promoted"}));
  EXPECT_TRUE(cursor_.WantsLook(now_));
  EXPECT_TRUE(cursor_.Plan(now_).ranges.empty());
}

TEST_F(ClaimCursorTest, ALookThatFailedChangesNothing) {
  CatchUp();
  const QueuePlace floor = From();
  Claim(10, {{0, {database_, Id(1)}}});
  now_ += 1s;
  cursor_.Ask(now_);
  EXPECT_EQ(From(), floor);
  EXPECT_TRUE(cursor_.WantsLook(now_));
}

}  // namespace
}  // namespace djps::store
