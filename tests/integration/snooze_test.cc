// The limit of snoozes of a job.
#include "support/store_fixture.h"

namespace djps {
namespace {

using namespace std::chrono_literals;

class SnoozeTest : public test_support::StoreTest {};

TEST_F(SnoozeTest, TheSnoozeBeyondTheLimitIsAFailedAttempt) {
  NewJob job{.type = "t", .max_attempts = 2};
  job.retry = RetryPolicy{.kind = RetryPolicy::Kind::kFixed, .delay = 1h};
  const Uuid id = EnqueueOne(job);
  const auto snooze = [&](std::chrono::milliseconds delay) {
    const Uuid lease = Claim().lease;
    ASSERT_EQ(Run(leases_.ReturnJobs({{lease, id, delay}}, Soon())), std::vector<Uuid>{id});
  };
  snooze(0ms);
  EXPECT_EQ(sql_.Value("select count from djps.snoozes"), "1") << "also without a delay";
  sql_.Run("update djps.snoozes set count = 999");
  snooze(1ms);
  EXPECT_EQ(Status(id), JobStatus::kQueued) << "the thousandth";
  EXPECT_EQ(Count("attempts"), "0");
  EndBackoffs();

  snooze(1ms);
  const JobRecord failed = Job(id);
  EXPECT_EQ(failed.status, JobStatus::kFailed);
  EXPECT_EQ(failed.attempts, 1);
  EXPECT_GE(failed.run_at, failed.updated_at + 1h - 1s) << "by the retry policy, not the snooze";
  EXPECT_EQ(sql_.Value("select error_class || ' ' || worker || ' ' || message from djps.attempts"),
            "snooze_limit worker-a the job was snoozed 1000 times, which is the most; this attempt "
            "counts as failed");
  EndBackoffs();
  snooze(1ms);
  EXPECT_EQ(Status(id), JobStatus::kDead) << "it was the last attempt";
  EXPECT_EQ(sql_.Value("select count from djps.snoozes"), "1000");

  Run(operators_.RetryJobs({id}, {JobStatus::kDead}, "ann", Soon()));
  snooze(1ms);
  EXPECT_EQ(Status(id), JobStatus::kQueued) << "a redrive begins to count again";
  EXPECT_EQ(sql_.Value("select count from djps.snoozes"), "1");
}

TEST_F(SnoozeTest, JobsOfOneBatchAreSnoozedEachByItsOwnCount) {
  Enqueue(std::vector<NewJob>(4, NewJob{.type = "t"}));
  const auto batch = Claim();
  const auto spent = fmt::format(
      "insert into djps.snoozes select id, 0, 1000 from djps.jobs where "
      "id in ('{}', '{}')",
      batch.jobs[1].id.ToString(), batch.jobs[2].id.ToString());
  sql_.Run(spent);
  Run(operators_.CancelJobs({batch.jobs[2].id}, "ann", std::nullopt, Soon()));
  const auto returned = Run(leases_.ReturnJobs({{batch.lease, batch.jobs[0].id, 1h},
                                                {batch.lease, batch.jobs[1].id, 1h},
                                                {batch.lease, batch.jobs[2].id, 1h},
                                                {batch.lease, batch.jobs[3].id}},
                                               Soon()));
  EXPECT_EQ(returned.size(), 4U);
  EXPECT_EQ(Status(batch.jobs[0].id), JobStatus::kQueued);
  EXPECT_EQ(Status(batch.jobs[1].id), JobStatus::kFailed);
  EXPECT_EQ(Status(batch.jobs[2].id), JobStatus::kCanceled) << "that was asked for before";
  EXPECT_EQ(Status(batch.jobs[3].id), JobStatus::kQueued);
  EXPECT_EQ(sql_.Value("select string_agg(count::text, ' ' order by count) from djps.snoozes"),
            "1 1000 1000")
      << "handing back is no snooze";
  EXPECT_EQ(Count("leases"), "0");
}

}  // namespace
}  // namespace djps
