// Progress and logs of running jobs, and the list of workers.
#include "support/work_api.h"

namespace djps::test_support {
namespace {

using namespace std::chrono_literals;

class ServerProgressTest : public WorkApiTest {
 protected:
  json::object Progress(const std::string& id) {
    return GetOk("/jobs/" + id).at("progress").as_object();
  }
  json::object Logs(const std::string& id, const std::string& query = "") {
    return GetOk("/jobs/" + id + "/logs" + query);
  }
  /// Ends the attempt as failed and claims the next one.
  json::object NextAttempt(const HeldJob& job) {
    Ok("/worker/fail", job.With(R"(,"errorClass":"c","message":"m","retryAfterMs":0)"));
    return Ok("/worker/claim", R"({"worker":"w","types":["t"],"waitMs":60000})")
        .at("jobs")
        .as_array()
        .at(0)
        .as_object();
  }
};

TEST_F(ServerProgressTest, AJobShowsHowFarItIs) {
  const HeldJob job = Hold();
  EXPECT_TRUE(GetOk("/jobs/" + job.id).at("progress").is_null());
  Ok("/worker/progress", job.With(R"(,"percent":12.5,"message":"reading")"));
  EXPECT_EQ(Progress(job.id).at("percent"), 12.5);
  EXPECT_EQ(TextOf(Progress(job.id), "message"), "reading");
  EXPECT_TRUE(Progress(job.id).at("updated_at").is_string());
  const json::object answer =
      Ok("/worker/progress", fmt::format(R"({{"jobs":[{}]}})", job.With(R"(,"percent":50)")));
  EXPECT_EQ(answer.at("done").as_array(), json::array({json::value(job.id)}));
  EXPECT_EQ(Progress(job.id).at("percent"), 50);
  EXPECT_EQ(TextOf(Progress(job.id), "message"), "reading");
}

TEST_F(ServerProgressTest, ACheckpointReachesTheNextAttempts) {
  const HeldJob job = Hold();
  Ok("/worker/progress", job.With(R"(,"percent":40,"checkpoint":{"row":17})"));
  json::object next = NextAttempt(job);
  EXPECT_EQ(next.at("attempt"), 2);
  EXPECT_EQ(next.at("checkpoint"), json::value({{"row", 17}}));
  EXPECT_TRUE(GetOk("/jobs/" + job.id).at("progress").is_null()) << "that was the last attempt's";
  const HeldJob second{job.id, TextOf(next, "lease_token")};
  Ok("/worker/progress", second.With(R"(,"message":"again")"));
  EXPECT_TRUE(Progress(job.id).at("percent").is_null());
  next = NextAttempt(second);
  EXPECT_EQ(next.at("checkpoint"), json::value({{"row", 17}})) << "nothing has replaced it";
}

TEST_F(ServerProgressTest, ACheckpointSurvivesASnoozeAndALostLease) {
  const HeldJob job = Hold();
  Ok("/worker/progress", job.With(R"(,"checkpoint":1)"));
  Ok("/worker/snooze", job.With(R"(,"delayMs":0)"));
  const HeldJob second = ClaimSome().at(0);
  EXPECT_EQ(sql_.Value("select checkpoint from djps.progress"), "1");
  Ok("/worker/progress", second.With(R"(,"checkpoint":2)"));
  ExpireLeases();
  Run(leases_.RescueExpiredLeases(10, Soon()));
  EndBackoffs();
  const json::object third = Ok("/worker/claim", R"({"worker":"w","types":["t"]})");
  EXPECT_EQ(third.at("jobs").as_array().at(0).as_object().at("checkpoint"), 2);
}

TEST_F(ServerProgressTest, LimitsOfProgressAreKept) {
  const HeldJob job = Hold();
  const std::string message(1025, 'x');
  EXPECT_EQ(Post("/worker/progress", job.With(fmt::format(R"(,"message":"{}")", message))).status,
            422);
  const std::string checkpoint(64 * 1024 - 1, 'x');
  EXPECT_EQ(
      Post("/worker/progress", job.With(fmt::format(R"(,"checkpoint":"{}")", checkpoint))).status,
      422);
  EXPECT_EQ(Post("/worker/progress", job.With(R"(,"checkpoint":[1e200000])")).status, 422);
  EXPECT_EQ(Count("progress"), "0");
  Ok("/worker/progress",
     job.With(fmt::format(R"(,"checkpoint":"{}")", std::string(64 * 1024 - 2, 'x'))));
}

TEST_F(ServerProgressTest, LogsCanBeReadWhileTheJobRuns) {
  const HeldJob job = Hold();
  EXPECT_EQ(client_.Get("/jobs/" + job.id + "/logs").body,
            fmt::format(R"({{"id":"{}","attempt":null,"lines":[],"next_after":null}})", job.id));
  const json::object written = Ok("/worker/logs", job.With(R"(,"lines":[{"message":"a \"line\""},)"
                                                           R"({"level":"error","message":"b"}])"));
  EXPECT_EQ(written.at("written"), 2);
  EXPECT_EQ(written.at("last_line"), 2);
  const json::object logs = Logs(job.id);
  EXPECT_EQ(logs.at("attempt"), 1);
  const json::array& lines = logs.at("lines").as_array();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(TextOf(lines[0].as_object(), "message"), "a \"line\"");
  EXPECT_EQ(TextOf(lines[0].as_object(), "level"), "info");
  EXPECT_EQ(TextOf(lines[1].as_object(), "level"), "error");
  EXPECT_TRUE(lines[1].as_object().at("at").is_string());
  EXPECT_EQ(Logs(job.id, "?after=1").at("lines").as_array().size(), 1U);
  EXPECT_EQ(Logs(job.id, "?after=2").at("lines").as_array().size(), 0U);
}

