// The order in which jobs are claimed and run; no job waits behind jobs that cannot run.
#include <map>
#include <mutex>
#include <set>

#include "support/work_api.h"
#include "support/worker_fixture.h"

namespace djps::test_support {
namespace {

using namespace std::chrono_literals;

std::vector<int> PrioritiesOf(const json::object& claim) {
  std::vector<int> priorities;
  for (const json::value& job : claim.at("jobs").as_array()) {
    priorities.push_back(static_cast<int>(job.as_object().at("priority").as_int64()));
  }
  return priorities;
}

class ClaimOrderTest : public WorkApiTest {
 protected:
  void EnqueuePriorities(const std::vector<int>& priorities) {
    for (const int priority : priorities) {
      EnqueueOne({.type = "t", .priority = static_cast<std::int16_t>(priority)});
    }
  }
  std::string ClaimBody(int max) {
    return fmt::format(R"({{"worker":"w","types":["t"],"max":{}}})", max);
  }
  /// Jobs with different priorities, due in reverse order.
  void EnqueueLevels(int count, const std::string& due = "now()") {
    sql_.Run(fmt::format(
        "with fact as (insert into djps.facts (id, created_at, run_at, lane, priority, "
        "max_attempts, queue, type, payload) "
        "select djps.new_job_id(0::int2), now(), {}, 0, {} - i, 25, 'default', 't', '1' "
        "from generate_series(1, {}) i returning *) "
        "insert into djps.ready (id, visible_at, lane, priority, attempts, failed, queue, type) "
        "select id, run_at, 0, priority, 0, false, queue, type from fact",
        due, count / 2, count));
  }
};

TEST_F(ClaimOrderTest, AClaimOverHttpBringsTheMostUrgentFirst) {
  EnqueuePriorities({5, 4, 3, 2, 1});
  EXPECT_EQ(PrioritiesOf(Ok("/worker/claim", ClaimBody(10))), (std::vector<int>{1, 2, 3, 4, 5}));
}

TEST_F(ClaimOrderTest, WithinAPriorityWhatWasDueFirstComesFirst) {
  Enqueue(std::vector<NewJob>(20, {.type = "t"}));
  sql_.Run("update djps.ready set visible_at = now() - random() * interval '1 minute'");
  const std::string order = "select string_agg(id::text, ',' order by visible_at) from djps.ready";
  const std::string expected = sql_.Value(order);
  std::string claimed;
  for (const HeldJob& job : ClaimSome(20)) claimed += (claimed.empty() ? "" : ",") + job.id;
  EXPECT_EQ(claimed, expected);
}

TEST_F(ClaimOrderTest, OfSeveralWorkersTheFirstGetsTheMostUrgent) {
  EnqueuePriorities({6, 5, 4, 3, 2, 1});
  const store::ClaimRequest request{.queue = "default", .types = {"t"}, .limit = 3, .worker = "w"};
  const auto batches = Run(leases_.ClaimForMany({request, request}, Soon()));
  std::vector<int> priorities;
  for (const auto& batch : batches) {
    for (const auto& job : batch.jobs) priorities.push_back(job.priority);
  }
  EXPECT_EQ(priorities, (std::vector<int>{1, 2, 3, 4, 5, 6}));
}

TEST_F(ClaimOrderTest, ManyPrioritiesAreClaimedInOrderWithoutAnEmptyClaim) {
  constexpr int kJobs = 3'000;
  EnqueueLevels(kJobs);
  std::vector<int> claimed;
  while (claimed.size() < kJobs) {
    const auto some = PrioritiesOf(Ok("/worker/claim", ClaimBody(100)));
    ASSERT_FALSE(some.empty()) << "after " << claimed.size();
    claimed.insert(claimed.end(), some.begin(), some.end());
  }
  EXPECT_TRUE(std::is_sorted(claimed.begin(), claimed.end()));
  EXPECT_TRUE(ClaimSome(1).empty());
}

TEST_F(ClaimOrderTest, AClaimOverHttpFindsANewPriorityAtOnce) {
  for (const int priority : {0, 5, -5, 5, 32'767, -32'768, 17, 3}) {
    const Uuid job = EnqueueOne({.type = "t", .priority = static_cast<std::int16_t>(priority)});
    const auto jobs = ClaimSome(10);
    ASSERT_EQ(jobs.size(), 1U) << priority;
    EXPECT_EQ(jobs[0].id, job.ToString());
  }
}

TEST_F(ClaimOrderTest, WhatIsDueBehindManyPrioritiesOfTheFutureIsFoundAtOnce) {
  EnqueueLevels(1'000, "now() + interval '1 day'");
  const std::string due = EnqueueOne({.type = "t", .priority = 20'000}).ToString();
  const auto jobs = ClaimSome(10);
  ASSERT_EQ(jobs.size(), 1U);
  EXPECT_EQ(jobs[0].id, due);
}

TEST_F(ClaimOrderTest, AQueueOfManyPrioritiesIsMeasuredInBoundedTime) {
  EnqueueLevels(2'000);
  EnqueueLevels(500, "now() + interval '1 day'");
  const auto measure = [this](int bound) {
    return sql_.Value(
        fmt::format("select due || ' ' || later || ' ' || exact from "
                    "djps.measure_queue(0::int2, 'default', {})",
                    bound));
  };
  EXPECT_EQ(measure(10'000), "2000 500 true");
  EXPECT_TRUE(measure(50).ends_with("false"));
}

class WorkerOrderTest : public WorkerTest {};

TEST_F(WorkerOrderTest, AWorkerWithOneSlotRunsWhatWaitsInOrder) {
  constexpr std::size_t kJobs = 2'000;
  std::vector<NewJob> jobs;
  for (std::size_t i = 0; i < kJobs; ++i) {
    jobs.push_back({.type = "t", .priority = static_cast<std::int16_t>(i * 37 % 20)});
  }
  Enqueue(jobs);
  config_.concurrency = 1;
  std::mutex mutex;
  std::vector<int> ran;
  Start([&](const djps::Job& job) -> Outcome {
    const std::lock_guard lock(mutex);
    ran.push_back(job.priority);
    return Succeeded{};
  });
  ASSERT_TRUE(RunUntil(io_, [&] {
    const std::lock_guard lock(mutex);
    return ran.size() == kJobs;
  }));
  EXPECT_TRUE(std::is_sorted(ran.begin(), ran.end()));
}

/// Bytes that are not JSON, as on a damaged page.
TEST_F(ClaimOrderTest, AJobThatCannotBeReadIsBuriedAndTheOthersGoOn) {
  const auto jobs = Enqueue(std::vector<NewJob>(5, {.type = "t"}));
  sql_.Run(
      fmt::format("create cast (bytea as jsonb) without function; "
                  "update djps.facts set payload = '\\xffffffffffff'::bytea::jsonb "
                  "where id in ('{}', '{}')",
                  jobs[0].id.ToString(), jobs[3].id.ToString()));
  EXPECT_EQ(ClaimSome(10).size(), 3U);
  const auto states = [this] {
    return sql_.Value("select string_agg(status::text, ' ' order by id) from djps.jobs");
  };
  EXPECT_EQ(states(), "dead running running dead running");
  EXPECT_EQ(sql_.Value("select count(*) from djps.attempts where error_class = 'unreadable' and "
                       "message like 'it cannot be read: %XX000%'"),
            "2");
  sql_.Run(
      fmt::format("update djps.facts set payload = '2' where id = '{}'", jobs[0].id.ToString()));
  Ok(fmt::format("/jobs/{}/retry", jobs[0].id.ToString()), "");
  EXPECT_EQ(ClaimSome(10).size(), 1U) << "once mended it can be redriven";
}

}  // namespace
}  // namespace djps::test_support
