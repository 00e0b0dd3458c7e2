// Handlers that end their jobs themselves, in SQL, and how that is told from a lease that was lost.
#include <atomic>

#include "support/log_capture.h"
#include "support/worker_fixture.h"

namespace djps::worker {
namespace {

using namespace std::chrono_literals;
using test_support::Gate;
using test_support::LogCapture;
using test_support::RunUntil;

/// One job, claimed.
struct RunningJob {
  Uuid id;
  Uuid lease;
};

class OwnEndingTest : public test_support::WorkerTest {
 protected:
  RunningJob Hold(int max_attempts = 3) {
    const Uuid id = EnqueueOne({.type = "t", .max_attempts = max_attempts});
    return {id, Claim().lease};
  }
};

TEST_F(OwnEndingTest, AnAttemptThatWasEndedIsToldFromOneThatLostItsLease) {
  const auto ended = [this](const RunningJob& job) {
    return Run(leases_.FindEndedAttempts({{job.lease, job.id}}, Soon())).contains(job.id);
  };
  const RunningJob completed = Hold();
  EXPECT_FALSE(ended(completed)) << "it runs";
  Complete(completed.lease, completed.id);
  EXPECT_TRUE(ended(completed));
  const RunningJob failed = Hold();
  Fail(failed.lease, failed.id);
  EXPECT_TRUE(ended(failed));
  const RunningJob returned = Hold();
  Run(leases_.ReturnJobs({{returned.lease, returned.id, 1h}}, Soon()));
  EXPECT_TRUE(ended(returned));
  const RunningJob lost = Hold(1);
  ExpireLeases();
  EXPECT_FALSE(ended(lost)) << "expired, and nobody has acted on it";
  Run(leases_.RescueExpiredLeases(10, Soon()));
  EXPECT_FALSE(ended(lost)) << "rescued";
  Run(operators_.RetryJobs({lost.id}, {JobStatus::kDead}, "ann", Soon()));
  const RunningJob redriven{lost.id, Claim().lease};
  Complete(redriven.lease, lost.id);
  EXPECT_FALSE(ended(lost)) << "another attempt of the same number succeeded";
  EXPECT_TRUE(ended(redriven)) << "an attempt of the same number had lost its lease";
}

TEST_F(OwnEndingTest, AHandlerMayEndItsJobInItsOwnTransaction) {
  sql_.Run("create table effects (job uuid)");
  const LogCapture log;
  Start([this](const djps::Job& job) -> Outcome {
    std::string call = job.payload.substr(1, job.payload.size() - 2);
    call.insert(call.find('(') + 1,
                fmt::format("'{}', '{}'", job.id.ToString(), job.lease_token.ToString()));
    pg::Session session(conninfo_);
    session.Run("begin; insert into effects values ('" + job.id.ToString() + "'); select djps." +
                call + "; commit");
    return Succeeded{"1"};
  });
  const std::vector<std::pair<std::string, JobStatus>> endings = {
      {"complete(, '2')", JobStatus::kSucceeded},
      {"fail(, 'bad', retryable => false)", JobStatus::kDead},
      {"fail(, 'bad', retry_after => '1 hour')", JobStatus::kFailed},
      {"snooze(, '1 hour')", JobStatus::kQueued}};
  std::vector<Uuid> ids;
  for (const auto& [call, status] : endings) {
    ids.push_back(EnqueueOne({.type = "t", .payload = '"' + call + '"'}));
    ASSERT_TRUE(RunUntil(io_, [&] { return Count("effects") == std::to_string(ids.size()); }));
  }
  Drain();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(Status(ids[i]), endings[i].second) << endings[i].first;
  }
  EXPECT_EQ(Job(ids[0]).result, "2") << "what was committed stands";
  EXPECT_EQ(log.text(), "") << "nothing was lost";
}

TEST_F(OwnEndingTest, ALeaseThatWasLostIsWarnedOf) {
  Gate finish;
  std::atomic<int> started = 0;
  const LogCapture log;
  Start([&](const djps::Job&) -> Outcome {
    ++started;
    finish.Wait();
    return Succeeded{};
  });
  // No second attempt: its own success would be nothing to warn of.
  const Uuid id = EnqueueOne({.type = "t", .max_attempts = 1});
  EXPECT_TRUE(RunUntil(io_, [&] { return started == 1; }));
  ExpireLeases();
  EXPECT_EQ(Run(leases_.RescueExpiredLeases(10, Soon())).size(), 1U);
  finish.Open();
  Drain();
  EXPECT_EQ(Status(id), JobStatus::kDead);
  EXPECT_NE(log.text().find("job " + id.ToString() + ": the lease was lost"), std::string::npos)
      << log.text();
}

TEST_F(OwnEndingTest, AHandlerGoesOnAfterItHasEndedItsJobItself) {
  config_.lease = 1'000ms;  // beats every third of it
  Gate finish;
  std::atomic<bool> ended = false;
  std::atomic<bool> told_to_stop = false;
  const LogCapture log;
  Start([&](const djps::Job& job) -> Outcome {
    if (job.payload == "1") {
      pg::Session(conninfo_).Run(fmt::format("select djps.complete('{}', '{}')", job.id.ToString(),
                                             job.lease_token.ToString()));
      ended = true;
    }
    finish.Wait();
    if (job.payload == "1") told_to_stop = job.stop.stop_requested();
    return Succeeded{};
  });
  const Uuid beaten = EnqueueOne({.type = "t", .payload = "2"});
  ASSERT_TRUE(Reaches(beaten, JobStatus::kRunning));
  const Uuid id = EnqueueOne({.type = "t", .payload = "1"});
  EXPECT_TRUE(RunUntil(io_, [&] { return ended.load(); }));
  // Two heartbeats later the first of them has been judged.
  for (int beats = 0; beats < 2; ++beats) {
    const std::string before = sql_.Value("select expires_at from djps.leases");
    EXPECT_TRUE(
        RunUntil(io_, [&] { return sql_.Value("select expires_at from djps.leases") != before; }));
  }
  finish.Open();
  Drain();
  EXPECT_EQ(Status(id), JobStatus::kSucceeded);
  EXPECT_EQ(Status(beaten), JobStatus::kSucceeded);
  EXPECT_FALSE(told_to_stop);
  EXPECT_EQ(log.text(), "");
}

}  // namespace
}  // namespace djps::worker
