// GET /audit and GET /audit/{id}/jobs: one entry for an action on many jobs, and how long it is
// kept.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "store/history_store.h"
#include "support/api_server.h"
#include "support/store_fixture.h"
#include "upkeep/upkeep.h"

namespace djps::test_support {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

class ServerAuditTest : public StoreTest {
 protected:
  json::object Act(const std::string& body) {
    const HttpReply reply = client_.Post("/jobs/bulk", body);
    EXPECT_EQ(reply.status, 200) << body << "\n" << reply.body;
    return reply.Json().as_object();
  }
  json::object Get(const std::string& target) {
    const HttpReply reply = client_.Get(target);
    EXPECT_EQ(reply.status, 200) << target << "\n" << reply.body;
    return reply.Json().as_object();
  }
  json::array AuditOf(const std::string& target) {
    return Get("/audit?target=" + target).at("audit").as_array();
  }
  std::string Count(const std::string& table) {
    return sql_.Value("select count(*) from djps." + table);
  }

  std::set<std::string> EnqueueMany(int count) {
    std::set<std::string> ids;
    for (const SubmittedJob& job :
         Enqueue(std::vector<NewJob>(static_cast<std::size_t>(count), {.type = "t"}))) {
      ids.insert(job.id.ToString());
    }
    return ids;
  }

  /// The ids on all pages of an action, and their statuses.
  std::set<std::string> JobsOf(const std::string& audit, int limit, std::set<std::string>& was) {
    std::set<std::string> ids;
    std::string after;
    for (int pages = 0; pages < 100; ++pages) {
      const json::object page = Get(fmt::format("/audit/{}/jobs?limit={}{}", audit, limit, after));
      for (const json::value& job : page.at("jobs").as_array()) {
        EXPECT_TRUE(ids.insert(job.at("id").as_string().c_str()).second) << "twice";
        was.insert(job.at("was").as_string().c_str());
      }
      if (page.at("next_after").is_null()) return ids;
      after = fmt::format("&after={}", page.at("next_after").as_int64());
    }
    ADD_FAILURE() << "the pages do not end";
    return ids;
  }

  /// Lets entries be past their retention.
  void Age(const std::string& where) {
    sql_.Run("update djps.audit set at = now() - interval '91 days' where " + where);
  }

