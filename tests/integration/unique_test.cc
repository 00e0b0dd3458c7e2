// Unique jobs that come back, or change their payload: one job has a place, whichever way it got
// it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json/serialize.hpp>
#include <thread>

#include "support/api_server.h"
#include "support/store_fixture.h"
#include "support/together.h"

namespace djps::test_support {
namespace {

using namespace std::chrono_literals;

class UniqueTest : public StoreTest {
 protected:
  Uuid Submit(const std::string& payload = "{}", const Uniqueness& unique = {}) {
    return EnqueueOne({.type = "t", .payload = payload, .unique = unique});
  }
  std::string OutcomeOf(const std::string& payload, const Uniqueness& unique = {}) {
    const SubmittedJob job = Enqueue({{.type = "t", .payload = payload, .unique = unique}}).front();
    return job.conflict == SubmittedJob::Conflict::kNone ? "created" : job.id.ToString();
  }

  void End(Uuid id, JobStatus status = JobStatus::kDead) {
    sql_.Run(fmt::format(
        "with r as (delete from djps.ready where id = '{}' returning *) insert into djps.outcomes "
        "(id, finished_at, status, lane, attempts) select id, now(), '{}', 0, 1 from r",
        id.ToString(), StatusName(status)));
  }
  Uuid Ended(const std::string& payload = "{}", const Uniqueness& unique = {},
             JobStatus status = JobStatus::kDead) {
    const Uuid id = Submit(payload, unique);
    End(id, status);
    return id;
  }

  /// How many jobs came back; `held` gets those that have the places of the others.
  std::size_t Retry(const std::vector<Uuid>& ids, std::vector<Uuid>* held = nullptr) {
    std::size_t changed = 0;
    for (const auto& job : Run(operators_.RetryJobs(ids, kAll, "ann", Soon()))) {
      if (!job.held_by) ++changed;
      if (job.held_by && held != nullptr) held->push_back(*job.held_by);
    }
    return changed;
  }

  store::EditedJob Edit(Uuid id, const std::string& payload) {
    return Run(operators_.EditJob(id, {.payload = payload}, "ann", Soon()));
  }

  std::string Live() { return Count("jobs where status in ('queued', 'running', 'failed')"); }
  std::string PlacesOf(Uuid id) {
    return Count("unique_keys where job_id = '" + id.ToString() + "'");
  }

