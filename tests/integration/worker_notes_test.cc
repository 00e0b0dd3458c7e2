// Reports of a native worker's handlers, and the worker's row in the list.
#include "support/worker_fixture.h"

namespace djps::worker {
namespace {

using namespace std::chrono_literals;
using test_support::RunUntil;
using test_support::WorkerTest;

class WorkerNotesTest : public WorkerTest {
 protected:
  bool Eventually(const std::string& query, const std::string& expected) {
    return RunUntil(io_, [&] { return sql_.Value(query) == expected; });
  }
};

TEST_F(WorkerNotesTest, ProgressIsSeenWhileTheHandlerRuns) {
  std::atomic<bool> seen = false;
  Start([&](const djps::Job& job) -> Outcome {
    job.ReportProgress(10, "one");
    job.ReportProgress(250, "half \xff way");
    job.Log(LogLevel::kInfo, "first");
    job.Log(LogLevel::kError, "second");
    while (!seen && !job.stop.stop_requested()) std::this_thread::yield();
    return Succeeded{};
  });
  const Uuid id = EnqueueOne({.type = "t"});
  EXPECT_TRUE(Eventually("select percent || ' ' || message from djps.progress",
                         "100 half \xEF\xBF\xBD way"));
  EXPECT_TRUE(
      Eventually("select string_agg(level || ' ' || message, ', ' order by line) "
                 "from djps.log_lines where attempt = 1",
                 "info first, error second"));
  seen = true;
  EXPECT_TRUE(RunUntil(io_, [&] { return Status(id) == JobStatus::kSucceeded; }));
}

TEST_F(WorkerNotesTest, ACheckpointSavedJustBeforeAFailureReachesTheNextAttempt) {
  Start([](const djps::Job& job) -> Outcome {
    if (job.attempt == 1) {
      job.SaveCheckpoint(R"({ "row": 17 })");
      job.Log(LogLevel::kWarn, "giving up");
      return Failed{.error_class = "c", .message = "m", .retry_after = 1ms};
    }
    return Succeeded{job.checkpoint.value_or("null")};
  });
  const Uuid id = EnqueueOne({.type = "t"});
  ASSERT_TRUE(RunUntil(io_, [&] { return Status(id) == JobStatus::kSucceeded; }));
  EXPECT_EQ(Job(id).result, R"({"row": 17})");
  EXPECT_EQ(sql_.Value("select message from djps.log_lines"), "giving up");
}

TEST_F(WorkerNotesTest, ACheckpointThatIsNoneFailsTheAttempt) {
  Start([](const djps::Job& job) -> Outcome {
    job.SaveCheckpoint(job.payload == "1" ? "{" : "\"" + std::string(64 * 1024, 'x') + "\"");
    return Succeeded{};
  });
  for (const char* payload : {"1", "2"}) {
    const Uuid id = EnqueueOne({.type = "t", .payload = payload, .max_attempts = 1});
    ASSERT_TRUE(RunUntil(io_, [&] { return Status(id) == JobStatus::kDead; }));
    EXPECT_NE(Job(id).last_error.value_or("").find("std::invalid_argument"), std::string::npos);
  }
}

TEST_F(WorkerNotesTest, ACheckpointThatPostgresWouldRefuseFailsItsAttemptAlone) {
  Start([](const djps::Job& job) -> Outcome {
    job.SaveCheckpoint(job.payload);
    return Failed{.error_class = "c", .message = "m", .retryable = false};
  });
  const Uuid good = EnqueueOne({.type = "t", .payload = "7"});
  ASSERT_TRUE(RunUntil(io_, [&] { return Status(good) == JobStatus::kDead; }));
  EXPECT_EQ(sql_.Value("select checkpoint from djps.progress"), "7");
  Drain();
  Start([](const djps::Job& job) -> Outcome {
    job.SaveCheckpoint("1e200000");
    return Succeeded{};
  });
  const Uuid bad = EnqueueOne({.type = "t", .max_attempts = 1});
  ASSERT_TRUE(RunUntil(io_, [&] { return Status(bad) == JobStatus::kDead; }));
  EXPECT_EQ(Count("progress"), "1");
}

TEST_F(WorkerNotesTest, OfAFloodOfLinesTheLastThousandStay) {
  Start([](const djps::Job& job) -> Outcome {
    for (int i = 1; i <= 5'000; ++i) job.Log(LogLevel::kDebug, std::to_string(i));
    return Succeeded{};
  });
  const Uuid id = EnqueueOne({.type = "t"});
  ASSERT_TRUE(RunUntil(io_, [&] { return Status(id) == JobStatus::kSucceeded; }));
  EXPECT_EQ(sql_.Value("select count(*) <= 1000 and max(message::int) = 5000 from djps.log_lines"),
            "t");
}

TEST_F(WorkerNotesTest, AJobWithoutAWorkerTakesEverythingInSilence) {
  const djps::Job job;
  job.ReportProgress(1, "m");
  job.SaveCheckpoint("1");
  job.Log(LogLevel::kInfo, "m");
}

TEST_F(WorkerNotesTest, AWorkerShowsItselfAndSaysGoodbye) {
  Start([](const djps::Job&) -> Outcome { return Succeeded{}; });
  EXPECT_TRUE(
      Eventually("select concat_ws(' ', kind, pid > 0, host <> '', queues, types, capacity) "
                 "from djps.workers where name = 'worker-under-test'",
                 "native t t {default} {t} 4"));
  Drain();
  EXPECT_EQ(Count("workers"), "0");
}

}  // namespace
}  // namespace djps::worker
