// A claim cursor of a queue with more priority levels than a claim should go through.
#include <gtest/gtest.h>

#include "store/claims/claim_cursor.h"

namespace djps::store {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kNoon{std::chrono::hours(500'000)};
const Uuid kSomeId{};

class CrowdedCursorTest : public testing::Test {
 protected:
  void Begin(std::size_t levels) { cursor_ = ClaimCursor({.levels = levels}); }

  /// The jobs left in the known levels, and the new levels that were found.
  bool Look(const std::vector<QueueAnswer::Left>& left, const std::vector<std::int16_t>& found) {
    now_ += 50ms;
    database_ += 50ms;
    asked_ = cursor_.Ask({.now = database_}, now_, now_);
    return cursor_.Answered({.left = left, .new_levels = found}, now_);
  }

  void Claim(std::size_t limit, std::size_t jobs) {
    cursor_.Claimed(cursor_.Plan(now_), limit, jobs, now_, now_);
  }

  std::vector<std::int16_t> Levels() {
    std::vector<std::int16_t> levels;
    for (const ClaimPlan::Range& range : cursor_.Plan(now_).ranges) {
      levels.push_back(range.priority);
    }
    return levels;
  }
  /// A due job in each of that many levels.
  static std::vector<QueueAnswer::Left> DueIn(std::size_t levels) {
    std::vector<QueueAnswer::Left> left;
    for (std::size_t i = 0; i < levels; ++i) left.push_back({i, {kNoon, kSomeId}});
    return left;
  }

  ClaimCursor cursor_;
  ClaimCursor::Clock::time_point now_{1h};
  Timestamp database_ = kNoon;
  QueueQuestion asked_;
};

TEST_F(CrowdedCursorTest, OfManyLevelsTheMostUrgentStay) {
  Begin(3);
  Look({}, {5, 6});
  EXPECT_FALSE(cursor_.NeedsLook());
  EXPECT_FALSE(asked_.due);
  EXPECT_EQ(asked_.levels, 3U);
  EXPECT_TRUE(Look(DueIn(2), {-2, 7, 6000}));
  EXPECT_EQ(Levels(), (std::vector<std::int16_t>{-2, 5, 6}));
  EXPECT_TRUE(cursor_.NeedsLook()) << "-2 may be of the future, and have taken the place of 7";
  EXPECT_FALSE(Look(DueIn(3), {7}));
  EXPECT_TRUE(asked_.due);
  EXPECT_EQ(Levels(), (std::vector<std::int16_t>{-2, 5, 6}));
}

TEST_F(CrowdedCursorTest, LevelsInWhichNothingIsDueMakeRoom) {
  Begin(3);
  Look({}, {1, 2, 3});
  Look(DueIn(3), {4, 5});
  EXPECT_EQ(Levels(), (std::vector<std::int16_t>{1, 2, 3}));
  const QueueAnswer::Left later{1, {database_ + 1h, kSomeId}};
  EXPECT_TRUE(Look({{0, {kNoon, kSomeId}}, later}, {4, 5, 6}));
  EXPECT_EQ(Levels(), (std::vector<std::int16_t>{1, 4, 5}));
}

TEST_F(CrowdedCursorTest, WhereThereIsMoreAClaimThatTookAllItSawIsFollowedByALook) {
  Begin(3);
  Look({}, {1, 2, 3});
  EXPECT_TRUE(cursor_.NeedsLook()) << "for levels in which something is due";
  Look(DueIn(3), {4});
  EXPECT_FALSE(cursor_.NeedsLook());
  Claim(2, 2);
  EXPECT_FALSE(cursor_.NeedsLook()) << "it may not have come through";
  Claim(2, 1);
  EXPECT_TRUE(cursor_.NeedsLook());
  EXPECT_TRUE(cursor_.MayLook(now_)) << "at once, where the claim brought nothing";
  EXPECT_TRUE(Look({}, {4}));
  Claim(2, 1);
  EXPECT_FALSE(cursor_.NeedsLook()) << "that was all";
}

}  // namespace
}  // namespace djps::store
