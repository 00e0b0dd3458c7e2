#include "worker/claim_schedule.h"

#include <gtest/gtest.h>

namespace djps::worker {
namespace {

using namespace std::chrono_literals;
using Clock = ClaimSchedule::Clock;

constexpr Clock::time_point kStart{1h};
constexpr Clock::duration kAlone{0};

/// A claim that takes no time and returns no jobs; returns how long the worker waits.
Clock::duration RestAfterEmptyClaim(ClaimSchedule& schedule, Clock::time_point now) {
  schedule.Begin(now, kAlone);
  schedule.End(false, std::nullopt, now);
  return schedule.Next() - now;
}

/// Enough empty claims for waits to reach their maximum.
void MissOften(ClaimSchedule& schedule) {
  for (int i = 0; i < 20; ++i) RestAfterEmptyClaim(schedule, kStart);
}

TEST(ClaimScheduleTest, TheFirstClaimIsDueAtOnce) {
  EXPECT_LE(ClaimSchedule(500ms).Next(), kStart);
}

TEST(ClaimScheduleTest, AfterOneThatBroughtJobsTheNextIsDueAtOnce) {
  ClaimSchedule schedule(500ms);
  schedule.Begin(kStart, kAlone);
  schedule.End(true, std::nullopt, kStart + 1ms);
  EXPECT_LE(schedule.Next(), kStart + 1ms);
}

TEST(ClaimScheduleTest, WaitsGrowWithEmptyClaimsUpToTheLongest) {
  ClaimSchedule schedule(500ms);
  const auto first = RestAfterEmptyClaim(schedule, kStart);
  EXPECT_GE(first, 0ms);
  EXPECT_LE(first, 5ms);
  for (auto longest = 10ms; longest <= 320ms; longest *= 2) {
    EXPECT_LE(RestAfterEmptyClaim(schedule, kStart), longest);
  }
  MissOften(schedule);
  const auto last = RestAfterEmptyClaim(schedule, kStart);
  EXPECT_GE(last, 50ms) << "a tenth at least";
  EXPECT_LE(last, 500ms);
}

TEST(ClaimScheduleTest, JobsMakeWaitsShortAgain) {
  ClaimSchedule schedule(500ms);
  MissOften(schedule);
  schedule.Begin(kStart, kAlone);
  schedule.End(true, std::nullopt, kStart);
  EXPECT_LE(RestAfterEmptyClaim(schedule, kStart), 5ms);
}

TEST(ClaimScheduleTest, IdleWorkersShareTheLooking) {
  ClaimSchedule schedule(10ms);
  MissOften(schedule);
  schedule.OnWorkerCount(4);
  const auto shared = RestAfterEmptyClaim(schedule, kStart);
  EXPECT_GE(shared, 4ms);
  EXPECT_LE(shared, 40ms);
  schedule.OnWorkerCount(1'000);
  EXPECT_LE(RestAfterEmptyClaim(schedule, kStart), 160ms) << "by 16 at most";
  schedule.OnWorkerCount(0);  // this one has not been counted yet
  EXPECT_LE(RestAfterEmptyClaim(schedule, kStart), 10ms);
}

TEST(ClaimScheduleTest, APlaceThatIsDueSoonCutsTheWaitShort) {
  ClaimSchedule schedule(60s);
  MissOften(schedule);
  schedule.Begin(kStart, kAlone);
  schedule.End(false, 3ms, kStart);
  EXPECT_EQ(schedule.Next(), kStart + 3ms);
}

TEST(ClaimScheduleTest, ClaimsKeepTheirSpacingWhateverTheyBring) {
  ClaimSchedule schedule(500ms);
  schedule.Begin(kStart, 100ms);
  schedule.End(true, std::nullopt, kStart + 1ms);
  EXPECT_EQ(schedule.Next(), kStart + 100ms);
  schedule.Begin(kStart + 100ms, 100ms);
  schedule.End(false, std::nullopt, kStart + 101ms);
  EXPECT_EQ(schedule.Next(), kStart + 200ms) << "longer than the rest of 5 ms";
}

TEST(ClaimScheduleTest, NewJobsEndARest) {
  ClaimSchedule schedule(60s);
  MissOften(schedule);
  ASSERT_GT(RestAfterEmptyClaim(schedule, kStart), 1s);
  schedule.Wake(kStart + 1ms, kAlone);
  EXPECT_LE(schedule.Next(), kStart + 1ms);
  schedule.Begin(kStart + 1ms, kAlone);
  schedule.End(false, std::nullopt, kStart + 1ms);
  EXPECT_LE(schedule.Next(), kStart + 6ms) << "and waits begin anew";
}

TEST(ClaimScheduleTest, ThoseWhoHearOfNewJobsComeAtAMomentOfTheirOwn) {
  bool differ = false;
  for (int i = 0; i < 100; ++i) {
    ClaimSchedule schedule(500ms);
    schedule.Wake(kStart, 100ms);
    const auto turn = schedule.Next() - kStart;
    EXPECT_GE(turn, 0ms);
    EXPECT_LT(turn, 100ms);
    differ = differ || turn > 50ms;
    schedule.Wake(kStart + 10ms, 100ms);
    EXPECT_EQ(schedule.Next() - kStart, turn) << "one turn, however often it hears";
  }
  EXPECT_TRUE(differ);
}

TEST(ClaimScheduleTest, OneThatCameTooLateLeavesTheNextJobsToOthers) {
  ClaimSchedule schedule(500ms);
  Clock::duration longest{0};
  for (auto now = kStart; now < kStart + 20s; now += 1s) {
    schedule.Wake(now, kAlone);
    EXPECT_LE(schedule.Next(), now);
    schedule.Begin(now, kAlone);
    schedule.End(false, std::nullopt, now);
    schedule.Wake(now, kAlone);
    longest = std::max(longest, schedule.Next() - now);
    EXPECT_LE(longest, 64ms);
  }
  EXPECT_GE(longest, 6ms) << "it grows, to a tenth of 64 ms at least";
  schedule.Begin(kStart + 30s, kAlone);
  schedule.End(true, std::nullopt, kStart + 30s);
  schedule.Wake(kStart + 31s, kAlone);
  schedule.Begin(kStart + 31s, kAlone);
  schedule.End(false, std::nullopt, kStart + 31s);
  schedule.Wake(kStart + 31s, kAlone);
  EXPECT_LE(schedule.Next(), kStart + 31s + 1ms) << "until it was in time";
}

TEST(ClaimScheduleTest, NewJobsDuringAClaimAreForTheNextOne) {
  ClaimSchedule schedule(60s);
  MissOften(schedule);
  schedule.Begin(kStart, kAlone);
  schedule.Wake(kStart, kAlone);
  schedule.End(false, std::nullopt, kStart + 1ms);
  EXPECT_LE(schedule.Next(), kStart + 1ms);
}

}  // namespace
}  // namespace djps::worker
