#include "worker/claim_pace.h"

#include <gtest/gtest.h>

#include "store/claims/lease_store.h"

namespace djps::worker {
namespace {

using namespace std::chrono_literals;

constexpr ClaimPace::Clock::time_point kStart{1h};

TEST(ClaimPaceTest, AnIdleWorkerWantsEverySlotFilled) {
  ClaimPace pace(16, kStart);
  EXPECT_EQ(pace.Want(0, kStart), 16U);
  EXPECT_EQ(pace.Want(15, kStart + 1s), 1U);
  EXPECT_EQ(pace.Want(16, kStart + 2s), 0U);
}

TEST(ClaimPaceTest, SlowJobsAreNotHoarded) {
  ClaimPace pace(16, kStart);
  // 16 slots, 1 s a job: the 50 ms ahead hold less than one.
  auto now = kStart;
  for (int second = 0; second < 5; ++second) {
    pace.Ended(16, 16s);
    now += 1s;
    EXPECT_EQ(pace.Want(16, now), 0U);
    EXPECT_EQ(pace.Want(10, now), 6U);
  }
}

TEST(ClaimPaceTest, OneEndShortlyAfterAMeasureIsNoRate) {
  ClaimPace pace(1, kStart);
  EXPECT_EQ(pace.Want(1, kStart + 1s), 0U);
  pace.Ended(1, 1s);
  EXPECT_EQ(pace.Want(0, kStart + 1s + 11ms), 1U);
  EXPECT_EQ(pace.Want(1, kStart + 1s + 12ms), 0U) << "a job would be held that cannot be run";
}

TEST(ClaimPaceTest, ShortJobsAreClaimedAhead) {
  ClaimPace pace(16, kStart);
  auto now = kStart;
  for (int round = 0; round < 20; ++round) {
    pace.Ended(40, 40ms);
    now += 10ms;  // 4,000 a second: 200 in 50 ms
    pace.Want(1'000, now);
  }
  EXPECT_NEAR(pace.rate(), 4'000, 40);
  EXPECT_GE(pace.Want(0, now), 199U);
  EXPECT_LE(pace.Want(0, now), 216U);
  // Nearly full: a claim of a few jobs would not be worth it; half empty: it is.
  EXPECT_EQ(pace.Want(200, now), 0U);
  EXPECT_GT(pace.Want(100, now), 90U);
}

TEST(ClaimPaceTest, WhatTheFirstClaimBroughtSaysHowFastJobsAre) {
  ClaimPace pace(200, kStart);
  EXPECT_EQ(pace.Want(0, kStart + 1h), 64U);
  pace.Ended(64, 64ms);
  EXPECT_EQ(pace.Want(0, kStart + 1h + 3ms), store::kClaimLimitMax);
}

TEST(ClaimPaceTest, LongJobsThatEndTogetherAreNotTakenForShortOnes) {
  ClaimPace pace(200, kStart);
  auto now = kStart;
  for (int second = 0; second < 5; ++second) {
    for (int i = 0; i < 99; ++i) {
      now += 10ms;
      EXPECT_LE(pace.Want(200, now), 10U);
    }
    pace.Ended(200, 200s);
    now += 10ms;
    EXPECT_EQ(pace.Want(210, now), 0U) << "ten jobs ahead, at 200 a second";
  }
}

TEST(ClaimPaceTest, NoClaimIsLargerThanALeaseMayBe) {
  ClaimPace slow(10'000, kStart);
  EXPECT_EQ(slow.Want(0, kStart), 64U) << "leases of jobs of unknown length are kept short";
  ClaimPace fast(10'000, kStart);
  fast.Ended(1'000'000, 1s);
  EXPECT_EQ(fast.Want(0, kStart + 1s), store::kClaimLimitMax);
}

TEST(ClaimPaceTest, WhatWasFastIsForgottenAfterAPause) {
  ClaimPace pace(4, kStart);
  pace.Ended(10'000, 0s);
  EXPECT_GT(pace.Want(4, kStart + 100ms), 100U);
  EXPECT_EQ(pace.Want(4, kStart + 2s), 0U);
}

TEST(ClaimPaceTest, AWorkerAloneNeverWaits) {
  ClaimPace pace(4, kStart);
  pace.Claimed(1s);
  EXPECT_EQ(pace.spacing(), 0s);
  pace.ShareWith(1);
  EXPECT_EQ(pace.spacing(), 0s);
  pace.ShareWith(0);  // not counted yet
  EXPECT_EQ(pace.spacing(), 0s);
}

TEST(ClaimPaceTest, WorkersTogetherHaveOneClaimUnderWay) {
  ClaimPace pace(4, kStart);
  for (int i = 0; i < 50; ++i) pace.Claimed(1ms);
  pace.ShareWith(11);
  EXPECT_GT(pace.spacing(), 9ms);
  EXPECT_LE(pace.spacing(), 10ms);
  // One slow claim changes little, and a claim that never ends has a limit.
  pace.Claimed(10s);
  EXPECT_LT(pace.spacing(), 20ms);
  for (int i = 0; i < 50; ++i) pace.Claimed(10s);
  EXPECT_LE(pace.spacing(), 40ms);
  pace.ShareWith(10'000);
  EXPECT_EQ(pace.spacing(), 250ms);
  pace.ShareWith(1);
  EXPECT_EQ(pace.spacing(), 0s);
}

TEST(ClaimPaceTest, ClaimsThatComeSeldomBringWorkUntilTheNext) {
  ClaimPace pace(10, kStart);
  pace.ShareWith(64);
  for (int i = 0; i < 50; ++i) pace.Claimed(4ms);
  ASSERT_EQ(pace.spacing(), 250ms);
  // All that a claim brings ends at once, and then there is nothing to do until the next.
  auto now = kStart;
  std::size_t brought = 0;
  for (int round = 0; round < 20; ++round) {
    brought = std::min<std::size_t>(pace.Want(0, now), 200);
    pace.Ended(brought, 0s);
    pace.Want(0, now + 1ms);  // too early to measure anything
    now += 250ms;
  }
  EXPECT_EQ(brought, 200U) << "800 a second, if only they are asked for";
}

}  // namespace
}  // namespace djps::worker
