#include "store/batching/group_commit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <numeric>
#include <optional>
#include <string>

#include "support/run_coroutine.h"

namespace djps::store {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using test_support::RunUntil;
using Line = GroupCommit<int, int>;

constexpr int kBad = -1;   // what the store refuses
constexpr int kHeld = -2;  // what a lock of another transaction blocks

/// The result of a call.
struct Outcome {
  bool done = false;
  std::vector<int> answers;
  std::vector<int> items;  // as they came back
  std::string sqlstate;    // of the error; empty where there was none
  bool unknown = false;
  bool overloaded = false;
};

/// A line over a store that answers each number with ten times that number, and can be blocked.
class GroupCommitTest : public testing::Test {
 protected:
  GroupCommitTest() : gate_(io_, asio::steady_timer::time_point::max()) {}

  void MakeLine(GroupCommitLimits limits = {}, BacklogLimits backlog = {},
                Line::Identity identity = {}) {
    backlog_ = std::make_shared<Backlog>(backlog);
    line_ = std::make_shared<Line>(
        io_.get_executor(), backlog_,
        [this](const std::vector<int>& items, pg::Deadline) { return Store(items); },
        std::move(identity), limits,
        [this](std::vector<int> answers) {
          unheard_.insert(unheard_.end(), answers.begin(), answers.end());
        });
  }

  asio::awaitable<std::vector<int>> Store(const std::vector<int>& items) {
    batches_.push_back(items);
    ++under_way_;
    most_under_way_ = std::max(most_under_way_, under_way_);
    if (held_) co_await gate_.async_wait(asio::as_tuple(asio::use_awaitable));
    --under_way_;
    if (!trouble_.empty()) throw pg::PgError(trouble_, "trouble", trouble_unknown_);
    if (std::count(items.begin(), items.end(), kBad) > 0) throw pg::PgError("22003", "bad");
    if (std::count(items.begin(), items.end(), kHeld) > 0) {
      throw pg::PgError(pg::kLockNotAvailable, "held");
    }
    std::vector<int> answers;
    for (const int item : items) answers.push_back(10 * item);
    stored_.insert(stored_.end(), items.begin(), items.end());
    co_return answers;
  }

  /// A line for callers that meet a lock; they wait until it is released.
  void MakeWaitingLine() {
    waiting_ = std::make_shared<Line>(
        io_.get_executor(), backlog_,
        [this](const std::vector<int>& items, pg::Deadline) { return AwaitLock(items); },
        Line::Identity{}, GroupCommitLimits{.batches = 2, .batch_items = 1});
    line_->LetWait(waiting_);
  }
  asio::awaitable<std::vector<int>> AwaitLock(const std::vector<int>& items) {
    waited_.push_back(items);
    co_await lock_.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return std::vector<int>(items.size(), 7);
  }

  static asio::awaitable<void> Call(std::shared_ptr<Line> line, std::vector<int> items,
                                    pg::Deadline deadline, std::shared_ptr<Outcome> outcome) {
    try {
      const std::size_t bytes = items.size() * sizeof(int);
      auto written = co_await line->Submit(std::move(items), bytes, deadline);
      outcome->answers = std::move(written.answers);
      outcome->items = std::move(written.items);
    } catch (const pg::PgError& error) {
      outcome->sqlstate = error.sqlstate();
      outcome->unknown = error.outcome_unknown();
      outcome->overloaded = dynamic_cast<const OverloadedError*>(&error) != nullptr;
    }
    outcome->done = true;
  }

  std::shared_ptr<Outcome> Submit(std::vector<int> items, pg::Deadline deadline) {
    auto outcome = std::make_shared<Outcome>();
    asio::co_spawn(io_, Call(line_, std::move(items), deadline, outcome),
                   [](const std::exception_ptr& error) {
                     if (error) std::rethrow_exception(error);
                   });
    return outcome;
  }
  std::shared_ptr<Outcome> Submit(std::vector<int> items) {
    return Submit(std::move(items), pg::After(std::chrono::seconds(60)));
  }

  /// Runs everything that needs no release and no deadline.
  void Settle() {
    io_.restart();
    io_.poll();
  }
  void Release() {
    held_ = false;
    gate_.cancel();
    Settle();
  }

