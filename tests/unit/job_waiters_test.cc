// The line of claims that wait for jobs.
#include "server/live/job_waiters.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "support/run_coroutine.h"

namespace djps::server {
namespace {

using namespace std::chrono_literals;
using test_support::RunCoroutine;
using test_support::RunUntil;

class JobWaitersTest : public testing::Test {
 protected:
  ~JobWaitersTest() override {
    waiters_.Stop();
    EXPECT_TRUE(RunUntil(io_, [this] { return ended_ && waiting_ == 0; }));
  }

  /// Begins to send waiters to try.
  void StartLoop() {
    ended_ = false;
    boost::asio::co_spawn(io_, waiters_.Run(),
                          [this](const std::exception_ptr&) { ended_ = true; });
  }

  /// A waiter for `jobs` jobs of `type`; woken_ and wakes_ record the result.
  void Join(int who, const std::string& type = "t", std::size_t jobs = 1, bool gone = false) {
    types_.push_back({type});
    needs_.push_back(WorkNeed{
        .queues = queues_, .types = types_.back(), .jobs = jobs, .gone = [gone] { return gone; }});
    ++waiting_;
    const std::size_t before = waiters_.waiting();
    boost::asio::co_spawn(io_, waiters_.Wait(needs_.back(), JobWaiters::Clock::now() + 60s),
                          [this, who](const std::exception_ptr&, WorkWake wake) {
                            --waiting_;
                            wakes_[who] = wake;
                            if (wake == WorkWake::kWork) woken_.push_back(who);
                          });
    ASSERT_TRUE(RunUntil(io_, [&] { return waiters_.waiting() == before + 1; }));
  }

  /// The result of the `nth` woken waiter.
  void Finished(std::size_t nth, bool claimed) {
    waiters_.Finished(needs_[static_cast<std::size_t>(woken_[nth] - 1)], claimed);
  }

  bool Woken(std::size_t count) {
    return RunUntil(io_, [&] { return woken_.size() == count; });
  }

