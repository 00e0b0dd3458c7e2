// GET /jobs: filters, orders, pages.
#include <fmt/format.h>

#include <map>
#include <set>

#include "support/api_server.h"
#include "support/store_fixture.h"

namespace djps::test_support {
namespace {

namespace json = boost::json;
using Ids = std::vector<std::string>;

class ServerListsTest : public StoreTest {
 protected:
  json::object Get(const std::string& target, int status = 200) {
    const HttpReply reply = client_.Get(target);
    EXPECT_EQ(reply.status, status) << target << "\n" << reply.body;
    return reply.Json().as_object();
  }

  static Ids IdsOf(const json::object& page) {
    Ids ids;
    for (const json::value& job : page.at("jobs").as_array()) {
      ids.emplace_back(job.at("id").as_string());
    }
    return ids;
  }

  Ids List(const std::string& query) { return IdsOf(Get("/jobs?" + query)); }

  /// All pages of a list, one after another; `between` runs after each.
  Ids Collect(const std::string& query, const std::function<void()>& between = [] {}) {
    Ids all;
    std::string cursor;
    for (int pages = 0; pages < 1'000; ++pages) {
      const json::object page = Get("/jobs?" + query + cursor);
      const Ids ids = IdsOf(page);
      all.insert(all.end(), ids.begin(), ids.end());
      EXPECT_EQ(page.at("more"), !page.at("next_cursor").is_null());
      if (page.at("next_cursor").is_null()) return all;
      cursor = "&cursor=" + std::string(page.at("next_cursor").as_string());
      between();
    }
    ADD_FAILURE() << "the list does not end: " << query;
    return all;
  }

  std::string Make(const NewJob& job) { return EnqueueOne(job).ToString(); }

  /// One job of each status, by status.
  std::map<std::string, std::string> OneOfEach() {
    std::map<std::string, std::string> jobs;
    // So that none that has failed is due again meanwhile.
    const RetryPolicy later{.kind = RetryPolicy::Kind::kFixed, .delay = std::chrono::hours(1)};
    for (const char* status : {"succeeded", "failed", "dead", "running"}) {
      jobs[status] = Make({.type = "t", .retry = later});
      const store::ClaimedBatch batch = Claim(1);
      const Uuid id = batch.jobs.at(0).id;
      if (jobs[status] != id.ToString()) throw std::runtime_error("claimed another job");
      const std::string_view wanted = status;
      if (wanted == "succeeded") Complete(batch.lease, id);
      if (wanted == "failed") Fail(batch.lease, id);
      if (wanted == "dead") Fail(batch.lease, id, false);
    }
    jobs["queued"] = Make({.type = "t"});
    jobs["canceled"] = Make({.type = "t"});
    sql_.Run(fmt::format(
        "delete from djps.ready where id = '{0}'; insert into djps.outcomes "
        "(id, finished_at, status, lane, attempts) values ('{0}', now(), 'canceled', 0, 0)",
        jobs["canceled"]));
    return jobs;
  }