  asio::io_context io_{1};
  asio::steady_timer gate_;
  std::shared_ptr<Backlog> backlog_;
  std::shared_ptr<Line> line_;
  std::shared_ptr<Line> waiting_;
  asio::steady_timer lock_{io_, asio::steady_timer::time_point::max()};
  std::vector<std::vector<int>> waited_;  // the batches of the waiting line
  std::vector<std::vector<int>> batches_;
  std::vector<int> stored_;
  std::vector<int> unheard_;
  bool held_ = false;
  std::string trouble_;
  bool trouble_unknown_ = false;
  int under_way_ = 0;
  int most_under_way_ = 0;
};

TEST_F(GroupCommitTest, WritesWhoeverComesAloneAtOnce) {
  MakeLine();
  held_ = true;
  const auto first = Submit({1});
  Settle();
  EXPECT_EQ(batches_, (std::vector<std::vector<int>>{{1}}));
  const auto second = Submit({2, 3});
  Settle();
  EXPECT_EQ(batches_, (std::vector<std::vector<int>>{{1}, {2, 3}}));
  Release();
  EXPECT_EQ(first->answers, std::vector<int>{10});
  EXPECT_EQ(second->answers, (std::vector<int>{20, 30}));
  EXPECT_EQ(second->items, (std::vector<int>{2, 3}));
  EXPECT_EQ(backlog_->items(), 0U);
  EXPECT_EQ(backlog_->bytes(), 0U);
}

TEST_F(GroupCommitTest, WritesTogetherWhoeverComesWhileBatchesAreUnderWay) {
  MakeLine({.batches = 2, .batch_items = 1'000, .batch_bytes = 4U << 20U});
  held_ = true;
  std::vector<std::shared_ptr<Outcome>> outcomes;
  for (int i = 0; i < 2; ++i) {
    outcomes.push_back(Submit({i}));
    Settle();
  }
  for (int i = 2; i < 200; ++i) outcomes.push_back(Submit({i}));
  Settle();
  EXPECT_EQ(batches_.size(), 2U);
  Release();
  EXPECT_EQ(batches_.size(), 3U);
  EXPECT_EQ(batches_[2].size(), 198U);
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(outcomes[static_cast<std::size_t>(i)]->answers, std::vector<int>{10 * i});
  }
  EXPECT_EQ(line_->counts().callers, 200U);
  EXPECT_EQ(line_->counts().items, 200U);
  EXPECT_EQ(line_->counts().writes, 3U);
}

TEST_F(GroupCommitTest, KeepsBatchesWithinTheirBounds) {
  MakeLine({.batches = 1, .batch_items = 10, .batch_bytes = 8 * sizeof(int)});
  held_ = true;
  Submit({0});
  Settle();
  std::vector<std::shared_ptr<Outcome>> outcomes;
  for (int i = 0; i < 5; ++i) outcomes.push_back(Submit({1, 2, 3}));
  const auto large = Submit(std::vector<int>(20, 4));  // by itself, but it is written
  Settle();
  Release();
  ASSERT_EQ(batches_.size(), 5U);
  EXPECT_EQ(batches_[1].size(), 6U);
  EXPECT_EQ(batches_[2].size(), 6U);
  EXPECT_EQ(batches_[3].size(), 3U);
  EXPECT_EQ(batches_[4].size(), 20U);
  EXPECT_EQ(large->answers, std::vector<int>(20, 40));
  EXPECT_EQ(most_under_way_, 1);
}

TEST_F(GroupCommitTest, TellsOnlyTheOneWhoIsToBlame) {
  MakeLine();
  std::vector<std::shared_ptr<Outcome>> outcomes;
  for (int i = 0; i < 50; ++i) {
    outcomes.push_back(Submit(i == 17 ? std::vector<int>{1, kBad} : std::vector<int>{i}));
  }
  Settle();
  for (int i = 0; i < 50; ++i) {
    const Outcome& outcome = *outcomes[static_cast<std::size_t>(i)];
    ASSERT_TRUE(outcome.done);
    EXPECT_EQ(outcome.sqlstate, i == 17 ? "22003" : "");
    EXPECT_EQ(outcome.answers, i == 17 ? std::vector<int>{} : std::vector<int>{10 * i});
  }
  EXPECT_EQ(stored_.size(), 49U);
  EXPECT_LT(batches_.size(), 15U);  // halves, not one by one
  EXPECT_EQ(backlog_->items(), 0U);
}

TEST_F(GroupCommitTest, WhoMeetsALockWaitsApartAndNobodyBehindIt) {
  MakeLine();
  MakeWaitingLine();
  std::vector<std::shared_ptr<Outcome>> outcomes;
  for (int i = 0; i < 16; ++i)
    outcomes.push_back(Submit(i == 5 ? std::vector{kHeld, 5} : std::vector{i}));
  Settle();
  for (std::size_t i = 0; i < outcomes.size(); ++i) EXPECT_EQ(outcomes[i]->done, i != 5) << i;
  const auto later = Submit({16});
  Settle();
  EXPECT_EQ(later->answers, std::vector<int>{160});
  EXPECT_EQ(waited_, (std::vector<std::vector<int>>{{kHeld, 5}}));
  lock_.cancel();
  Settle();
  EXPECT_EQ(outcomes[5]->answers, (std::vector<int>{7, 7}));
  EXPECT_EQ(outcomes[5]->items, (std::vector<int>{kHeld, 5})) << "it gets back what it gave";
  EXPECT_EQ(backlog_->items(), 0U);
}

TEST_F(GroupCommitTest, ThoseWhoWaitForLocksAreNotWrittenTogether) {
  MakeLine();
  MakeWaitingLine();
  std::vector<std::shared_ptr<Outcome>> outcomes;
  for (int i = 0; i < 3; ++i) outcomes.push_back(Submit({kHeld}));
  Settle();
  EXPECT_EQ(waited_.size(), 2U) << "two at once, each alone";
  lock_.cancel();
  Settle();
  lock_.cancel();
  Settle();
  EXPECT_EQ(waited_.size(), 3U);
  for (const auto& outcome : outcomes) EXPECT_EQ(outcome->answers, std::vector<int>{7});
}

TEST_F(GroupCommitTest, WhoseDeadlinePassesInTheWaitingLineIsTakenOutOfIt) {
  MakeLine();
  MakeWaitingLine();
  const auto first = Submit({kHeld});
  const auto second = Submit({kHeld});
  Settle();
  const auto late = Submit({kHeld}, pg::After(milliseconds(50)));
  ASSERT_TRUE(RunUntil(io_, [&] { return late->done; }));
  EXPECT_EQ(late->sqlstate, pg::kQueryCanceled);
  EXPECT_FALSE(late->unknown);
  lock_.cancel();
  Settle();
  EXPECT_TRUE(first->done && second->done);
  EXPECT_EQ(waited_.size(), 2U) << "it was written all the same";
  EXPECT_EQ(backlog_->items(), 0U);
}

TEST_F(GroupCommitTest, WithoutAWaitingLineWhoMeetsALockIsToldAtOnce) {
  MakeLine();
  const auto held = Submit({kHeld});
  const auto other = Submit({1});
  Settle();
  EXPECT_EQ(held->sqlstate, pg::kLockNotAvailable);
  EXPECT_EQ(other->answers, std::vector<int>{10});
}

TEST_F(GroupCommitTest, TellsEverybodyWhenTheStoreIsAway) {
  MakeLine();
  trouble_ = std::string(pg::kConnectionFailure);
  trouble_unknown_ = true;
  const auto first = Submit({1});
  const auto second = Submit({2});
  Settle();
  EXPECT_EQ(batches_.size(), 1U);
  for (const auto& outcome : {first, second}) {
    EXPECT_EQ(outcome->sqlstate, pg::kConnectionFailure);
    EXPECT_TRUE(outcome->unknown);
  }
  trouble_.clear();
  const auto third = Submit({3});
  Settle();
  EXPECT_EQ(third->answers, std::vector<int>{30});
}

TEST_F(GroupCommitTest, DropsFromTheLineWhoseDeadlineHasPassed) {
  MakeLine({.batches = 1});
  held_ = true;
  const auto first = Submit({1});
  Settle();
  const auto late = Submit({2}, pg::After(milliseconds(1)));
  const auto patient = Submit({3});
  ASSERT_TRUE(RunUntil(io_, [&] { return late->done; }));
  EXPECT_EQ(late->sqlstate, pg::kQueryCanceled);
  EXPECT_FALSE(late->unknown);
  EXPECT_EQ(backlog_->items(), 2U);
  Release();
  EXPECT_EQ(first->answers, std::vector<int>{10});
  EXPECT_EQ(patient->answers, std::vector<int>{30});
  EXPECT_EQ(stored_, (std::vector<int>{1, 3}));
}

TEST_F(GroupCommitTest, GoesOnWithABatchThatACallerHasLeft) {
  MakeLine();
  held_ = true;
  const auto late = Submit({1}, pg::After(milliseconds(200)));
  const auto patient = Submit({2});
  Settle();
  ASSERT_TRUE(RunUntil(io_, [&] { return late->done; }));
  EXPECT_EQ(late->sqlstate, pg::kQueryCanceled);
  EXPECT_TRUE(late->unknown);
  Release();
  EXPECT_EQ(patient->answers, std::vector<int>{20});
  EXPECT_EQ(stored_, (std::vector<int>{1, 2}));
  EXPECT_EQ(unheard_, std::vector<int>{10}) << "what it would have got is not forgotten";
  EXPECT_EQ(backlog_->items(), 0U);
}

TEST_F(GroupCommitTest, RefusesWhatTheBacklogCannotHoldAndRecovers) {
  for (const BacklogLimits limits :
       {BacklogLimits{.items_max = 4}, BacklogLimits{.bytes_max = 4 * sizeof(int)}}) {
    MakeLine({}, limits);
    held_ = true;
    std::vector<std::shared_ptr<Outcome>> outcomes;
    for (int i = 0; i < 10; ++i) outcomes.push_back(Submit({i}));
    Settle();
    for (std::size_t i = 4; i < 10; ++i) EXPECT_TRUE(outcomes[i]->overloaded) << i;
    Release();
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(outcomes[i]->answers.size(), 1U) << i;
    const auto large = Submit({1, 2, 3, 4, 5});  // alone it may be larger than the limit
    Settle();
    EXPECT_EQ(large->answers.size(), 5U);
    EXPECT_EQ(backlog_->items(), 0U);
  }
}

TEST_F(GroupCommitTest, KeepsApartWhatMustNotBeInOneBatch) {
  MakeLine({}, {}, [](int item) {
    return *Uuid::Parse("00000000-0000-4000-8000-00000000000" + std::to_string(item));
  });
  std::vector<std::shared_ptr<Outcome>> outcomes;
  for (const int item : {1, 2, 1, 3, 3}) outcomes.push_back(Submit({item}));
  const auto twice = Submit({4, 4});  // one caller may repeat a key
  Settle();
  for (const std::vector<int>& batch : batches_) {
    EXPECT_LE(std::count(batch.begin(), batch.end(), 1), 1);
    EXPECT_LE(std::count(batch.begin(), batch.end(), 3), 1);
  }
  for (const auto& outcome : outcomes) EXPECT_EQ(outcome->answers.size(), 1U);
  EXPECT_EQ(twice->answers.size(), 2U);
  EXPECT_EQ(stored_.size(), 7U);
}

TEST_F(GroupCommitTest, EndsWithItsContextInTheMiddleOfABatch) {
  auto io = std::make_unique<asio::io_context>(1);
  auto gate = std::make_unique<asio::steady_timer>(*io, asio::steady_timer::time_point::max());
  const auto backlog = std::make_shared<Backlog>();
  const auto hang = [](asio::steady_timer& timer) -> asio::awaitable<std::vector<int>> {
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return std::vector<int>{};
  };
  line_ =
      std::make_shared<Line>(io->get_executor(), backlog,
                             [&](const std::vector<int>&, pg::Deadline) { return hang(*gate); });
  const auto deadline = pg::After(std::chrono::seconds(60));
  const auto outcome = std::make_shared<Outcome>();
  for (int i = 0; i < 3; ++i) {
    asio::co_spawn(*io, Call(line_, {i}, deadline, outcome),
                   [](const std::exception_ptr& /*error*/) {});
    io->poll();
  }
  EXPECT_EQ(backlog->items(), 3U);
  line_.reset();
  gate.reset();
  io.reset();
  EXPECT_FALSE(outcome->done);
}

}  // namespace
}  // namespace djps::store
