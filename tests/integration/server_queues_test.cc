// GET /queues, /stats and /jobs/{id}/explain.
#include <fmt/format.h>

#include <algorithm>

#include "support/api_server.h"
#include "support/store_fixture.h"

namespace djps::test_support {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

class ServerQueuesTest : public StoreTest {
 protected:
  json::object Get(const std::string& target) {
    const HttpReply reply = client_.Get(target);
    EXPECT_EQ(reply.status, 200) << target << "\n" << reply.body;
    return reply.Json().as_object();
  }
  json::object Explain(Uuid id) { return Get("/jobs/" + id.ToString() + "/explain"); }

  /// Rows of `ready` without facts: enough for counting.
  void FillQueue(const std::string& queue, int rows) {
    sql_.Run(fmt::format(
        "insert into djps.ready (id, visible_at, lane, priority, attempts, failed, queue, type) "
        "select gen_random_uuid(), now() - i * interval '1 ms', 0, i % 3, 0, false, '{}', 't' "
        "from generate_series(1, {}) i; analyze djps.ready",
        queue, rows));
  }

  /// One job each that is due, scheduled, failed, running, dead, succeeded.
  void MakeOneOfEach() {
    for (int i = 0; i < 5; ++i) EnqueueOne({.type = "t"});
    const store::ClaimedBatch batch = Claim(4);
    Fail(batch.lease, batch.jobs.at(0).id);
    Fail(batch.lease, batch.jobs.at(1).id, false);
    Complete(batch.lease, batch.jobs.at(2).id);
    EnqueueOne({.type = "t", .run_at = Later()});
  }

  /// As db/migrations has it, for where that is not there yet.
  void HaveWorkersTable() {
    sql_.Run(
        "create table if not exists djps.workers (name text primary key, started_at timestamptz "
        "not null, last_seen_at timestamptz not null, pid integer, capacity integer, running "
        "integer, kind text not null, host text, version text not null, queues text[] not null, "
        "types text[] not null)");
  }

  /// A worker that could take any job, so that this is not what a job waits for.
  void HaveWorker() {
    HaveWorkersTable();
    sql_.Run(
        "insert into djps.workers (name, started_at, last_seen_at, kind, version, queues, types) "
        "values ('any', now(), now(), 'native', '1', '{}', '{}')");
  }

  /// One waiting job in each of the queues PREFIX00001, PREFIX00002, ...
  void FillQueues(const std::string& prefix, int queues) {
    sql_.Run(fmt::format(
        "insert into djps.ready (id, visible_at, lane, priority, attempts, failed, queue, type) "
        "select gen_random_uuid(), now(), 0, 0, 0, false, '{}' || lpad(i::text, 5, '0'), 't' "
        "from generate_series(1, {}) i; analyze djps.ready",
        prefix, queues));
  }

  /// The names on all pages, in their order, and how many pages there were.
  std::vector<std::string> ListAll(int limit, int& pages) {
    std::vector<std::string> names;
    std::string cursor;
    pages = 0;
    do {
      const json::object page = Get(fmt::format("/queues?limit={}{}", limit, cursor));
      for (const json::value& queue : page.at("queues").as_array()) {
        names.emplace_back(queue.at("name").as_string().c_str());
      }
      EXPECT_EQ(page.at("more"), !page.at("next_cursor").is_null());
      cursor = page.at("more").as_bool()
                   ? "&cursor=" + std::string(page.at("next_cursor").as_string())
                   : "";
    } while (++pages < 100 && !cursor.empty());
    return names;
  }

