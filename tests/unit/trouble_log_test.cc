#include "core/trouble_log.h"

#include <gtest/gtest.h>

namespace djps {
namespace {

using std::chrono::seconds;

const TroubleLog::Clock::time_point kStart{};

TEST(TroubleLogTest, SaysTroubleOnceAndItsEndOnce) {
  TroubleLog log;
  EXPECT_FALSE(log.Ends()) << "there was none";
  EXPECT_TRUE(log.Begins("away", kStart));
  for (int i = 1; i < 1'000; ++i) EXPECT_FALSE(log.Begins("away", kStart + i * seconds(5)));
  EXPECT_TRUE(log.Ends());
  EXPECT_FALSE(log.Ends());
}

TEST(TroubleLogTest, SaysWhatChanged) {
  TroubleLog log;
  EXPECT_TRUE(log.Begins("refused", kStart));
  EXPECT_TRUE(log.Begins("starting up", kStart));
  EXPECT_FALSE(log.Begins("refused", kStart + seconds(1))) << "in turns";
  EXPECT_FALSE(log.Begins("starting up", kStart + seconds(2)));
  EXPECT_TRUE(log.Ends());
}

TEST(TroubleLogTest, TroubleThatComesAndGoesIsSaidAgainOnceItStayedAway) {
  TroubleLog log;
  EXPECT_TRUE(log.Begins("broke", kStart));
  EXPECT_TRUE(log.Ends());
  for (int i = 1; i < 100; ++i) {
    EXPECT_FALSE(log.Begins("broke", kStart + i * seconds(2)));
    EXPECT_FALSE(log.Ends());
  }
  EXPECT_TRUE(log.Begins("broke", kStart + seconds(198) + TroubleLog::kForgotten));
  EXPECT_TRUE(log.Ends());
}

TEST(TroubleLogTest, RemembersABoundedNumberOfTexts) {
  TroubleLog log;
  for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(log.Begins(std::to_string(i), kStart));
}

}  // namespace
}  // namespace djps