TEST_F(ServerProgressTest, EachAttemptHasItsOwnLog) {
  const HeldJob job = Hold();
  Ok("/worker/logs", job.With(R"(,"lines":[{"message":"first"}])"));
  const HeldJob second{job.id, TextOf(NextAttempt(job), "lease_token")};
  EXPECT_EQ(Logs(job.id).at("attempt"), 1) << "the latest that wrote any";
  Ok("/worker/logs", second.With(R"(,"lines":[{"message":"second"}])"));
  EXPECT_EQ(Logs(job.id).at("attempt"), 2);
  const json::object first = Logs(job.id, "?attempt=1");
  EXPECT_EQ(TextOf(first.at("lines").as_array().at(0).as_object(), "message"), "first");
  EXPECT_TRUE(Logs(job.id, "?attempt=3").at("lines").as_array().empty());
}

TEST_F(ServerProgressTest, TheLatestThousandLinesOfAnAttemptAreKept) {
  const HeldJob job = Hold();
  std::string lines = R"({"message":"m"})";
  for (int i = 1; i < 1'000; ++i) lines += R"(,{"message":"m"})";
  Ok("/worker/logs", job.With(fmt::format(R"(,"lines":[{}])", lines)));
  EXPECT_EQ(Post("/worker/logs", job.With(fmt::format(R"(,"lines":[{},{{"message":"m"}}])", lines)))
                .status,
            422);
  const json::object more = Ok("/worker/logs", job.With(R"(,"lines":[{"message":"the end"}])"));
  EXPECT_EQ(more.at("last_line"), 1'001);
  EXPECT_EQ(
      sql_.Value("select min(line) || ' ' || max(line) || ' ' || count(*) from djps.log_lines"),
      "2 1001 1000");
  const std::string too_long(4097, 'x');
  EXPECT_EQ(
      Post("/worker/logs", job.With(fmt::format(R"(,"lines":[{{"message":"{}"}}])", too_long)))
          .status,
      422);
}

TEST_F(ServerProgressTest, LogsOfNoJobAndBadQueriesAreRefused) {
  EXPECT_EQ(client_.Get("/jobs/01900000-0000-7000-8000-000000000000/logs").status, 404);
  EXPECT_EQ(client_.Get("/jobs/x/logs").status, 400);
  const HeldJob job = Hold();
  for (const char* query : {"?attempt=0", "?attempt=x", "?after=-1", "?before=1"}) {
    EXPECT_EQ(client_.Get("/jobs/" + job.id + "/logs" + query).status, 422) << query;
  }
}

TEST_F(ServerProgressTest, WhatOldFinishedJobsLeftIsPurged) {
  const HeldJob finished = Hold();
  const HeldJob running = Hold();
  for (const HeldJob& job : {finished, running}) {
    Ok("/worker/progress", job.With(R"(,"percent":1)"));
    Ok("/worker/logs", job.With(R"(,"lines":[{"message":"m"}])"));
  }
  Ok("/worker/complete", finished.With());
  store::ProgressStore progress(*pool_);
  EXPECT_EQ(Run(progress.PurgeProgress(24h, 100, Soon())), 0) << "not old";
  EXPECT_EQ(Run(progress.PurgeProgress(-1h, 100, Soon())), 2);
  EXPECT_EQ(sql_.Value("select job_id from djps.progress"), running.id);
  EXPECT_EQ(sql_.Value("select job_id from djps.log_lines"), running.id);
}

TEST_F(ServerProgressTest, APurgeOfAJobTakesWhatItSaidWithIt) {
  const HeldJob purged = Hold();
  const HeldJob other = Hold();
  for (const HeldJob& job : {purged, other}) {
    Ok("/worker/progress", job.With(R"(,"percent":1)"));
    Ok("/worker/logs", job.With(R"(,"lines":[{"message":"m"}])"));
  }
  Ok("/worker/fail", purged.With(R"(,"errorClass":"c","message":"m","retryable":false)"));
  sql_.Run("select djps.purge_jobs(0::int2, array['" + purged.id +
           "'::uuid], array['dead']::djps.job_status[], 'me')");
  EXPECT_EQ(sql_.Value("select job_id from djps.progress"), other.id);
  EXPECT_EQ(sql_.Value("select job_id from djps.log_lines"), other.id);
}

TEST_F(ServerProgressTest, WorkersAreListedWithWhatTheyRun) {
  EnqueueOne({.type = "t", .queue = "q"});
  const json::object claim = Ok(
      "/worker/claim", R"({"worker":"a \"worker\"","queues":["p","q"],"types":["t","u"],"max":4})");
  const std::string id = JobsOf(claim).at(0).id;
  ASSERT_TRUE(Seen("a \"worker\""));
  const json::array workers = GetOk("/workers").at("workers").as_array();
  ASSERT_EQ(workers.size(), 1U);
  const json::object& worker = workers[0].as_object();
  EXPECT_EQ(TextOf(worker, "name"), "a \"worker\"");
  EXPECT_EQ(TextOf(worker, "kind"), "http");
  EXPECT_EQ(worker.at("queues"), json::value({"p", "q"}));
  EXPECT_EQ(worker.at("types"), json::value({"t", "u"}));
  EXPECT_EQ(worker.at("capacity"), 4);
  EXPECT_EQ(worker.at("running"), 1);
  const json::object& job = worker.at("jobs").as_array().at(0).as_object();
  EXPECT_EQ(TextOf(job, "id"), id);
  EXPECT_EQ(TextOf(job, "type"), "t");
  EXPECT_EQ(TextOf(job, "queue"), "q");
  EXPECT_EQ(job.at("attempt"), 1);
  EXPECT_EQ(job.count("lease_token"), 0U) << "whoever may look may not write";
}

TEST_F(ServerProgressTest, SilentWorkersAreListedOnlyOnRequestAndForgottenAfterADay) {
  ClaimSome();
  ASSERT_TRUE(Seen("w"));
  sql_.Run("update djps.workers set last_seen_at = now() - interval '2 minutes'");
  EXPECT_TRUE(GetOk("/workers").at("workers").as_array().empty());
  EXPECT_EQ(GetOk("/workers?all=true").at("workers").as_array().size(), 1U);
  EXPECT_EQ(client_.Get("/workers?all=maybe").status, 422);
  store::WorkerStore workers(*pool_);
  EXPECT_EQ(Run(workers.ForgetWorkers(24h, Soon())), 0);
  sql_.Run("update djps.workers set last_seen_at = now() - interval '25 hours'");
  EXPECT_EQ(Run(workers.ForgetWorkers(24h, Soon())), 1);
}

TEST_F(ServerProgressTest, AHeartbeatKeepsWhatAClaimSaid) {
  ClaimSome(7);
  ASSERT_TRUE(Seen("w"));
  sql_.Run("update djps.workers set last_seen_at = now() - interval '50 s'");
  Ok("/worker/heartbeat", R"({"worker":"w","leases":[]})");
  ASSERT_TRUE(Eventually("select last_seen_at > now() - interval '40 s' from djps.workers", "t"));
  EXPECT_EQ(sql_.Value("select types || capacity::text from djps.workers"), "{t,7}");
}

}  // namespace
}  // namespace djps::test_support
