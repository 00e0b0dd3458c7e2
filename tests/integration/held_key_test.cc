// Submissions that need a key that another open transaction holds, and those that do not.
#include "store/batching/job_writer.h"
#include "support/store_fixture.h"
#include "support/together.h"

namespace djps::test_support {
namespace {

using store::JobWriter;
using store::SubmissionKind;

/// A connection for each way of submitting, so that the test sees which statement waits behind
/// which.
class HeldKeyTest : public StoreTest {
 protected:
  using Submissions = Together<JobWriter::Line::Written>;

  HeldKeyTest() {
    for (pg::Pool* pool : {&plain_, &keyed_, &waiting_}) pool->Start();
    // Connects.
    for (const store::Patience patience : {store::Patience::kShort, store::Patience::kLong}) {
      Run(store_.EnqueueJobs({{.type = "t", .idempotency_key = "first"}}, Soon(), {}, patience));
    }
    Run(store_.EnqueueJobs({{.type = "t"}}, Soon()));
    sql_.Run(
        "begin; select djps.enqueue('t', idempotency_key => 'held'), "
        "djps.enqueue('t', \"unique\" => '{}')");
  }
  ~HeldKeyTest() override {
    for (pg::Pool* pool : {&plain_, &keyed_, &waiting_}) pool->Close();
  }

  pg::PoolConfig One() {
    return {.conninfo = conninfo_, .size = 1, .setup = &sql::kConfigureSession};
  }
  void Submit(Submissions& calls, NewJob job) {
    std::vector<NewJob> jobs(1, std::move(job));
    calls.Start(io_, writer_.EnqueueJobs(std::move(jobs), Soon()));
  }

  pg::Pool plain_{io_.get_executor(), One()};
  pg::Pool keyed_{io_.get_executor(), One()};
  pg::Pool waiting_{io_.get_executor(), One()};
  store::JobStore store_{store::SubmissionPools{plain_, keyed_, waiting_}};
  store::WorkSignal signal_{*pool_};
  JobWriter writer_{io_.get_executor(), store_, signal_};
};

TEST_F(HeldKeyTest, WhoNeedsItWaitsInFrontOfNobody) {
  for (const NewJob& held : {NewJob{.type = "t", .idempotency_key = "held"},
                             NewJob{.type = "t", .unique = Uniqueness{}}}) {
    // It waits for half a second; a machine that is slower than that gets another try.
    bool all_passed = false;
    for (int tries = 0; tries < 20 && !all_passed; ++tries) {
      Submissions blocked;
      Submissions others;
      for (int i = 0; i < 16; ++i) {
        const std::string unlike = std::to_string(i + 16 * tries);
        if (i == 7) Submit(blocked, held);
        Submit(others, {.type = "t"});
        Submit(others, {.type = "t", .tags = {"a"}});
        Submit(others, {.type = "t", .idempotency_key = unlike});
        Submit(others, {.type = "t", .payload = unlike, .unique = Uniqueness{}});
      }
      ASSERT_TRUE(RunUntil(io_, [&] { return waiting_.in_flight() > 0; }));
      Submit(others, {.type = "t", .idempotency_key = "later" + std::to_string(tries)});
      for (const auto& outcome : others.Finish(io_)) {
        EXPECT_TRUE(outcome->value.has_value()) << outcome->sqlstate;
      }
      all_passed = waiting_.in_flight() > 0;
      EXPECT_EQ(blocked.Finish(io_).front()->sqlstate, "55P03");
    }
    EXPECT_TRUE(all_passed) << "nobody was answered while it waited";
  }
}

TEST_F(HeldKeyTest, ThoseWhoNeedTheSameGoToWaitAtOnce) {
  Submissions blocked;
  const NewJob held{.type = "t", .idempotency_key = "held"};
  Submit(blocked, held);
  ASSERT_TRUE(RunUntil(io_, [&] { return waiting_.in_flight() > 0; }));
  const auto writes = writer_.counts(SubmissionKind::kKeyed).writes;
  for (int i = 0; i < 5; ++i) Submit(blocked, held);
  for (const auto& outcome : blocked.Finish(io_)) EXPECT_EQ(outcome->sqlstate, "55P03");
  EXPECT_EQ(writer_.counts(SubmissionKind::kKeyed).writes, writes);
}

TEST_F(HeldKeyTest, WhoWaitsIsAnsweredWhenTheTransactionEnds) {
  Submissions calls;
  Submit(calls, {.type = "t", .idempotency_key = "held"});
  ASSERT_TRUE(RunUntil(io_, [&] { return waiting_.in_flight() > 0; }));
  sql_.Run("commit");
  // Half a second may be over on a slow machine.
  const auto& outcome = calls.Finish(io_).front();
  if (outcome->value) {
    EXPECT_TRUE(outcome->value->answers.front().replayed);
  }
  Submissions again;
  Submit(again, {.type = "t", .idempotency_key = "held"});
  ASSERT_TRUE(again.Finish(io_).front()->value.has_value());
  EXPECT_TRUE(again.Finish(io_).front()->value->answers.front().replayed);
}

TEST_F(HeldKeyTest, ALargeBatchThatNeedsItWaitsInFrontOfNobodyToo) {
  std::vector<NewJob> batch(JobWriter::kLargeJobs, NewJob{.type = "t"});
  batch.back().idempotency_key = "held";
  Submissions large;
  large.Start(io_, writer_.EnqueueJobs(std::move(batch), Soon()));
  // The others of the batch may still be on their way when it begins to wait.
  ASSERT_TRUE(RunUntil(io_, [&] { return waiting_.in_flight() > 0 && keyed_.in_flight() == 0; }));
  EXPECT_EQ(large.Finish(io_).front()->sqlstate, "55P03");
}

TEST_F(HeldKeyTest, AGuardedBatchThatNeedsItWaitsInFrontOfNobodyToo) {
  Together<tl::expected<JobWriter::Line::Written, store::RefusedReplay>> calls;
  const auto submit = [&] {
    std::vector<NewJob> batch(2, NewJob{.type = "t", .payload = "1"});
    batch.back().idempotency_key = "held";
    calls.Start(io_, writer_.EnqueueGuarded(std::move(batch), {.strict = true}, Soon()));
  };
  submit();
  ASSERT_TRUE(RunUntil(io_, [&] { return waiting_.in_flight() > 0 && keyed_.in_flight() == 0; }));
  EXPECT_EQ(calls.Finish(io_).front()->sqlstate, "55P03");
  sql_.Run("commit");
  submit();
  const auto& outcome = calls.Finish(io_).back();
  ASSERT_TRUE(outcome->value) << outcome->sqlstate;
  ASSERT_FALSE(*outcome->value);
  EXPECT_EQ(outcome->value->error().item, 1U);
  EXPECT_EQ(outcome->value->error().reason, store::RefusedReplay::Reason::kPayloadDiffers);
}

}  // namespace
}  // namespace djps::test_support
