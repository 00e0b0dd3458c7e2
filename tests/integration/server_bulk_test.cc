// POST /jobs/bulk: one action on many jobs.
#include <fmt/format.h>

#include <boost/json/serialize.hpp>

#include "support/api_server.h"
#include "support/store_fixture.h"

namespace djps::test_support {
namespace {

namespace json = boost::json;

constexpr int kMany = 2'500;

class ServerBulkTest : public StoreTest {
 protected:
  json::object Act(const std::string& body, int status = 200) {
    const HttpReply reply = client_.Post("/jobs/bulk", body);
    EXPECT_EQ(reply.status, status) << body << "\n" << reply.body;
    return reply.Json().as_object();
  }

  /// `members` without braces; calls until there is no cursor. Returns the number of changed jobs.
  std::int64_t ActOnAll(const std::string& members, std::int64_t* calls = nullptr) {
    std::int64_t changed = 0;
    std::string cursor;
    for (int call = 1; call <= 100; ++call) {
      const json::object answer = Act("{" + members + cursor + "}");
      changed += answer.at("changed").as_int64();
      EXPECT_EQ(answer.at("changed"), answer.at("matched"));
      if (calls != nullptr) *calls = call;
      if (answer.at("next_cursor").is_null()) return changed;
      cursor = R"(,"cursor":")" + std::string(answer.at("next_cursor").as_string()) + '"';
    }
    ADD_FAILURE() << "the walk does not end: " << members;
    return changed;
  }

  std::vector<Uuid> EnqueueMany(int count, const NewJob& job = {.type = "t"}) {
    std::vector<Uuid> ids;
    for (const SubmittedJob& one :
         Enqueue(std::vector<NewJob>(static_cast<std::size_t>(count), job))) {
      ids.push_back(one.id);
    }
    return ids;
  }

  /// Ends all waiting jobs.
  void EndWaiting(const std::string& status) {
    sql_.Run(
        fmt::format("with r as (delete from djps.ready returning *) insert into djps.outcomes (id, "
                    "finished_at, status, lane, attempts) select id, now(), '{}', 0, 25 from r",
                    status));
  }

  std::string CountOf(const std::string& status) {
    return sql_.Value("select count(*) from djps.jobs where status = '" + status + "'");
  }