  ApiServer server_{conninfo_};
  HttpClient client_ = server_.Connect();
};

TEST_F(ServerListsTest, AnEmptyDatabaseHasAnEmptyList) {
  EXPECT_EQ(client_.Get("/jobs").body,
            R"({"jobs":[],"more":false,"next_cursor":null,"scanned_to":null})");
}

TEST_F(ServerListsTest, ShowsJobsAsGetDoesButWithoutTheirPayload) {
  const std::string id = Make({.type = "t", .payload = R"({"n":1})"});
  json::object alone = Get("/jobs/" + id);
  EXPECT_EQ(Get("/jobs?payload=true").at("jobs").as_array().at(0), alone);
  alone.erase("payload");
  EXPECT_EQ(Get("/jobs").at("jobs").as_array().at(0), alone);
}

TEST_F(ServerListsTest, FindsJobsByStatus) {
  const auto jobs = OneOfEach();
  for (const auto& [status, id] : jobs) {
    EXPECT_EQ(List("status=" + status), Ids{id}) << status;
    EXPECT_EQ(List("order=oldest&status=" + status), Ids{id}) << status;
    EXPECT_EQ(List("type=other&status=" + status), Ids{}) << status;
    EXPECT_EQ(List("queue=other&status=" + status), Ids{}) << status;
    EXPECT_EQ(List("type=t&queue=default&status=" + status), Ids{id}) << status;
    EXPECT_EQ(List("created_after=2100-01-01T00:00:00Z&status=" + status), Ids{}) << status;
    EXPECT_EQ(List("created_before=2020-01-01T00:00:00Z&status=" + status), Ids{}) << status;
    EXPECT_EQ(
        List("created_before=2100-01-01T00:00:00Z&created_after=2020-01-01T00:00:00Z&status=" +
             status),
        Ids{id});
  }
  EXPECT_EQ(List("status=dead,failed"), (Ids{jobs.at("dead"), jobs.at("failed")}));
  EXPECT_EQ(List("status=running,queued,canceled"),
            (Ids{jobs.at("canceled"), jobs.at("queued"), jobs.at("running")}));
  EXPECT_EQ(List("").size(), jobs.size());
}

TEST_F(ServerListsTest, FindsJobsByTypeQueueAndKey) {
  const std::string a = Make({.type = "a", .queue = "q1", .idempotency_key = "k"});
  const std::string b = Make({.type = "b", .queue = "q1", .idempotency_key = "k"});
  const std::string c = Make({.type = "a", .queue = "q2"});
  EXPECT_EQ(List("type=a"), (Ids{c, a}));
  EXPECT_EQ(List("queue=q1"), (Ids{b, a}));
  EXPECT_EQ(List("type=a&queue=q1"), Ids{a});
  EXPECT_EQ(List("type=b&key=k"), Ids{b});
  EXPECT_EQ(List("type=b&key=other"), Ids{});
  EXPECT_EQ(List("type=b&key=k&status=dead"), Ids{}) << "the other filters still count";
}

TEST_F(ServerListsTest, FindsJobsByTagWhoeverSubmittedThem) {
  const std::string a = Make({.type = "t", .tags = {"red", "ünïcode & more"}});
  const std::string b = Make({.type = "u", .tags = {"red", "red"}});
  Make({.type = "t", .tags = {"blue"}});
  Make({.type = "t"});
  const std::string c = sql_.Value("select djps.enqueue('t', '{}', tags => array['red'])");
  EXPECT_EQ(List("tag=red"), (Ids{c, b, a}));
  EXPECT_EQ(Collect("tag=red&limit=1"), (Ids{c, b, a}));
  EXPECT_EQ(List("tag=%C3%BCn%C3%AFcode+%26+more"), Ids{a});
  EXPECT_EQ(List("tag=red&type=u"), Ids{b});
  EXPECT_EQ(List("tag=red&status=queued"), (Ids{c, b, a}));
  EXPECT_EQ(List("tag=red&status=dead"), Ids{});
  EXPECT_EQ(List("tag=green"), Ids{});
  Run(operators_.CancelJobs({*Uuid::Parse(a)}, "me", std::nullopt, Soon()));
  EXPECT_EQ(List("tag=red&status=canceled"), Ids{a});
  Run(operators_.PurgeJobs({*Uuid::Parse(a)}, {JobStatus::kCanceled}, "me", Soon()));
  EXPECT_EQ(List("tag=red"), (Ids{c, b}));
  EXPECT_EQ(sql_.Value("select count(*) from djps.job_tags where tag <> 'red'"), "1")
      << "a purged job leaves no tag behind";
}

TEST_F(ServerListsTest, BoundsByCreationAreExact) {
  const std::string first = Make({.type = "t"});
  const std::string second = Make({.type = "t"});
  const std::string created(Get("/jobs/" + second).at("created_at").as_string());
  EXPECT_EQ(List("created_after=" + created), Ids{second}) << "inclusive";
  EXPECT_EQ(List("created_before=" + created), Ids{first}) << "exclusive";
}

TEST_F(ServerListsTest, QueuedJobsComeInTheOrderInWhichTheyWillBeClaimed) {
  const std::string late =
      Make({.type = "t", .run_at = Timestamp(std::chrono::hours(24 * 365 * 80))});
  const std::string low = Make({.type = "t", .priority = 5});
  const std::string first = Make({.type = "t"});
  const std::string urgent = Make({.type = "t", .priority = -5});
  const std::string second = Make({.type = "t"});
  const std::string other = Make({.type = "t", .queue = "another"});
  EXPECT_EQ(List("status=queued"), (Ids{other, urgent, first, second, late, low}));
  EXPECT_EQ(Collect("status=queued&limit=1"), List("status=queued"));
  EXPECT_EQ(List("status=queued&queue=another"), Ids{other});
  EXPECT_EQ(List("status=queued&order=newest"), (Ids{other, second, urgent, first, low, late}));
  const store::ClaimedBatch batch = Claim(1);
  EXPECT_EQ(batch.jobs.at(0).id.ToString(), urgent);
}

TEST_F(ServerListsTest, PagesHoldEveryJobExactlyOnceWhileOthersAreAdded) {
  std::set<std::string> before;
  for (const SubmittedJob& job : Enqueue(std::vector<NewJob>(57, NewJob{.type = "t"}))) {
    before.insert(job.id.ToString());
  }
  for (const std::string query : {"limit=10", "limit=10&order=oldest", "limit=10&status=queued",
                                  "limit=10&type=t&status=queued,dead", "limit=57", "limit=1000"}) {
    const Ids listed = Collect(query, [&] { Make({.type = "t"}); });
    const std::set<std::string> unique(listed.begin(), listed.end());
    EXPECT_EQ(unique.size(), listed.size()) << query << ": a job twice";
    for (const std::string& id : before) EXPECT_TRUE(unique.contains(id)) << query;
    for (const std::string& id : listed) before.insert(id);
  }
}

TEST_F(ServerListsTest, PagesOfEveryStatusHoldEveryJobOnce) {
  Enqueue(std::vector<NewJob>(24, NewJob{.type = "t"}));
  const store::ClaimedBatch batch = Claim(24);
  ASSERT_EQ(batch.jobs.size(), 24U);
  for (std::size_t i = 0; i < 18; ++i) {
    const Uuid id = batch.jobs[i].id;
    if (i < 6) Complete(batch.lease, id);
    if (i >= 6 && i < 12) Fail(batch.lease, id);
    if (i >= 12) Fail(batch.lease, id, false);
  }
  for (const std::string status : {"succeeded", "failed", "dead", "running"}) {
    for (const std::string limit : {"1", "4", "6", "7"}) {
      const Ids listed = Collect("status=" + status + "&limit=" + limit);
      EXPECT_EQ(std::set<std::string>(listed.begin(), listed.end()).size(), 6U);
      EXPECT_EQ(listed.size(), 6U) << status << " by " << limit;
      EXPECT_TRUE(std::is_sorted(listed.rbegin(), listed.rend())) << "newest first";
    }
  }
}

TEST_F(ServerListsTest, ALookEndsAtItsBoundAndTheNextGoesOnFromThere) {
  Enqueue(std::vector<NewJob>(35, NewJob{.type = "common"}));
  const Uuid rare = EnqueueOne({.type = "rare"});
  Enqueue(std::vector<NewJob>(35, NewJob{.type = "common"}));
  store::ListStore lists(*pool_);
  for (const auto order : {store::ListOrder::kNewest, store::ListOrder::kOldest}) {
    store::ListRequest request{.filter = {.type = "rare"}, .order = order, .scan = 10};
    std::vector<Uuid> found;
    int looks = 0;
    do {
      const store::ListPage page = Run(lists.ListJobs(request, Soon()));
      for (const JobRecord& job : page.jobs) found.push_back(job.id);
      request.after = page.next;
      EXPECT_EQ(page.scan_ended, page.next.has_value());
      ++looks;
    } while (request.after && looks < 20);
    EXPECT_EQ(found, std::vector{rare});
    EXPECT_EQ(looks, 8) << "71 jobs, ten at a time";
  }
}

TEST_F(ServerListsTest, RefusesWhatItDoesNotUnderstand) {
  Make({.type = "t"});
  Make({.type = "t"});
  const std::string cursor(Get("/jobs?limit=1").at("next_cursor").as_string());
  std::string tampered = cursor;
  tampered[10] = tampered[10] == '0' ? '1' : '0';
  const struct {
    std::string query;
    std::string field;
  } kBad[] = {{"status=done", "status"},
              {"status=queued,", "status"},
              {"status=,dead", "status"},
              {"type=a%20b", "type"},
              {"type=%00", "type"},
              {"queue=a%2Cb", "queue"},
              {"key=k", "key"},
              {"tag=a&order=oldest", "order"},
              {"tag=a&status=queued&order=next", "order"},
              {"tag=" + std::string(129, 'a'), "tag"},
              {"limit=0", "limit"},
              {"limit=1001", "limit"},
              {"limit=ten", "limit"},
              {"limit=-1", "limit"},
              {"created_after=yesterday", "created_after"},
              {"created_after=2026-01-01T00:00:00", "created_after"},
              {"created_before=1", "created_before"},
              {"order=random", "order"},
              {"order=next", "order"},
              {"order=next&status=queued,dead", "order"},
              {"payload=maybe", "payload"},
              {"cursor=x", "cursor"},
              {"cursor=" + tampered, "cursor"},
              {"cursor=" + cursor.substr(2), "cursor"},
              {"cursor=" + cursor + "00", "cursor"},
              {"type=t&cursor=" + cursor, "cursor"},
              {"order=oldest&cursor=" + cursor, "cursor"},
              {"statuses=dead", "statuses"}};
  for (const auto& bad : kBad) {
    const HttpReply reply = client_.Get("/jobs?" + bad.query);
    ASSERT_EQ(reply.status, 422) << bad.query << "\n" << reply.body;
    const auto problem = reply.Json().as_object();
    EXPECT_EQ(problem.at("errors").as_array().at(0).at("field"), json::value(bad.field))
        << reply.body;
  }
  EXPECT_EQ(client_.Get("/jobs?limit=1&cursor=" + cursor).status, 200);
}

TEST_F(ServerListsTest, AttemptsComeOldestFirstWithEverythingThatIsKnown) {
  const std::string id = Make({.type = "t"});
  EXPECT_EQ(client_.Get("/jobs/" + id + "/attempts").body, R"({"attempts":[]})");
  for (int attempt = 1; attempt <= 2; ++attempt) {
    EndBackoffs();
    const store::ClaimedBatch batch = Claim(1, fmt::format("worker-{}", attempt));
    ASSERT_EQ(batch.jobs.size(), 1U);
    Fail(batch.lease, batch.jobs[0].id);
  }
  const json::array attempts = Get("/jobs/" + id + "/attempts").at("attempts").as_array();
  ASSERT_EQ(attempts.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    const json::object& attempt = attempts[i].as_object();
    EXPECT_EQ(attempt.at("attempt"), i + 1);
    EXPECT_EQ(attempt.at("worker"), json::value(fmt::format("worker-{}", i + 1)));
    EXPECT_EQ(attempt.at("class"), "boom");
    EXPECT_EQ(attempt.at("message"), "it broke");
    EXPECT_EQ(attempt.at("detail"), "");
    EXPECT_LE(attempt.at("started_at").as_string(), attempt.at("ended_at").as_string());
  }
}

TEST_F(ServerListsTest, PathsOfOneJobAnswerForWrongIds) {
  for (const std::string part : {"/attempts", "/wait", "/events", "/explain"}) {
    EXPECT_EQ(client_.Get("/jobs/nonsense" + part).status, 400) << part;
    EXPECT_EQ(client_.Get("/jobs/019a2b3c-4d5e-7f60-8123-456789abcdef" + part).status, 404) << part;
  }
}

}  // namespace
}  // namespace djps::test_support
