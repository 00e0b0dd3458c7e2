#include <gtest/gtest.h>

#include "cli/frame/poll_pause.h"

namespace djps::cli {
namespace {

using std::chrono::steady_clock;

TEST(PollPauseTest, IsOverWhenItsTimeHasComeAndSleepsNoLonger) {
  PollPause over(steady_clock::now());
  EXPECT_TRUE(over.over());
  over.Sleep();
  PollPause open(steady_clock::now() + std::chrono::hours(1));
  EXPECT_FALSE(open.over());
}

}  // namespace
}  // namespace djps::cli