  static Timestamp Later() { return Timestamp(std::chrono::seconds(4'000'000'000)); }

  ApiServer server_{conninfo_};
  HttpClient client_ = server_.Connect();
};

TEST_F(ServerQueuesTest, CountsWhatEachQueueHolds) {
  EXPECT_EQ(client_.Get("/queues").body, R"({"queues":[],"more":false,"next_cursor":null})");
  MakeOneOfEach();
  EnqueueOne({.type = "t", .queue = "another"});
  const json::array queues = Get("/queues").at("queues").as_array();
  ASSERT_EQ(queues.size(), 2U);
  EXPECT_EQ(queues[0].at("name"), "another");
  const json::object queue = queues[1].as_object();
  EXPECT_EQ(queue.at("name"), "default");
  for (const char* count : {"queued", "scheduled", "failed", "running", "dead"}) {
    EXPECT_EQ(queue.at(count), 1) << count;
  }
  EXPECT_EQ(queue.at("exact"), true);
  EXPECT_GE(queue.at("oldest_due_age_ms").as_int64(), 0);
  EXPECT_TRUE(queue.at("oldest_due_at").is_string());
  json::object alone = Get("/queues/default");
  alone["oldest_due_age_ms"] = queue.at("oldest_due_age_ms");  // it goes on
  EXPECT_EQ(alone, queue);
}

TEST_F(ServerQueuesTest, AQueueWithRunningJobsOnlyIsListed) {
  EnqueueOne({.type = "t"});
  Claim(1);
  const json::array queues = Get("/queues").at("queues").as_array();
  ASSERT_EQ(queues.size(), 1U);
  EXPECT_EQ(queues[0].at("running"), 1);
  EXPECT_TRUE(queues[0].at("oldest_due_at").is_null());
  EXPECT_TRUE(queues[0].at("oldest_due_age_ms").is_null());
}

TEST_F(ServerQueuesTest, AQueueOfAnyNameIsEmptyUntilItIsUsed) {
  const json::object queue = Get("/queues/never.used");
  EXPECT_EQ(queue.at("queued"), 0);
  EXPECT_EQ(queue.at("exact"), true);
  for (const std::string& name :
       {std::string("a%20b"), std::string("a,b"), std::string(129, 'a')}) {
    const HttpReply reply = client_.Get("/queues/" + name);
    EXPECT_EQ(reply.status, 422) << name;
  }
}

TEST_F(ServerQueuesTest, LargeQueuesAreEstimatedAndSaySo) {
  FillQueue("small", 9'000);
  FillQueue("large", 60'000);
  const json::object small = Get("/queues/small");
  EXPECT_EQ(small.at("queued"), 9'000);
  EXPECT_EQ(small.at("exact"), true);
  const json::object large = Get("/queues/large");
  EXPECT_EQ(large.at("exact"), false);
  EXPECT_GT(large.at("queued").as_int64(), 30'000);
  EXPECT_LT(large.at("queued").as_int64(), 120'000);
}

TEST_F(ServerQueuesTest, TwentyThousandQueuesAreListedByPageAndAllCounted) {
  FillQueues("q", 20'000);
  // Others among them that have no waiting job.
  EnqueueOne({.type = "t", .queue = "q00500.running"});
  const auto claimed = Run(leases_.ClaimJobs(
      {.queue = "q00500.running", .types = {"t"}, .limit = 1, .worker = "w", .lease = 1min},
      Soon()));
  ASSERT_EQ(claimed.jobs.size(), 1U);
  Run(operators_.SetQueuePaused("q10000.paused", true, "ann", Soon()));
  int pages = 0;
  const std::vector<std::string> names = ListAll(1'000, pages);
  EXPECT_EQ(pages, 21);
  ASSERT_EQ(names.size(), 20'002U);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
  EXPECT_EQ(names[500], "q00500.running");
  EXPECT_EQ(names[10'001], "q10000.paused");
  EXPECT_EQ(Get("/queues").at("queues").as_array().size(), 100U) << "without a limit";
  const json::object stats = Get("/stats");
  EXPECT_EQ(stats.at("jobs").at("queued"), 20'000);
  EXPECT_EQ(stats.at("jobs").at("running"), 1);
  EXPECT_EQ(stats.at("exact"), true);
}

TEST_F(ServerQueuesTest, APageOfLongQueuesIsShortAndTheNextOneGoesOn) {
  for (int i = 0; i < 25; ++i) FillQueue(fmt::format("long{:02}", i), 11'000);
  int pages = 0;
  EXPECT_EQ(ListAll(1'000, pages).size(), 25U);
  EXPECT_EQ(pages, 3) << "100,000 jobs, of each queue 10,000, are counted for a page";
  const json::object stats = Get("/stats");
  EXPECT_EQ(stats.at("exact"), false);
  EXPECT_GT(stats.at("jobs").at("queued").as_int64(), 200'000);
  EXPECT_LT(stats.at("jobs").at("queued").as_int64(), 400'000);
}

TEST_F(ServerQueuesTest, StatsCountWhatIsFailedAndScheduledInAllQueues) {
  FillQueues("due", 3'000);
  sql_.Run(
      "insert into djps.ready (id, visible_at, moved_at, lane, priority, attempts, failed, queue, "
      "type) select gen_random_uuid(), now() + (i % 2) * interval '1 h' - interval '1 min', now(), "
      "0, 0, 1, true, 'failed' || i, 't' from generate_series(1, 2000) i");
  sql_.Run(
      "insert into djps.ready (id, visible_at, lane, priority, attempts, failed, queue, type) "
      "select gen_random_uuid(), now() + interval '1 h', 0, 0, 0, false, 'later' || i, 't' "
      "from generate_series(1, 1500) i");
  const json::object stats = Get("/stats");
  EXPECT_EQ(stats.at("jobs").at("queued"), 3'000);
  EXPECT_EQ(stats.at("jobs").at("failed"), 2'000);
  EXPECT_EQ(stats.at("jobs").at("scheduled"), 1'500);
  EXPECT_EQ(stats.at("exact"), true);
}

TEST_F(ServerQueuesTest, RefusesCursorsThatAreNotOfThisList) {
  FillQueues("q", 3);
  EnqueueOne({.type = "t"});
  EnqueueOne({.type = "t"});
  const std::string mine(Get("/queues?limit=1").at("next_cursor").as_string());
  const std::string jobs(Get("/jobs?limit=1").at("next_cursor").as_string());
  EXPECT_EQ(Get("/queues?cursor=" + mine).at("queues").as_array().size(), 3U);
  for (const std::string& query :
       {"cursor=" + jobs, "cursor=" + mine + "00", std::string("cursor=x"), std::string("limit=0"),
        std::string("limit=1001")}) {
    EXPECT_EQ(client_.Get("/queues?" + query).status, 422) << query;
  }
}

TEST_F(ServerQueuesTest, StatsAddUpAndTellThePace) {
  const json::object empty = Get("/stats");
  EXPECT_EQ(empty.at("jobs").at("queued"), 0);
  EXPECT_EQ(empty.at("throughput").at("per_second"), 0.0);
  MakeOneOfEach();
  EnqueueOne({.type = "t", .queue = "another"});
  const json::object stats = Get("/stats");
  EXPECT_EQ(stats.at("jobs"), json::value({{"queued", 2},
                                           {"scheduled", 1},
                                           {"running", 1},
                                           {"failed", 1},
                                           {"succeeded", 1},
                                           {"canceled", 0},
                                           {"dead", 1}}));
  EXPECT_EQ(stats.at("exact"), true);
  const json::object& pace = stats.at("throughput").as_object();
  EXPECT_EQ(pace.at("window_ms"), 60'000);
  EXPECT_EQ(pace.at("succeeded"), 1);
  EXPECT_EQ(pace.at("dead"), 1);
  EXPECT_DOUBLE_EQ(pace.at("per_second").as_double(), 0.033);
}

TEST_F(ServerQueuesTest, ManyOutcomesAreEstimated) {
  sql_.Run(
      "insert into djps.outcomes (id, finished_at, status, lane, attempts) "
      "select gen_random_uuid(), now() - interval '2 h', 'succeeded', 0, 1 "
      "from generate_series(1, 40000); analyze djps.outcomes");
  const json::object stats = Get("/stats");
  EXPECT_EQ(stats.at("exact"), false);
  EXPECT_GT(stats.at("jobs").at("succeeded").as_int64(), 20'000);
  EXPECT_LT(stats.at("jobs").at("succeeded").as_int64(), 80'000);
  EXPECT_EQ(stats.at("throughput").at("succeeded"), 0);
}

TEST_F(ServerQueuesTest, ExplainsWhatHasEndedAndWhatRuns) {
  const Uuid id = EnqueueOne({.type = "t"});
  const store::ClaimedBatch batch = Claim(1, "worker-7");
  json::object why = Explain(id);
  EXPECT_EQ(why.at("reason"), "running");
  EXPECT_EQ(why.at("attempt"), 1);
  EXPECT_NE(why.at("text").as_string().find("worker-7"), std::string::npos);
  EXPECT_TRUE(why.at("until").is_string());
  Complete(batch.lease, id);
  why = Explain(id);
  EXPECT_EQ(why.at("reason"), "finished");
  EXPECT_EQ(why.at("status"), "succeeded");
  EXPECT_EQ(why.at("text"), "The job has ended: it is succeeded.");
  EXPECT_TRUE(why.at("until").is_null());
}

TEST_F(ServerQueuesTest, ExplainsWhatIsNotDueYet) {
  const Uuid scheduled = EnqueueOne({.type = "t", .run_at = Later()});
  json::object why = Explain(scheduled);
  EXPECT_EQ(why.at("reason"), "not_due");
  EXPECT_EQ(why.at("until"), Get("/jobs/" + scheduled.ToString()).at("run_at"));

  const Uuid failed = EnqueueOne({.type = "t"});
  const store::ClaimedBatch batch = Claim(1);
  Run(leases_.FailJobs({{.lease = batch.lease, .job = failed, .retry_after = 1h}}, Soon()));
  why = Explain(failed);
  EXPECT_EQ(why.at("reason"), "backoff");
  EXPECT_EQ(why.at("attempt"), 1);
  EXPECT_EQ(why.at("until"), Get("/jobs/" + failed.ToString()).at("run_at"));
}

TEST_F(ServerQueuesTest, ExplainsWhoComesBefore) {
  HaveWorker();
  const Uuid first = EnqueueOne({.type = "t"});
  EnqueueOne({.type = "t", .priority = -1});
  EnqueueOne({.type = "t", .priority = 1});
  EnqueueOne({.type = "t", .queue = "another"});
  EnqueueOne({.type = "t", .priority = -1, .run_at = Later()});
  const Uuid last = EnqueueOne({.type = "t"});
  json::object why = Explain(last);
  EXPECT_EQ(why.at("reason"), "behind");
  EXPECT_EQ(why.at("ahead"), 2) << "the urgent one and the first one";
  EXPECT_EQ(why.at("ahead_exact"), true);
  EXPECT_TRUE(why.at("estimate_ms").is_null()) << "nothing has ended yet";
  EXPECT_EQ(Explain(first).at("ahead"), 1);

  const store::ClaimedBatch batch = Claim(2);
  for (const store::ClaimedJob& job : batch.jobs) Complete(batch.lease, job.id);
  why = Explain(last);
  EXPECT_EQ(why.at("ahead"), 0);
  EXPECT_TRUE(why.at("estimate_ms").is_int64()) << "there is a pace to go by now";
  EXPECT_NE(why.at("text").as_string().find("next one of queue default"), std::string::npos);
}

TEST_F(ServerQueuesTest, SettingsOfQueuesAreShown) {
  Run(operators_.SetQueuePaused("stopped", true, "ann", Soon()));
  Run(operators_.SetQueueLimit("limited", 7, "ann", Soon()));
  const json::array queues = Get("/queues").at("queues").as_array();
  ASSERT_EQ(queues.size(), 2U) << "empty, but with settings";
  EXPECT_EQ(queues[0].at("max_backlog"), 7);
  EXPECT_EQ(queues[0].at("paused"), false);
  EXPECT_TRUE(queues[0].at("paused_at").is_null());
  EXPECT_EQ(queues[1].at("paused"), true);
  EXPECT_EQ(queues[1].at("paused_by"), "ann");
  EXPECT_TRUE(queues[1].at("paused_at").is_string());
}

TEST_F(ServerQueuesTest, ExplainsThatAQueueIsPaused) {
  HaveWorker();
  const Uuid id = EnqueueOne({.type = "t"});
  Run(operators_.SetQueuePaused("default", true, "ann", Soon()));
  EXPECT_EQ(Explain(id).at("reason"), "queue_paused");
  Run(operators_.SetQueuePaused("default", false, "ann", Soon()));
  EXPECT_EQ(Explain(id).at("reason"), "behind");
}

TEST_F(ServerQueuesTest, ExplainsWhichWorkersAreMissing) {
  HaveWorkersTable();
  const auto report = [this](const std::string& queue, const std::string& type, int running,
                             const std::string& seen) {
    sql_.Run(
        fmt::format("delete from djps.workers; insert into djps.workers (name, started_at, "
                    "last_seen_at, capacity, running, kind, version, queues, types) values "
                    "('w', now(), now() - interval '{}', 2, {}, 'native', '1', '{{{}}}', "
                    "'{{{}}}')",
                    seen, running, queue, type));
  };
  const Uuid first = EnqueueOne({.type = "t"});
  const Uuid second = EnqueueOne({.type = "t"});
  EXPECT_EQ(Explain(first).at("reason"), "no_worker");
  report("another", "t", 0, "1 s");
  EXPECT_EQ(Explain(first).at("reason"), "no_worker");
  report("default", "t", 0, "10 min");
  EXPECT_EQ(Explain(first).at("reason"), "no_worker") << "not seen for long";
  report("default", "other", 0, "1 s");
  EXPECT_EQ(Explain(first).at("reason"), "unknown_type");
  report("default", "t", 2, "1 s");
  EXPECT_EQ(Explain(first).at("reason"), "no_free_slot");
  EXPECT_EQ(Explain(second).at("reason"), "behind") << "slots would not help it yet";
  report("default", "t", 1, "1 s");
  EXPECT_EQ(Explain(first).at("reason"), "behind");
  EXPECT_EQ(Explain(first).at("ahead"), 0);
}

TEST_F(ServerQueuesTest, CountsOnlyTenThousandAhead) {
  HaveWorker();
  FillQueue("default", 10'500);
  const json::object why = Explain(EnqueueOne({.type = "t", .priority = 9}));
  EXPECT_EQ(why.at("ahead"), 10'000);
  EXPECT_EQ(why.at("ahead_exact"), false);
  EXPECT_TRUE(why.at("text").as_string().starts_with("At least 10000 jobs"));
}

TEST_F(ServerQueuesTest, RefusesParametersThatItDoesNotKnow) {
  // A mistyped filter that is silently ignored would show the wrong numbers.
  for (const std::string path : {"/queues?name=a", "/queues/default?x=1", "/stats?queue=a"}) {
    EXPECT_EQ(client_.Get(path).status, 422) << path;
  }
}

}  // namespace
}  // namespace djps::test_support