  ApiServer server_{conninfo_};
  HttpClient client_ = server_.Connect();
};

TEST_F(ServerBulkTest, CancelsEveryQueuedJobPageByPage) {
  EnqueueMany(kMany / 2);
  EnqueueMany(kMany / 2, {.type = "u", .queue = "other", .priority = -3});
  std::int64_t calls = 0;
  EXPECT_EQ(ActOnAll(R"("action":"cancel","filter":{"status":["queued"]},"limit":1000)", &calls),
            kMany);
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(CountOf("canceled"), std::to_string(kMany));
  EXPECT_EQ(Count("ready"), "0");
  EXPECT_EQ(Count("audit"), "1");
}

TEST_F(ServerBulkTest, RedrivesEveryDeadJobPageByPage) {
  EnqueueMany(kMany);
  EndWaiting("dead");
  EXPECT_EQ(ActOnAll(R"("action":"retry","filter":{"status":["dead"]},"limit":1000)"), kMany);
  EXPECT_EQ(CountOf("queued"), std::to_string(kMany));
  EXPECT_EQ(Count("outcomes"), "0");
}

TEST_F(ServerBulkTest, RetriesJobsThatWaitOnceEach) {
  // A retry puts them back into the order in which they are claimed.
  EnqueueMany(1'200);
  EXPECT_EQ(ActOnAll(R"("action":"retry","filter":{"status":["queued"]},"limit":500)"), 1'200);
  EXPECT_EQ(sql_.Value("select detail ->> 'count' from djps.audit where action = 'retry'"), "1200");
}

TEST_F(ServerBulkTest, PurgesJobsOfSeveralStatuses) {
  EnqueueMany(300);
  EndWaiting("dead");
  EnqueueMany(300);
  EndWaiting("canceled");
  EnqueueMany(5);
  EndWaiting("succeeded");
  EXPECT_EQ(ActOnAll(R"("action":"purge","filter":{"status":["dead","canceled"]},"limit":250)"),
            600);
  EXPECT_EQ(Count("facts"), "5");
}

TEST_F(ServerBulkTest, ADryRunCountsAndChangesNothing) {
  EnqueueMany(700);
  const json::object answer =
      Act(R"({"action":"cancel","dry_run":true,"filter":{"status":["queued"]}})");
  EXPECT_EQ(
      json::serialize(answer),
      R"({"action":"cancel","dry_run":true,"matched":700,"changed":0,"skipped":0,"audit":null,)"
      R"("next_cursor":null})");
  EXPECT_EQ(CountOf("queued"), "700");
  EXPECT_EQ(Count("audit"), "0");
}

TEST_F(ServerBulkTest, TheFilterDecides) {
  const auto id = EnqueueOne({.type = "a", .queue = "q", .tags = {"x"}}).ToString();
  EnqueueOne({.type = "b", .queue = "q", .tags = {"x"}});
  EnqueueOne({.type = "a", .queue = "r"});
  const auto matched = [&](const std::string& filter) {
    return Act(R"({"action":"cancel","dryRun":true,"filter":{"status":["queued"],)" + filter + "}}")
        .at("matched")
        .as_int64();
  };
  EXPECT_EQ(matched(R"("type":"a")"), 2);
  EXPECT_EQ(matched(R"("queue":"q")"), 2);
  EXPECT_EQ(matched(R"("tag":"x")"), 2);
  EXPECT_EQ(matched(R"("createdAfter":"2100-01-01T00:00:00Z")"), 0);
  EXPECT_EQ(matched(R"("createdBefore":"2000-01-01T00:00:00Z")"), 0);
  EXPECT_EQ(ActOnAll(R"("action":"cancel","reason":"no need","filter":{"status":["queued"],)"
                     R"("type":"a","queue":"q","tag":"x"})"),
            1);
  EXPECT_EQ(CountOf("canceled"), "1");
  EXPECT_EQ(
      sql_.Value("select detail from djps.audit where target = 'jobs'"),
      R"({"count": 1, "filter": {"tag": "x", "type": "a", "queue": "q", "status": ["queued"]}, )"
      R"("reason": "no need"})");
  EXPECT_EQ(sql_.Value("select job_ids from djps.audit_jobs"), "{" + id + "}");
}

TEST_F(ServerBulkTest, TellsTheWorkersOfJobsThatRun) {
  EnqueueMany(2);
  Claim(2);
  const json::object answer = Act(R"({"action":"cancel","filter":{"status":["running"]}})");
  EXPECT_EQ(answer.at("changed"), 2);
  EXPECT_EQ(sql_.Value("select count(*) from djps.jobs where cancel_requested"), "2");
}

TEST_F(ServerBulkTest, JobsThatSucceededRunAgainOnlyWhenToldSo) {
  const Uuid id = EnqueueOne({.type = "t"});
  EndWaiting("succeeded");
  EXPECT_EQ(Act(R"({"action":"retry","ids":[")" + id.ToString() + "\"]}").at("matched"), 0);
  const json::object refused = Act(R"({"action":"retry","filter":{"status":["succeeded"]}})", 422);
  EXPECT_NE(refused.at("detail").as_string().find("succeeded"), json::string::npos);
  EXPECT_EQ(ActOnAll(R"("action":"retry","runAgain":true,"filter":{"status":["succeeded"]})"), 1);
  EXPECT_EQ(Status(id), JobStatus::kQueued);
}

TEST_F(ServerBulkTest, ActsOnIdsAndLeavesOthersAlone) {
  const std::vector<Uuid> ids = EnqueueMany(3);
  const Uuid ended = EnqueueOne({.type = "t"});
  sql_.Run("delete from djps.ready where id = '" + ended.ToString() + "'");
  sql_.Run(
      fmt::format("insert into djps.outcomes (id, finished_at, status, lane, attempts) values "
                  "('{}', now(), 'succeeded', 0, 1)",
                  ended.ToString()));
  const std::string list =
      fmt::format(R"(["{0}","{0}","{1}","{2}","01900000-0000-7000-8000-000000000000"])",
                  ids[0].ToString(), ids[1].ToString(), ended.ToString());
  const json::object answer = Act(R"({"action":"cancel","ids":)" + list + "}");
  EXPECT_EQ(answer.at("matched"), 2);
  EXPECT_EQ(answer.at("changed"), 2);
  EXPECT_TRUE(answer.at("next_cursor").is_null());
  EXPECT_EQ(Status(ids[2]), JobStatus::kQueued);
  EXPECT_EQ(Status(ended), JobStatus::kSucceeded);
}

TEST_F(ServerBulkTest, RefusesBadInputAndChangesNothing) {
  EnqueueMany(2);
  const json::object page =
      Act(R"({"action":"cancel","dryRun":true,"limit":1,"filter":{"status":["queued"]}})");
  const std::string cursor(page.at("next_cursor").as_string());
  const std::string queued = R"("filter":{"status":["queued"]})";
  struct Case {
    std::string body;
    std::string detail;  ///< A part of it.
  };
  const std::vector<Case> cases = {
      {"", "2 fields are wrong"},
      {R"({"filter":{"status":["queued"]}})", "action is missing"},
      {R"({"action":"delete",)" + queued + "}", "must be cancel, retry or purge, got"},
      {R"({"action":"cancel"})", "filter or ids is needed"},
      {R"({"action":"cancel","filter":{}})", "status is missing or empty"},
      {R"({"action":"cancel","filter":{"status":[]}})", "status is missing or empty"},
      {R"({"action":"cancel","filter":{"status":"queued"}})", "status must be an array"},
      {R"({"action":"cancel","filter":{"status":["dead"]}})", "got \"dead\""},
      {R"({"action":"purge","filter":{"status":["running"]}})", "got \"running\""},
      {R"({"action":"retry","filter":{"status":["running"]}})", "got \"running\""},
      {R"({"action":"retry","filter":{"status":["succeeded"]}})", "only with runAgain"},
      {R"({"action":"cancel","filter":{"status":["done"]}})", "got \"done\""},
      {R"({"action":"cancel","filter":{"status":["queued"],"type":"a b"}})", "filter.type"},
      {R"({"action":"cancel","filter":{"status":["queued"],"queue":7}})", "filter.queue"},
      {R"({"action":"cancel","filter":{"status":["queued"],"createdAfter":"x"}})",
       "filter.createdAfter"},
      {R"({"action":"cancel","filter":{"status":["queued"],"key":"x"}})", "filter.key"},
      {R"({"action":"cancel","limit":0,)" + queued + "}", "limit must be"},
      {R"({"action":"cancel","limit":10001,)" + queued + "}", "limit must be"},
      {R"({"action":"cancel","dryRun":1,)" + queued + "}", "dryRun must be"},
      {R"({"action":"cancel","runAgain":true,)" + queued + "}", "runAgain goes with"},
      {R"({"action":"retry","reason":"x",)" + queued + "}", "reason goes with"},
      {R"({"action":"cancel","cursor":"x",)" + queued + "}", "cursor must be"},
      {R"({"action":"retry","cursor":")" + cursor + "\"," + queued + "}", "cursor must be"},
      {R"({"action":"cancel","cursor":")" + cursor +
           R"(","filter":{"status":["queued"],"type":"t"}})",
       "cursor must be"},
      {R"({"action":"cancel","ids":[]})", "ids must hold"},
      {R"({"action":"cancel","ids":["x"]})", "ids[0]"},
      {R"({"action":"cancel","ids":["01900000-0000-7000-8000-000000000000"],"limit":1})",
       "limit goes with a filter"},
      {R"({"action":"cancel","ids":["01900000-0000-7000-8000-000000000000"],)" + queued + "}",
       "filter and ids exclude each other"}};
  for (const Case& bad : cases) {
    const json::object problem = Act(bad.body, 422);
    EXPECT_NE(problem.at("detail").as_string().find(bad.detail), json::string::npos)
        << bad.body << "\n"
        << problem.at("detail");
  }
  Act("{", 400);
  EXPECT_EQ(Count("audit"), "0");
  EXPECT_EQ(Count("ready"), "2");
}

}  // namespace
}  // namespace djps::test_support