  store::HistoryStore history_{*pool_};
  ApiServer server_{conninfo_};
  HttpClient client_ = server_.Connect();
};

TEST_F(ServerAuditTest, AnActionOnManyJobsIsOneEntryOverAllItsCalls) {
  const std::set<std::string> ids = EnqueueMany(2'300);
  std::string cursor;
  std::int64_t calls = 0;
  for (std::string next = "x"; !next.empty(); ++calls) {
    const json::object answer = Act(R"({"action":"cancel","reason":"no need","limit":700,)"
                                    R"("filter":{"status":["queued"],"type":"t"})" +
                                    cursor + "}");
    next = answer.at("next_cursor").is_null() ? "" : answer.at("next_cursor").as_string().c_str();
    cursor = R"(,"cursor":")" + next + '"';
    // The entry is right after each call.
    EXPECT_EQ(Get("/audit").at("audit").at(0).at("id"), answer.at("audit"));
    EXPECT_EQ(Get("/audit").at("audit").at(0).at("detail").at("count"),
              std::min<std::int64_t>(700 * (calls + 1), 2'300));
  }
  EXPECT_EQ(calls, 4);
  const json::array entries = Get("/audit").at("audit").as_array();
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].at("action"), "cancel");
  EXPECT_EQ(entries[0].at("target"), "jobs");
  EXPECT_EQ(entries[0].at("detail"),
            json::value({{"count", 2'300},
                         {"filter", {{"status", {"queued"}}, {"type", "t"}}},
                         {"reason", "no need"}}));
  const std::string audit = std::to_string(entries[0].at("id").as_int64());
  for (const int limit : {1'000, 333, 500}) {
    std::set<std::string> was;
    EXPECT_EQ(JobsOf(audit, limit, was), ids) << limit;
    EXPECT_EQ(was, std::set<std::string>{"waiting"});
  }
  EXPECT_EQ(Get("/audit/" + audit + "/jobs?after=2300").at("jobs").as_array().size(), 0U);
}

TEST_F(ServerAuditTest, TheAuditOfOneJobHasTheActionsOnManyThatChangedIt) {
  const std::set<std::string> ids = EnqueueMany(1'200);
  const std::string first = *ids.begin();
  const std::string middle = *std::next(ids.begin(), 601);
  const std::string untouched = EnqueueOne({.type = "u"}).ToString();
  Act(R"({"action":"cancel","filter":{"status":["queued"],"type":"t"},"limit":5000})");
  EXPECT_EQ(client_.Post("/jobs/" + middle + "/retry", "{}").status, 200);
  Act(R"({"action":"retry","ids":[")" + first + R"("]})");
  Act(R"({"action":"cancel","ids":[")" + first + R"(",")" + middle + R"("]})");
  Act(R"({"action":"purge","filter":{"status":["canceled"]},"limit":5000})");
  const auto actions = [&](const std::string& id) {
    std::string text;
    for (const json::value& entry : AuditOf(id)) {
      text += std::string(entry.at("action").as_string()) + '/' +
              std::string(entry.at("target").as_string() == id ? "one" : "many") + ' ';
    }
    return text;
  };
  EXPECT_EQ(actions(middle), "purge/many cancel/many retry/one cancel/many ");
  EXPECT_EQ(actions(first), "purge/many cancel/many retry/many cancel/many ");
  EXPECT_EQ(actions(untouched), "") << "its id is between theirs, or behind; it was not touched";
  EXPECT_EQ(AuditOf("jobs").size(), 4U);
  const std::string latest = std::to_string(AuditOf("jobs").at(0).at("id").as_int64());
  EXPECT_EQ(
      Get("/audit?limit=1&before=" + latest + "&target=" + first).at("audit").at(0).at("detail"),
      json::value({{"count", 2}}));
}

TEST_F(ServerAuditTest, EachStatusThatTheJobsHadIsKept) {
  const std::set<std::string> ids = EnqueueMany(6);
  const store::ClaimedBatch batch = Claim(3);
  Fail(batch.lease, batch.jobs.at(0).id);
  Fail(batch.lease, batch.jobs.at(1).id, false);
  Complete(batch.lease, batch.jobs.at(2).id);
  const json::object answer = Act(R"({"action":"retry","runAgain":true,)"
                                  R"("filter":{"status":["queued","failed","dead","succeeded"]}})");
  EXPECT_EQ(answer.at("changed"), 6);
  std::set<std::string> was;
  EXPECT_EQ(JobsOf(std::to_string(answer.at("audit").as_int64()), 4, was), ids);
  EXPECT_EQ(was, (std::set<std::string>{"queued", "failed", "dead", "succeeded"}));
  EXPECT_EQ(Get("/audit").at("audit").at(0).at("detail").at("runAgain"), true);
  Claim(2);
  const json::object canceled =
      Act(R"({"action":"cancel","filter":{"status":["queued","running","failed"]}})");
  EXPECT_EQ(canceled.at("changed"), 6);
  was.clear();
  EXPECT_EQ(JobsOf(std::to_string(canceled.at("audit").as_int64()), 1'000, was), ids);
  EXPECT_EQ(was, (std::set<std::string>{"running", "waiting"}));
  EXPECT_EQ(Count("audit"), "2");
}

TEST_F(ServerAuditTest, APageThatFailsLeavesAnEntryThatSaysWhatWasDone) {
  EnqueueMany(1'200);
  // The second page meets a job that cannot be canceled.
  sql_.Run(
      "create function pg_temp_refuse() returns trigger language plpgsql as $$ begin "
      "if (select count(*) from djps.outcomes) > 600 then raise 'no more'; end if; return null; "
      "end "
      "$$; create trigger refuse after insert on djps.audit_jobs for each statement "
      "execute function pg_temp_refuse()");
  EXPECT_GE(
      client_
          .Post("/jobs/bulk", R"({"action":"cancel","filter":{"status":["queued"]},"limit":5000})")
          .status,
      500);
  EXPECT_EQ(Count("outcomes"), "500");
  const json::value entry = Get("/audit").at("audit").at(0);
  EXPECT_EQ(entry.at("detail").at("count"), 500);
  std::set<std::string> was;
  EXPECT_EQ(JobsOf(std::to_string(entry.at("id").as_int64()), 1'000, was).size(), 500U);
}

TEST_F(ServerAuditTest, ACursorGoesOnOnlyWithTheEntryOfItsOwnAction) {
  EnqueueMany(20);
  const auto act = [&](const std::string& more) {
    return Act(R"({"action":"cancel","filter":{"status":["queued"]},"limit":5)" + more + "}");
  };
  const json::object first = act("");
  const std::string cursor(first.at("next_cursor").as_string());
  EXPECT_EQ(act(R"(,"cursor":")" + cursor + '"').at("audit"), first.at("audit"));
  // Somebody else's entry.
  sql_.Run("update djps.audit set actor = 'bob'");
  const json::object other = act(R"(,"cursor":")" + cursor + '"');
  EXPECT_NE(other.at("audit"), first.at("audit"));
  EXPECT_EQ(other.at("changed"), 5);
  EXPECT_EQ(sql_.Value("select string_agg(detail ->> 'count', ' ' order by id) from djps.audit"),
            "10 5");
  for (const std::string& wrong : {cursor + "1", cursor.substr(0, cursor.find('.')), cursor + "x",
                                   cursor.substr(0, cursor.find('.') + 1)}) {
    const HttpReply reply = client_.Post(
        "/jobs/bulk",
        R"({"action":"cancel","filter":{"status":["queued"]},"cursor":")" + wrong + R"("})");
    EXPECT_EQ(reply.status, 422) << wrong;
  }
}

TEST_F(ServerAuditTest, NothingMatchedIsNoEntry) {
  EXPECT_TRUE(Act(R"({"action":"cancel","filter":{"status":["queued"]}})").at("audit").is_null());
  EnqueueMany(3);
  EXPECT_TRUE(Act(R"({"action":"cancel","dryRun":true,"filter":{"status":["queued"]}})")
                  .at("audit")
                  .is_null());
  EXPECT_EQ(Count("audit"), "0");
}

TEST_F(ServerAuditTest, OldEntriesGoInStepsWithTheirJobs) {
  EnqueueMany(1'600);
  Act(R"({"action":"cancel","filter":{"status":["queued"]},"limit":5000})");
  for (int i = 0; i < 5; ++i) Run(operators_.SetQueuePaused("q", i % 2 == 0, "ann", Soon()));
  EXPECT_EQ(Run(history_.PurgeAudit(100, Soon())), 0) << "all of them are young";
  Age("id < (select max(id) from djps.audit)");
  EXPECT_EQ(Count("audit_jobs"), "4");
  EXPECT_EQ(Run(history_.PurgeAudit(3, Soon())), 3) << "of the four lists of jobs";
  EXPECT_EQ(Count("audit"), "6") << "the entry stays while some of its jobs do";
  EXPECT_EQ(Run(history_.PurgeAudit(3, Soon())), 4) << "the last list, and three entries";
  EXPECT_EQ(Run(history_.PurgeAudit(3, Soon())), 2);
  EXPECT_EQ(Run(history_.PurgeAudit(3, Soon())), 0);
  EXPECT_EQ(Count("audit"), "1");
  EXPECT_EQ(Count("audit_jobs"), "0");
  Run(history_.SetAuditRetention(std::nullopt, "ann", Soon()));
  Age("true");
  EXPECT_EQ(Run(history_.PurgeAudit(3, Soon())), 0) << "kept for ever";
}

TEST_F(ServerAuditTest, UpkeepThrowsOldEntriesAway) {
  sql_.Run(
      "insert into djps.audit (at, actor, action, target) "
      "select now() - interval '91 days', 'ann', 'pause', 'q' from generate_series(1, 2500)");
  Run(operators_.SetQueuePaused("q", true, "ann", Soon()));
  upkeep::Upkeep upkeep(io_.get_executor(), *pool_, *pool_);
  Run(upkeep.ThrowAway());
  EXPECT_EQ(Count("audit"), "1");
}

TEST_F(ServerAuditTest, TheRetentionIsSetAndShown) {
  const auto put = [&](const std::string& body) {
    return client_.Send("PUT", "/retention/audit", body, {{"Content-Type", "application/json"}});
  };
  EXPECT_EQ(Get("/retention").at("audit").at("keep_ms"), 7'776'000'000);
  EXPECT_EQ(put(R"({"keepMs":86400000})").Json().at("audit").at("keep_ms"), 86'400'000);
  EXPECT_TRUE(put(R"({"forever":true})").Json().at("audit").at("keep_ms").is_null());
  put(R"({"forever":true})");
  for (const char* wrong : {"{}", R"({"keepMs":86399999})", R"({"keepMs":316224000001})",
                            R"({"keepMs":86400000,"forever":true})", R"({"forever":false})",
                            R"({"inherit":true})", R"({"keepMs":null})"}) {
    EXPECT_EQ(put(wrong).status, 422) << wrong;
  }
  EXPECT_EQ(sql_.Value("select string_agg(target || ' ' || detail, ', ' order by id) "
                       "from djps.audit"),
            R"(audit {"after": "24:00:00", "before": "90 days"}, )"
            R"(audit {"after": "forever", "before": "24:00:00"})");
  EXPECT_EQ(sql_.Value("select djps.set_audit_retention('30 days')"), "t");
  EXPECT_EQ(sql_.Value("select djps.set_audit_retention('30 days')"), "f");
}

TEST_F(ServerAuditTest, RefusesWhatIsNoEntry) {
  for (const char* id : {"7", "0", "-1", "x", "9223372036854775807", "99999999999999999999"}) {
    const HttpReply reply = client_.Get(fmt::format("/audit/{}/jobs", id));
    EXPECT_EQ(reply.status, 404) << id;
    EXPECT_EQ(reply.Json().at("type"), "urn:djps:problem:audit-not-found") << id;
  }
  Run(operators_.SetQueuePaused("q", true, "ann", Soon()));
  EXPECT_EQ(client_.Get("/audit/1/jobs").body, R"({"jobs":[],"next_after":null})");
  for (const char* query : {"after=-1", "limit=0", "limit=1001", "before=1"}) {
    EXPECT_EQ(client_.Get(fmt::format("/audit/1/jobs?{}", query)).status, 422) << query;
  }
}

}  // namespace
}  // namespace djps::test_support
