// The loop that polls the jobs that clients wait for.
#include "server/live/job_watch.h"

#include <fmt/format.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "support/store_fixture.h"

namespace djps::test_support {
namespace {

using namespace std::chrono_literals;
using server::JobWatch;
using store::JobState;

constexpr JobState kNew{JobStatus::kQueued, 0};

class JobWatchTest : public StoreTest {
 protected:
  /// The loop runs until the test stops it.
  void Start(JobWatch& watch) {
    boost::asio::co_spawn(io_, watch.Run(), [this](const std::exception_ptr& error) {
      EXPECT_FALSE(error);
      ended_ = true;
    });
  }
  void Stop(JobWatch& watch) {
    watch.Stop();
    EXPECT_TRUE(RunUntil(io_, [this] { return ended_; }));
  }

  Uuid MakeEnded() {
    const Uuid id = EnqueueOne({.type = "t"});
    const store::ClaimedBatch batch = Claim(1);
    Complete(batch.lease, id);
    return id;
  }

  static JobWatch::Clock::time_point Patience() { return JobWatch::Clock::now() + kRunDeadline; }

  /// The next state that a subscriber of a new job gets.
  std::optional<JobStatus> NextStatus(JobWatch::Subscription& subscription,
                                      JobWatch::Clock::time_point deadline = Patience()) {
    const auto state = Run(subscription.Next(deadline));
    return state ? std::optional(state->status) : std::nullopt;
  }

  store::StateStore states_{*pool_};
  bool ended_ = false;
};

TEST_F(JobWatchTest, WhoComesLateLearnsWhatHasHappened) {
  JobWatch watch(io_.get_executor(), states_, 5s, {});
  Start(watch);
  {
    JobWatch::Subscription subscription(watch, MakeEnded(), kNew);
    EXPECT_EQ(NextStatus(subscription), JobStatus::kSucceeded);
  }
  Stop(watch);
}

TEST_F(JobWatchTest, ATouchIsLookedAtWithoutWaitingForTheNextLook) {
  // Except for its first poll, and touches, this loop polls once a day.
  JobWatch watch(io_.get_executor(), states_, 5s, {.min = 24h, .max = 24h});
  Start(watch);
  {
    JobWatch::Subscription first(watch, MakeEnded(), kNew);
    ASSERT_EQ(NextStatus(first), JobStatus::kSucceeded) << "the first look";
    const Uuid id = MakeEnded();
    JobWatch::Subscription second(watch, id, kNew);
    const std::array touched = {id};
    watch.Touch(touched);
    EXPECT_EQ(NextStatus(second), JobStatus::kSucceeded);
  }
  Stop(watch);
}

TEST_F(JobWatchTest, AsksNothingWhileNobodyWaits) {
  JobWatch watch(io_.get_executor(), states_, 5s, {.min = 1ms, .max = 1ms});
  Start(watch);
  io_.restart();
  io_.run_for(50ms);
  EXPECT_EQ(sql_.Value("select count(*) from pg_stat_activity where datname = current_database() "
                       "and query like '-- watch_jobs%'"),
            "0");
  Stop(watch);
}

TEST_F(JobWatchTest, AWaitEndsAtItsDeadlineAndWhenTheLoopStops) {
  JobWatch watch(io_.get_executor(), states_, 5s, {});
  Start(watch);
  {
    JobWatch::Subscription subscription(watch, EnqueueOne({.type = "t"}), kNew);
    EXPECT_EQ(NextStatus(subscription, JobWatch::Clock::now() + 20ms), std::nullopt);
    boost::asio::post(io_, [&watch] { watch.Stop(); });
    EXPECT_EQ(NextStatus(subscription), std::nullopt);
    EXPECT_TRUE(watch.stopping());
    EXPECT_EQ(NextStatus(subscription), std::nullopt) << "and so does one that begins later";
  }
  Stop(watch);
}

}  // namespace
}  // namespace djps::test_support