  static inline const std::vector<JobStatus> kAll = {JobStatus::kQueued, JobStatus::kFailed,
                                                     JobStatus::kSucceeded, JobStatus::kCanceled,
                                                     JobStatus::kDead};
};

TEST_F(UniqueTest, AJobComesBackOnlyWhenItsPlaceIsFree) {
  for (const JobStatus ended : {JobStatus::kDead, JobStatus::kCanceled, JobStatus::kSucceeded}) {
    SCOPED_TRACE(StatusName(ended));
    const std::string payload = fmt::format("\"{}\"", StatusName(ended));
    const Uuid first = Ended(payload, {}, ended);
    const Uuid second = Submit(payload);
    std::vector<Uuid> held;
    EXPECT_EQ(Retry({first}, &held), 0U);
    EXPECT_EQ(held, std::vector<Uuid>{second});
    EXPECT_EQ(Status(first), ended);
    EXPECT_EQ(Count("audit where target = '" + first.ToString() + "'"), "0");

    End(second);
    EXPECT_EQ(Retry({first}), 1U);
    EXPECT_EQ(Status(first), JobStatus::kQueued);
    EXPECT_EQ(OutcomeOf(payload), first.ToString()) << "it has the place again";
    EXPECT_EQ(Retry({first}), 1U) << "it waits, and is due now";
    EXPECT_EQ(Retry({second}), 0U);
  }
}

TEST_F(UniqueTest, WithinAPeriodAnEndedJobKeepsOthersAway) {
  const Uniqueness hour{.period = 1h};
  const Uuid first = Ended("{}", hour);
  const Uuid second = Ended("{}", hour, JobStatus::kSucceeded);
  EXPECT_EQ(Retry({first}), 0U);
  sql_.Run("update djps.facts set created_at = created_at - interval '2 h' where id = '" +
           first.ToString() + "'");
  EXPECT_EQ(Retry({first}), 1U) << "its own period is over, so it needs no place";
  EXPECT_EQ(OutcomeOf("{}", hour), second.ToString());
  EXPECT_EQ(Retry({second}), 1U) << "the place is its own";
}

TEST_F(UniqueTest, StatesDecideWhoCounts) {
  const Uniqueness running{.states = {JobStatus::kRunning}};
  const Uuid first = Ended("{}", running);
  const Uuid second = Ended("{}", running);
  EXPECT_EQ(Retry({first, second}), 2U) << "jobs that wait do not count";
  ASSERT_EQ(Claim(1).jobs.size(), 1U);
  const Uuid third = Submit("{}", {.key = "x", .states = {JobStatus::kDead}});
  End(third);
  EXPECT_EQ(Retry({third}), 1U) << "it counts itself";
}

TEST_F(UniqueTest, ABulkRetrySkipsJobsWhosePlaceIsTaken) {
  const Uuid plain = EnqueueOne({.type = "t"});
  End(plain);
  const Uuid oldest = Ended("1");
  const Uuid newest = Ended("1");
  const Uuid taken = Ended("2");
  const Uuid taker = Submit("2");
  const Uuid free = Ended("3");
  std::vector<Uuid> held;
  EXPECT_EQ(Retry({plain, oldest, newest, taken, taker, free}, &held), 4U);
  std::sort(held.begin(), held.end());
  EXPECT_EQ(held, (std::vector<Uuid>{newest, taker}));
  EXPECT_EQ(Status(oldest), JobStatus::kDead) << "of one place the newest comes back";
  EXPECT_EQ(Status(newest), JobStatus::kQueued);
  EXPECT_EQ(Status(taken), JobStatus::kDead);
  EXPECT_EQ(Live(), "4");
  EXPECT_EQ(Count("audit"), "4") << "nothing is written about the others";
}

TEST_F(UniqueTest, AnotherPayloadNeedsItsPlace) {
  const Uniqueness by_c{.fields = {"c"}};
  const Uuid first = Submit(R"({"c":1})", by_c);
  const Uuid second = Submit(R"({"c":2})", by_c);
  const store::EditedJob refused = Edit(first, R"({"c":2,"x":1})");
  EXPECT_FALSE(refused.changed);
  EXPECT_EQ(refused.held_by, second);
  EXPECT_EQ(Job(first).payload, R"({"c": 1})");
  EXPECT_EQ(Count("audit"), "0");
  EXPECT_EQ(OutcomeOf(R"({"c":1})", by_c), first.ToString()) << "it still has its place";

  EXPECT_TRUE(Edit(first, R"({"c":1,"x":1})").changed) << "the same place";
  EXPECT_TRUE(Edit(first, R"({"c":3})").changed);
  EXPECT_EQ(PlacesOf(first), "1");
  EXPECT_EQ(OutcomeOf(R"({"c":3})", by_c), first.ToString());
  EXPECT_TRUE(Edit(second, R"({"c":1})").changed) << "the old place is free";
  EXPECT_EQ(OutcomeOf(R"({"c":2})", by_c), "created");
}

TEST_F(UniqueTest, AnEditOfAJobThatDoesNotWaitTakesNoPlace) {
  const Uuid first = Submit("1");
  const auto batch = Claim(1);
  EXPECT_FALSE(Edit(first, "2").changed);
  EXPECT_EQ(OutcomeOf("2"), "created");
  EXPECT_EQ(OutcomeOf("1"), first.ToString());
  const Uuid plain = EnqueueOne({.type = "t"});
  EXPECT_TRUE(Edit(plain, "2").changed) << "a plain job has no place";
  const Uuid old = Submit("5", {.period = 1h});
  sql_.Run("update djps.facts set created_at = created_at - interval '2 h' where id = '" +
           old.ToString() + "'");
  EXPECT_TRUE(Edit(old, "2").changed) << "nor has one whose period is over";
}

TEST_F(UniqueTest, APurgedJobLeavesItsPlace) {
  const Uuid first = Ended("1");
  const Uuid other = Ended("2");
  Run(operators_.PurgeJobs({first}, kAll, "ann", Soon()));
  EXPECT_EQ(PlacesOf(first), "0");
  EXPECT_EQ(PlacesOf(other), "1");
}

TEST_F(UniqueTest, FieldsAndAPayloadThatLooksTheSameAreDifferentPlaces) {
  EXPECT_EQ(OutcomeOf(R"({"a":1})"), "created");
  EXPECT_EQ(OutcomeOf(R"({"a":1})", {.fields = {"a"}}), "created");
  EXPECT_EQ(OutcomeOf("null", {.key = "k"}), "created");
  EXPECT_EQ(OutcomeOf(R"({"k":null})", {.fields = {"k"}, .key = "k"}), "created");
  EXPECT_EQ(Live(), "4");
}

// ---- Two at once ------------------------------------------------------------------------------

/// Statements of two sessions. The first one keeps its transaction open until the second one waits.
class UniqueRaceTest : public UniqueTest {
 protected:
  static std::string RetryOf(const std::vector<Uuid>& ids) {
    std::vector<std::string> texts;
    for (const Uuid& id : ids) texts.push_back(id.ToString());
    return fmt::format(
        "select count(*) filter (where held_by is null) from djps.retry_jobs(0::int2, "
        "'{{{}}}', '{{dead}}', 'ann')",
        fmt::join(texts, ","));
  }
  static std::string EditOf(Uuid id, const std::string& payload) {
    return fmt::format(
        "select changed from djps.edit_job(0::int2, '{}', null, null, '{}', null, 'ann')",
        id.ToString(), payload);
  }
  static std::string PurgeOf(Uuid id) {
    return fmt::format(
        "select count(*) from djps.purge_jobs(0::int2, array['{}']::uuid[], '{{dead}}', 'ann')",
        id.ToString());
  }
  static std::string SubmissionOf(const std::string& payload, const std::string& action) {
    return fmt::format(R"(select outcome from djps.enqueue_many('[{{"type":"t","payload":{},)"
                       R"("unique":{{"on_conflict":"{}"}}}}]'))",
                       payload, action);
  }