  boost::asio::io_context io_{1};
  JobWaiters waiters_{io_.get_executor()};
  std::vector<std::string> queues_ = {"default"};
  std::deque<std::vector<std::string>> types_;
  std::deque<WorkNeed> needs_;
  std::vector<int> woken_;
  std::map<int, WorkWake> wakes_;
  int waiting_ = 0;
  bool ended_ = true;
};

TEST_F(JobWaitersTest, WhoCameFirstIsWokenFirstAndNoMoreThanThereAreJobs) {
  for (int who = 1; who <= 5; ++who) Join(who);
  waiters_.Submitted("default", "t", 2);
  ASSERT_TRUE(Woken(2));
  EXPECT_EQ(woken_, (std::vector<int>{1, 2}));
  EXPECT_EQ(waiters_.waiting(), 3U);
  Finished(0, true);
  Finished(1, true);
}

TEST_F(JobWaitersTest, ASubmissionWakesOnlyThoseWhoTakeIt) {
  Join(1, "a");
  Join(2, "b");
  waiters_.Submitted("default", "b", 2);
  ASSERT_TRUE(Woken(1));
  EXPECT_EQ(woken_, std::vector<int>{2});
  waiters_.Submitted("elsewhere", "a", 1);
  EXPECT_EQ(waiters_.waiting(), 1U);
  Finished(0, true);
}

TEST_F(JobWaitersTest, OneOfEachKindTriesForAllOfIt) {
  Join(1, "a");
  Join(2, "b");
  Join(3, "a");
  StartLoop();
  ASSERT_TRUE(Woken(2));
  EXPECT_EQ(woken_, (std::vector<int>{1, 2}));
  EXPECT_EQ(waiters_.waiting(), 1U);
  Finished(0, false);
  Finished(1, false);
}

TEST_F(JobWaitersTest, WhereOneFoundSomethingTwoTryThenFour) {
  for (int who = 1; who <= 8; ++who) Join(who);
  StartLoop();
  ASSERT_TRUE(Woken(1));
  Finished(0, true);
  ASSERT_TRUE(Woken(3));
  Finished(1, true);
  Finished(2, false);
  ASSERT_TRUE(Woken(7));
  EXPECT_EQ(woken_, (std::vector<int>{1, 2, 3, 4, 5, 6, 7}));
  for (std::size_t i = 3; i < 7; ++i) Finished(i, false);
  ASSERT_TRUE(Woken(8));
  Finished(7, false);
}

TEST_F(JobWaitersTest, NobodyIsSentToTryWhileSomebodyClaims) {
  Join(1);
  Join(2);
  StartLoop();
  ASSERT_TRUE(Woken(1));
  // Its turn comes again and again; another kind shows that the loop runs meanwhile.
  for (int who = 3; who <= 5; ++who) {
    waiters_.Wake("");
    Join(who, std::to_string(who));
    ASSERT_TRUE(Woken(static_cast<std::size_t>(who - 1)));
    EXPECT_EQ(woken_.back(), who);
    Finished(woken_.size() - 1, false);
  }
  Finished(0, false);
  ASSERT_TRUE(Woken(5));
  EXPECT_EQ(woken_.back(), 2);
  Finished(4, false);
}

TEST_F(JobWaitersTest, WhatOneKindFindsIsNothingToAnother) {
  Join(1, "a");
  for (int who = 2; who <= 6; ++who) Join(who, "b");
  StartLoop();
  ASSERT_TRUE(Woken(2));
  Finished(0, true);
  Join(7, "a");
  ASSERT_TRUE(Woken(3));
  EXPECT_EQ(woken_, (std::vector<int>{1, 2, 7})) << "the one of b that tries has not ended";
  Finished(2, true);
  Finished(1, false);
  ASSERT_TRUE(Woken(4));
  EXPECT_EQ(woken_.back(), 3) << "one at a time, although a found something";
  EXPECT_EQ(waiters_.waiting(), 3U);
  Finished(3, false);
}

TEST_F(JobWaitersTest, OneThatTakesManyLeavesNothingForTheNext) {
  Join(1, "t", 10);
  Join(2);
  waiters_.Submitted("default", "t", 10);
  ASSERT_TRUE(Woken(1));
  EXPECT_EQ(waiters_.waiting(), 1U);
  Finished(0, true);
}

TEST_F(JobWaitersTest, WhoLeftIsPassedOver) {
  Join(1, "t", 10, true);
  for (int who = 2; who <= 4; ++who) Join(who);
  waiters_.Submitted("default", "t", 2);
  ASSERT_TRUE(Woken(2));
  EXPECT_EQ(woken_, (std::vector<int>{2, 3})) << "what the first wanted is there for others";
  EXPECT_EQ(wakes_.at(1), WorkWake::kGone);
  Finished(0, true);
  Finished(1, true);
}

TEST_F(JobWaitersTest, AKindThatNobodyWaitsForAnyMoreIsForgotten) {
  Join(1, "a");
  Join(2, "b");
  StartLoop();
  waiters_.Submitted("default", "a", 1);
  ASSERT_TRUE(RunUntil(io_, [this] { return wakes_.contains(1); }));
  waiters_.Finished(needs_[0], false);
  // The other kind goes on trying meanwhile.
  EXPECT_TRUE(RunUntil(io_, [this] {
    if (wakes_.contains(2)) {
      waiters_.Finished(needs_[1], false);
      wakes_.erase(2);
      Join(2, "b");
    }
    return waiters_.kinds() == 1;
  }));
}

TEST_F(JobWaitersTest, AStopWakesEverybodyAndLetsNobodyIn) {
  Join(1);
  waiters_.Stop();
  ASSERT_TRUE(RunUntil(io_, [this] { return waiting_ == 0; }));
  EXPECT_EQ(wakes_.at(1), WorkWake::kStopped);
  EXPECT_EQ(RunCoroutine(io_, waiters_.Wait(needs_.back(), JobWaiters::Clock::now() + 60s)),
            WorkWake::kStopped);
}

}  // namespace
}  // namespace djps::server
