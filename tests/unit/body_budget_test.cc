// Which body is dropped when the memory for bodies is used up.
#include "server/http/body_budget.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "server/http/peer.h"

namespace djps::server {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<BodyBudget> Budget(std::chrono::milliseconds slow_after = 1h) {
  return std::make_shared<BodyBudget>(
      BodyBudget::Limits{.total = 100, .share = 50, .slow_after = slow_after});
}

struct Body {
  Body(const std::shared_ptr<BodyBudget>& budget, const std::string& owner)
      : place(budget, owner, [this] { dropped = true; }) {}

  bool dropped = false;
  BodyBudget::Place place;
};

TEST(BodyBudgetTest, NobodyHasMoreThanAShare) {
  const auto budget = Budget();
  Body first(budget, "a");
  Body second(budget, "a");
  EXPECT_TRUE(first.place.Grow(30));
  EXPECT_FALSE(second.place.Grow(30)) << "of one sender";
  EXPECT_TRUE(second.place.Grow(20));
  Body other(budget, "b");
  EXPECT_TRUE(other.place.Grow(50)) << "another sender has a share of its own";
  Body third(budget, "c");
  EXPECT_FALSE(third.place.Grow(1)) << "all of it is used";
}

TEST(BodyBudgetTest, OneAloneIsAlwaysTaken) {
  const auto budget = Budget();
  Body body(budget, "a");
  EXPECT_TRUE(body.place.Grow(500));
  EXPECT_TRUE(body.place.Grow(800));
}

TEST(BodyBudgetTest, WhatIsOverMakesRoom) {
  const auto budget = Budget();
  std::optional<Body> first;
  first.emplace(budget, "a");
  EXPECT_TRUE(first->place.Grow(90));
  Body second(budget, "b");
  EXPECT_FALSE(second.place.Grow(50));
  first.reset();
  EXPECT_TRUE(second.place.Grow(50));
}

TEST(BodyBudgetTest, TheSlowestThatIsStillComingMakesWay) {
  const auto budget = Budget(0ms);
  Body complete(budget, "a");
  EXPECT_TRUE(complete.place.Grow(20));
  complete.place.Complete();
  Body slow(budget, "b");
  EXPECT_TRUE(slow.place.Grow(30));
  Body fast(budget, "c");
  EXPECT_TRUE(fast.place.Grow(50));
  EXPECT_TRUE(fast.place.Grow(60)) << "it has more than the other, in less time";
  EXPECT_TRUE(slow.dropped);
  EXPECT_FALSE(complete.dropped);
  EXPECT_FALSE(fast.place.Grow(90)) << "nobody else is left to make way";
}

TEST(BodyBudgetTest, OneThatHasJustBegunIsNotSlow) {
  const auto budget = Budget();
  Body first(budget, "a");
  EXPECT_TRUE(first.place.Grow(90));
  Body second(budget, "b");
  EXPECT_FALSE(second.place.Grow(90));
  EXPECT_FALSE(first.dropped);
}

TEST(BodyBudgetTest, AShareThatIsUsedUpIsTheSendersOwnTrouble) {
  const auto budget = Budget(0ms);
  Body foreign(budget, "a");
  EXPECT_TRUE(foreign.place.Grow(1));
  Body slow(budget, "b");
  EXPECT_TRUE(slow.place.Grow(10));
  Body fast(budget, "b");
  EXPECT_TRUE(fast.place.Grow(40));
  EXPECT_TRUE(fast.place.Grow(45));
  EXPECT_TRUE(slow.dropped);
  EXPECT_FALSE(foreign.dropped) << "slower, but not of this sender";
}

TEST(PeerTest, IsAnAddressOrANetworkOf64Bits) {
  const auto peer = [](const char* text) { return PeerOf(boost::asio::ip::make_address(text)); };
  EXPECT_EQ(peer("10.1.2.3"), "10.1.2.3");
  EXPECT_EQ(peer("::ffff:10.1.2.3"), "10.1.2.3");
  EXPECT_EQ(peer("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(peer("2001:db8:1:2::1"), peer("2001:db8:1:2:ffff::"));
}

}  // namespace
}  // namespace djps::server