  bool SomebodyWaits() {
    return RunUntil(io_, [&] {
      return sql_.Value(
                 "select count(*) from pg_stat_activity where datname = current_database() and "
                 "wait_event_type = 'Lock'") == "1";
    });
  }

  std::string Unlocked(const std::string& table) {
    return sql_.Value("select count(*) from (select from djps." + table +
                      " for update skip locked) s");
  }

  /// What the second one got.
  std::string Race(const std::string& first, const std::string& second,
                   const std::string& end = "commit") {
    pg::Session holder(conninfo_);
    holder.Run("begin");
    holder.Run(first);
    std::string got;
    std::thread waiter([&] {
      try {
        got = pg::Session(conninfo_).Value(second);
      } catch (const pg::PgError& error) {
        got = error.what();
      }
    });
    EXPECT_TRUE(SomebodyWaits());
    holder.Run(end);
    waiter.join();
    return got;
  }
};

TEST_F(UniqueRaceTest, OneOfTwoThatWantAPlaceGetsIt) {
  const Uuid a = Ended("1");
  const Uuid c = Ended("1");
  const Uuid d = Submit("7");
  struct Way {
    std::string name;
    std::string statement;
    std::string lost;  ///< What it answers when another one was first.
  };
  const std::vector<Way> ways = {{"retry A", RetryOf({a}), "0"},
                                 {"retry C", RetryOf({c}), "0"},
                                 {"retry both", RetryOf({a, c}), "0"},
                                 {"submit", SubmissionOf("1", "existing"), "existing"},
                                 {"submit and replace", SubmissionOf("1", "replace"), "replaced"},
                                 {"edit D", EditOf(d, "1"), "f"}};
  const auto reset = [&] {
    sql_.Run(
        fmt::format("delete from djps.facts where id not in ('{0}', '{1}', '{2}'); "
                    "delete from djps.outcomes; delete from djps.ready where id <> '{2}'; "
                    "insert into djps.outcomes (id, finished_at, status, lane, attempts) "
                    "values ('{0}', now(), 'dead', 0, 1), ('{1}', now(), 'dead', 0, 1)",
                    a.ToString(), c.ToString(), d.ToString()));
    ASSERT_TRUE(Edit(d, "7").changed);
  };
  const auto live = [&] {
    return Count("jobs where payload = '1' and status in ('queued', 'running', 'failed')");
  };
  for (const Way& first : ways) {
    for (const Way& second : ways) {
      SCOPED_TRACE(first.name + ", then " + second.name);
      reset();
      const std::string got = Race(first.statement, second.statement);
      // Two edits of one job: see TwoEditsOfOneJobLeaveOnePlace.
      if (first.name != "edit D" || second.name != "edit D") {
        EXPECT_EQ(got, second.lost);
      }
      EXPECT_EQ(live(), "1");
      reset();
      EXPECT_NE(Race(first.statement, second.statement, "rollback"), second.lost);
      EXPECT_EQ(live(), "1");
    }
  }
}

TEST_F(UniqueRaceTest, ARetryAndAPurgeOfOneJob) {
  const Uuid kept = Ended("1");
  EXPECT_EQ(Race(RetryOf({kept}), PurgeOf(kept)), "0");
  EXPECT_EQ(Status(kept), JobStatus::kQueued);
  EXPECT_EQ(OutcomeOf("1"), kept.ToString());

  const Uuid gone = Ended("2");
  EXPECT_EQ(Race(PurgeOf(gone), RetryOf({gone})), "0");
  EXPECT_EQ(Count("jobs where payload = '2'"), "0");
  EXPECT_EQ(OutcomeOf("2"), "created") << "nobody has the place";
}

TEST_F(UniqueRaceTest, ABulkRetryTakesPlacesInTheirOrder) {
  std::vector<Uuid> ids;
  for (int i = 0; i < 12; ++i) ids.push_back(Ended(fmt::format("\"{}\"", i)));
  const std::string first = sql_.Value("select job_id from djps.unique_keys order by hash limit 1");
  EXPECT_NE(first, ids.front().ToString()) << "else the order of the ids would do";
  EXPECT_NE(first, ids.back().ToString());
  pg::Session holder(conninfo_);
  holder.Run("begin; select from djps.unique_keys order by hash limit 1 for update");
  std::string got;
  std::thread waiter([&] { got = pg::Session(conninfo_).Value(RetryOf(ids)); });
  EXPECT_TRUE(SomebodyWaits());
  EXPECT_EQ(Unlocked("unique_keys"), "11") << "while it waits for the first place it has no other";
  EXPECT_EQ(Unlocked("outcomes"), "12") << "and no job";
  holder.Run("rollback");
  waiter.join();
  EXPECT_EQ(got, "12");
}

TEST_F(UniqueRaceTest, AnEditTakesPlacesInTheirOrderToo) {
  const std::pair<const char*, const char*> edits[] = {{"1", "2"}, {"2", "1"}};
  for (const auto& [before, after] : edits) {
    SCOPED_TRACE(after);
    sql_.Run("delete from djps.unique_keys");
    Ended(after);
    const Uuid job = Submit(before);
    pg::Session holder(conninfo_);
    holder.Run("begin; select from djps.unique_keys order by hash limit 1 for update");
    std::string got;
    std::thread waiter([&] { got = pg::Session(conninfo_).Value(EditOf(job, after)); });
    EXPECT_TRUE(SomebodyWaits());
    EXPECT_EQ(Unlocked("unique_keys"), "1") << "while it waits for the first it has no other";
    EXPECT_EQ(Unlocked("ready where id = '" + job.ToString() + "'"), "1") << "nor the job";
    holder.Run("rollback");
    waiter.join();
    EXPECT_EQ(got, "t");
  }
}

TEST_F(UniqueRaceTest, AJobThatIsClaimedDuringAnEditKeepsItsPlace) {
  const Uuid job = Submit("1");
  pg::Session holder(conninfo_);
  holder.Run("begin; " + SubmissionOf("2", "existing"));
  Together<store::EditedJob> edits;
  const store::JobEdit edit{.payload = "2"};
  const std::string actor = "ann";
  edits.Start(io_, operators_.EditJob(job, edit, actor, Soon()));
  EXPECT_TRUE(SomebodyWaits());
  EXPECT_EQ(Claim(1).jobs.size(), 1U) << "no claim waits for an edit";
  holder.Run("rollback");
  const auto& edited = edits.Finish(io_).front();
  ASSERT_TRUE(edited->value.has_value()) << edited->sqlstate;
  EXPECT_FALSE(edited->value->changed);
  EXPECT_EQ(edited->value->held_by, std::nullopt);
  EXPECT_EQ(OutcomeOf("1"), job.ToString());
  EXPECT_EQ(OutcomeOf("2"), "created");
}

TEST_F(UniqueRaceTest, TwoEditsOfOneJobLeaveOnePlace) {
  const Uuid job = Submit("1");
  EXPECT_NE(Race(EditOf(job, "2"), EditOf(job, "3")), "t") << "its caller runs it again";
  EXPECT_EQ(Job(job).payload, "2");
  EXPECT_EQ(PlacesOf(job), "1");
  EXPECT_EQ(OutcomeOf("2"), job.ToString());
  EXPECT_EQ(OutcomeOf("1"), "created");
}

// ---- Over HTTP --------------------------------------------------------------------------------

class UniqueHttpTest : public UniqueTest {
 protected:
  ApiServer server_{conninfo_};
  HttpClient client_ = server_.Connect();
};

TEST_F(UniqueHttpTest, ARefusalNamesTheJobThatHasThePlace) {
  const std::string first = Ended("1").ToString();
  const Uuid second = Submit("1");
  const auto text = [](const HttpReply& reply, const char* name) {
    return std::string(reply.Json().at(name).as_string());
  };
  const HttpReply refused = client_.Post("/jobs/" + first + "/retry", "{}");
  EXPECT_EQ(refused.status, 409) << refused.body;
  EXPECT_EQ(text(refused, "type"), "urn:djps:problem:unique-conflict");
  EXPECT_EQ(text(refused, "code"), "conflict");
  EXPECT_EQ(text(refused, "held_by"), second.ToString());
  EXPECT_EQ(text(refused, "detail"),
            "Nothing was changed: job " + second.ToString() +
                " is queued and has the place of this unique job; cancel that job or wait until it "
                "has ended, then try again.");
  const std::string other = Submit("2").ToString();
  const HttpReply edited = client_.Send("PATCH", "/jobs/" + other, R"({"payload":1})");
  EXPECT_EQ(edited.status, 409) << edited.body;
  EXPECT_EQ(text(edited, "held_by"), second.ToString());

  End(second);
  EXPECT_EQ(client_.Post("/jobs/" + first + "/retry", "{}").status, 200);
}

TEST_F(UniqueHttpTest, ABulkRetryCountsWhatItSkips) {
  Ended("1");
  Ended("1");
  Ended("2");
  EXPECT_EQ(
      boost::json::serialize(
          client_.Post("/jobs/bulk", R"({"action":"retry","filter":{"status":["dead"]}})").Json()),
      R"({"action":"retry","dry_run":false,"matched":3,"changed":2,"skipped":1,"audit":1,"next_cursor":null})");
  EXPECT_EQ(Live(), "2");
}

}  // namespace
}  // namespace djps::test_support
