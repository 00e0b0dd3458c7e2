// The commands that change jobs and queues, as processes beside a `djps dev`.
#include "integration/cli_program.h"
#include "pg/session.h"
#include "support/postgres.h"

namespace djps::cli {
namespace {

constexpr const char* kNobodysId = "019a2b3c-4d5e-7f60-8123-456789abcdef";

/// `djps dev` runs only jobs of type echo. Each test uses its own types and queues.
class CliOperatingTest : public DevSuite {
 protected:
  static std::string Enqueue(const std::string& type, const std::string& queue = "default") {
    const Ended ended = dev_->Run({"enqueue", "--type", type, "--queue", queue});
    EXPECT_EQ(ended.code, 0) << ended.err;
    return ended.out.substr(0, 36);
  }

  static void EnqueueMany(const std::string& type, int count) {
    std::string lines;
    for (int i = 0; i < count; ++i) lines += "{\"type\":\"" + type + "\"}\n";
    const Ended ended = dev_->Run({"enqueue", "--from", "-"}, lines);
    EXPECT_EQ(ended.code, 0) << ended.err;
  }

  /// Makes the waiting jobs of a type dead.
  static void Kill(const std::string& type) {
    pg::Session sql(DatabaseUrl());
    sql.Run("with r as (delete from djps.ready where type = '" + type +
            "' returning *) insert into djps.outcomes (id, finished_at, status, lane, attempts) "
            "select id, now(), 'dead', 0, 25 from r");
  }

  static std::string CountOf(const std::string& type, const std::string& status) {
    return pg::Session(DatabaseUrl())
        .Value("select count(*) from djps.jobs where type = '" + type + "' and status = '" +
               status + "'");
  }

  static std::string StatusOf(const std::string& id) {
    return dev_->Job(id).at("status").as_string().c_str();
  }
};

TEST_F(CliOperatingTest, ActsOnJobsByTheirIds) {
  const std::string one = Enqueue("ids");
  const std::string two = Enqueue("ids");
  const Ended canceled = dev_->Run({"job", "cancel", one, two, "--reason", "sent twice"});
  EXPECT_EQ(canceled.code, 0) << canceled.err;
  EXPECT_EQ(canceled.out, one + "  canceled\n" + two + "  canceled\n");
  const Ended audit = dev_->Run({"audit", "--target", one});
  EXPECT_TRUE(Contains(audit.out, "sent twice")) << audit.out << audit.err;

  const Ended retried = dev_->Run({"job", "retry", one, "--json"});
  EXPECT_EQ(retried.Json().at("jobs").at(0).at("status"), "queued");

  EXPECT_EQ(dev_->Run({"job", "purge", two}).code, 2) << "nobody can be asked";
  EXPECT_EQ(StatusOf(two), "canceled");
  const Ended purged = dev_->Run({"job", "purge", one, two, "--yes"});
  EXPECT_EQ(purged.code, 1) << "one of them waits";
  EXPECT_EQ(purged.out, two + "  purged\n");
  EXPECT_TRUE(Contains(purged.err, one)) << purged.err;
  EXPECT_EQ(dev_->Run({"job", "get", two}).code, 1);
  EXPECT_EQ(dev_->Run({"job", "cancel", kNobodysId}).code, 1);
}

TEST_F(CliOperatingTest, EditsAJobThatWaits) {
  const std::string id = Enqueue("edited");
  const Ended edited =
      dev_->Run({"job", "edit", id, "--priority", "-5", "--run-at", "2100-01-01T00:00:00Z",
                 "--payload", "{\"n\": 1}", "--max-attempts", "3", "--json"});
  ASSERT_EQ(edited.code, 0) << edited.err;
  const boost::json::object job = edited.Json();
  EXPECT_EQ(job.at("priority"), -5);
  EXPECT_EQ(job.at("run_at"), "2100-01-01T00:00:00.000000Z");
  EXPECT_EQ(job.at("payload").at("n"), 1);
  EXPECT_EQ(job.at("max_attempts"), 3);
  EXPECT_EQ(dev_->Run({"job", "edit", id}).code, 2);
  EXPECT_EQ(dev_->Run({"job", "edit", id, "--payload", "{n: 1}"}).code, 2);
  EXPECT_EQ(dev_->Run({"job", "edit", id, "--run-at", "soon"}).code, 2);
}

TEST_F(CliOperatingTest, CancelsAllOfAFilter) {
  EnqueueMany("many", 2'500);
  const Args filter = {"job", "cancel", "--status", "queued", "--type", "many"};
  const auto with = [&](const Args& more) {
    Args args = filter;
    args.insert(args.end(), more.begin(), more.end());
    return dev_->Run(args);
  };
  EXPECT_EQ(with({"--dry-run"}).out, "2,500 jobs would be canceled\n");
  const Ended unasked = with({});
  EXPECT_EQ(unasked.code, 2);
  EXPECT_TRUE(Contains(unasked.err, "Cancel 2,500 jobs? Say --yes")) << unasked.err;
  EXPECT_EQ(CountOf("many", "canceled"), "0");
  EXPECT_EQ(with({"--limit", "1200", "--yes"}).out, "canceled: 1,200 jobs\n");
  EXPECT_EQ(CountOf("many", "canceled"), "1200");
  EXPECT_EQ(with({"--yes", "--json"}).out,
            R"({"action":"cancel","dry_run":false,"matched":1300,"changed":1300,"skipped":0,)"
            R"("complete":true})"
            "\n");
  EXPECT_EQ(CountOf("many", "queued"), "0");
  EXPECT_EQ(with({"--yes"}).out, "canceled: 0 jobs\n");
}

TEST_F(CliOperatingTest, CtrlCStopsBetweenTwoCalls) {
  EnqueueMany("stopped", 2'500);
  pg::Session other(DatabaseUrl());
  other.Run("begin");
  other.Run("lock table djps.audit");
  Program program(WithBinary({"job", "cancel", "--status", "queued", "--type", "stopped", "--yes",
                              "--data", dev_->data()}));
  ASSERT_TRUE(WaitUntil([&] {
    return other.Value(
               "select count(*) from pg_locks where not granted and relation = "
               "'djps.audit'::regclass") == "1";
  }));
  program.Signal(SIGINT);
  other.Run("rollback");
  const Ended ended = program.Wait();
  EXPECT_EQ(ended.code, 1);
  EXPECT_EQ(ended.out, "canceled: 1,000 jobs\n");
  EXPECT_TRUE(Contains(ended.err, "stopped before the end")) << ended.err;
  EXPECT_EQ(CountOf("stopped", "canceled"), "1000");
}

TEST_F(CliOperatingTest, DeadJobsAreListedRedrivenAndPurged) {
  const std::string id = Enqueue("dead");
  EnqueueMany("dead", 3);
  Kill("dead");
  EXPECT_TRUE(Contains(dev_->Run({"dead", "list", "--type", "dead"}).out, id + "  dead"));
  EXPECT_EQ(dev_->Run({"dead", "redrive"}).code, 2);
  EXPECT_EQ(dev_->Run({"dead", "redrive", "--all", id}).code, 2);
  EXPECT_EQ(dev_->Run({"dead", "redrive", "--type", "dead", "--dry-run"}).out,
            "4 jobs would be put back into the queue\n");
  EXPECT_EQ(dev_->Run({"dead", "redrive", id}).out, id + "  queued\n");
  EXPECT_EQ(dev_->Run({"dead", "redrive", "--all", "--type", "dead", "--limit", "1", "--yes"}).out,
            "put back into the queue: 1 job\n");
  EXPECT_EQ(CountOf("dead", "queued"), "2");
  EXPECT_EQ(dev_->Run({"dead", "purge", "--type", "dead", "--yes"}).out, "purged: 2 jobs\n");
  EXPECT_EQ(CountOf("dead", "dead"), "0");
}

TEST_F(CliOperatingTest, ARedriveSaysWhatItSkips) {
  const auto submit = [](const std::string& payload) {
    const Ended ended =
        dev_->Run({"enqueue", "--type", "skipped", "--payload", payload, "--unique"});
    EXPECT_EQ(ended.code, 0) << ended.err;
    return ended.out.substr(0, 36);
  };
  const std::string first = submit("1");
  submit("2");
  Kill("skipped");
  const std::string second = submit("1");
  const Ended one = dev_->Run({"dead", "redrive", first});
  EXPECT_EQ(one.code, 1);
  EXPECT_TRUE(Contains(one.err, "job " + second + " is queued and has the place")) << one.err;
  const Ended all = dev_->Run({"dead", "redrive", "--all", "--type", "skipped", "--yes"});
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_EQ(all.out,
            "put back into the queue: 1 job\n"
            "skipped: 1 job, unique, and another job has the place\n");
  EXPECT_EQ(
      dev_->Run({"job", "retry", "--status", "dead", "--type", "skipped", "--yes", "--json"}).out,
      R"({"action":"retry","dry_run":false,"matched":1,"changed":0,"skipped":1,)"
      R"("complete":true})"
      "\n");
}

TEST_F(CliOperatingTest, QueuesPauseResumeLimitAndDrain) {
  EXPECT_EQ(dev_->Run({"queue", "pause", "a/b"}).out, "queue a/b is paused\n");
  EXPECT_EQ(dev_->Run({"queue", "pause", "a/b"}).out, "queue a/b is paused, as before\n");
  Enqueue("stuck", "a/b");
  const Ended late = dev_->Run({"queue", "drain", "a/b", "--timeout", "100ms"});
  EXPECT_EQ(late.code, 4);
  EXPECT_TRUE(Contains(late.err, "queue a/b is paused")) << late.err;
  EXPECT_TRUE(Contains(late.err, "still has 1 job after 100ms")) << late.err;
  EXPECT_EQ(dev_->Run({"queue", "resume", "a/b", "--json"}).Json().at("changed"), true);
  EXPECT_EQ(dev_->Run({"job", "cancel", "--status", "queued", "--queue", "a/b", "--yes"}).code, 0);
  EXPECT_EQ(dev_->Run({"queue", "drain", "a/b"}).out, "queue a/b is empty\n");

  EXPECT_EQ(dev_->Run({"queue", "limit", "small", "5"}).out,
            "queue small may have 5 jobs waiting\n");
  EXPECT_EQ(dev_->Run({"queue", "get", "small", "--json"}).Json().at("max_backlog"), 5);
  EXPECT_EQ(dev_->Run({"queue", "limit", "small", "none"}).out, "queue small has no limit\n");
  EXPECT_EQ(dev_->Run({"queue", "limit", "small", "few"}).code, 2);
  EXPECT_EQ(dev_->Run({"queue", "pause", "a b"}).code, 2);
}

TEST_F(CliOperatingTest, RetentionIsListedAndSet) {
  EXPECT_TRUE(Contains(dev_->Run({"retention", "list"}).out, "dead       for ever"))
      << dev_->Run({"retention", "list"}).out;
  const Ended set = dev_->Run({"retention", "set", "dead", "--queue", "letters", "--keep", "90d"});
  EXPECT_EQ(set.code, 0) << set.err;
  EXPECT_TRUE(Contains(set.out, "letters  dead       90d")) << set.out;
  const Ended json =
      dev_->Run({"retention", "set", "dead", "--queue", "letters", "--inherit", "--json"});
  EXPECT_EQ(json.Json().at("retention").as_array().size(), 3U) << json.out << json.err;
  const Ended audit = dev_->Run({"retention", "set", "audit", "--keep", "365d"});
  EXPECT_TRUE(Contains(audit.out, "audit      365d")) << audit.out << audit.err;
  EXPECT_EQ(dev_->Run({"retention", "set", "audit", "--keep", "1h"}).code, 2);
  EXPECT_EQ(dev_->Run({"retention", "set", "audit", "--inherit"}).code, 2);
  EXPECT_EQ(dev_->Run({"retention", "set", "audit", "--queue", "q", "--keep", "9d"}).code, 2);
  EXPECT_EQ(dev_->Run({"retention", "set", "dead"}).code, 2);
  EXPECT_EQ(dev_->Run({"retention", "set", "lost", "--forever"}).code, 2);
  EXPECT_EQ(dev_->Run({"retention", "set", "dead", "--keep", "1m"}).code, 2);
  EXPECT_EQ(dev_->Run({"retention", "set", "dead", "--keep", "7"}).code, 2);
  EXPECT_EQ(dev_->Run({"retention", "set", "dead", "--keep", "7d", "--forever"}).code, 2);
  EXPECT_EQ(dev_->Run({"retention", "set", "dead", "--inherit"}).code, 2);
}

TEST_F(CliOperatingTest, AnActionOnManyIsOneEntryWhoseJobsCanBeListed) {
  EnqueueMany("audited", 2'400);
  ASSERT_EQ(dev_->Run({"job", "cancel", "--status", "queued", "--type", "audited", "--reason",
                       "sent twice", "--yes"})
                .code,
            0);
  const Ended list = dev_->Run({"audit", "--target", "jobs", "--limit", "1", "--json"});
  const boost::json::value entry = list.Json().at("audit").at(0);
  EXPECT_EQ(entry.at("detail").at("count"), 2'400) << list.out;
  const std::string id = std::to_string(entry.at("id").as_int64());
  const Ended jobs = dev_->Run({"audit", "--jobs", id, "--limit", "5000", "--json"});
  EXPECT_EQ(jobs.Json().at("jobs").as_array().size(), 2'400U) << jobs.err;
  const Ended some = dev_->Run({"audit", "--jobs", id, "--limit", "1100"});
  EXPECT_TRUE(Contains(some.out, "  waiting\n")) << some.out;
  EXPECT_TRUE(Contains(some.out, "\nmore: --after 1100\n")) << some.out;
  const Ended rest =
      dev_->Run({"audit", "--jobs", id, "--after", "2399", "--limit", "1100", "--json"});
  EXPECT_EQ(rest.Json().at("jobs").as_array().size(), 1U) << rest.err;
  const std::string job(jobs.Json().at("jobs").at(0).at("id").as_string());
  EXPECT_TRUE(Contains(dev_->Run({"audit", "--target", job}).out, "sent twice"));
  EXPECT_EQ(dev_->Run({"audit", "--jobs", "999999999"}).code, 1);
  EXPECT_EQ(dev_->Run({"audit", "--jobs", id, "--target", "q"}).code, 2);
  EXPECT_EQ(dev_->Run({"audit", "--after", "5"}).code, 2);
}

TEST_F(CliOperatingTest, RetryPoliciesAuditAndWorkers) {
  const Ended set =
      dev_->Run({"retry-policy", "set", "mail", "--kind", "list", "--delays", "1s,5m"});
  EXPECT_EQ(set.out, "mail: list, delays 1s,5m\n") << set.err;
  EXPECT_TRUE(Contains(dev_->Run({"retry-policy", "list"}).out, "mail  list, delays 1s,5m"));
  EXPECT_EQ(dev_->Run({"retry-policy", "set", "mail", "--kind", "exponential", "--base", "5s",
                       "--factor", "3", "--cap", "10m", "--no-jitter"})
                .out,
            "mail: exponential, base 5s, factor 3, cap 10m, jitter false\n");
  EXPECT_EQ(dev_->Run({"retry-policy", "set", "mail", "--kind", "often"}).code, 2);
  EXPECT_EQ(dev_->Run({"retry-policy", "set", "mail", "--kind", "fixed"}).code, 2);
  EXPECT_EQ(dev_->Run({"retry-policy", "delete", "mail"}).code, 0);
  EXPECT_TRUE(
      dev_->Run({"retry-policy", "list", "--json"}).Json().at("retry_policies").as_array().empty());

  const Ended audit = dev_->Run({"audit", "--target", "mail", "--limit", "2", "--json"});
  EXPECT_EQ(audit.Json().at("audit").as_array().size(), 2U) << audit.err;
  EXPECT_TRUE(Contains(dev_->Run({"audit", "--target", "mail"}).out, "anonymous"));
  EXPECT_EQ(dev_->Run({"audit", "--before", "x"}).code, 2);

  EXPECT_TRUE(WaitUntil([] { return Contains(dev_->Run({"workers"}).out, "native"); }));
  EXPECT_FALSE(dev_->Run({"workers", "--json"}).Json().at("workers").as_array().empty());
}

TEST_F(CliOperatingTest, EveryOptionOfASubmissionArrives) {
  const Ended ended = dev_->Run({"enqueue",
                                 "--type",
                                 "options",
                                 "--delay",
                                 "1h",
                                 "--tag",
                                 "a",
                                 "--tag",
                                 "b",
                                 "--metadata",
                                 "{\"n\": 1}",
                                 "--timeout",
                                 "30s",
                                 "--finish-by",
                                 "2100-01-01T00:00:00Z",
                                 "--retry-delays",
                                 "1s,5s",
                                 "--key",
                                 "k",
                                 "--key-lifetime",
                                 "1d"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const boost::json::object job = dev_->Job(ended.out.substr(0, 36));
  EXPECT_EQ(boost::json::serialize(job.at("tags")), R"(["a","b"])");
  EXPECT_EQ(job.at("metadata").at("n"), 1);
  EXPECT_EQ(job.at("timeout_ms"), 30'000);
  EXPECT_EQ(job.at("finish_by"), "2100-01-01T00:00:00.000000Z");
  EXPECT_EQ(boost::json::serialize(job.at("retry").at("delays_ms")), "[1000,5000]");
  EXPECT_EQ(pg::Session(DatabaseUrl())
                .Value("select run_at > now() + interval '55 min' from djps.jobs "
                       "where type = 'options'"),
            "t");
}

TEST_F(CliOperatingTest, AUniqueJobIsThereOnce) {
  const auto submit = [](const std::string& payload, const Args& more) {
    Args args = {"enqueue", "--type", "unique", "--payload", payload, "--retry-fixed", "3s"};
    args.insert(args.end(), more.begin(), more.end());
    const Ended ended = dev_->Run(args);
    EXPECT_EQ(ended.code, 0) << ended.err;
    return ended.out;
  };
  const std::string first = submit(R"({"c":1,"x":1})", {"--unique-field", "c"});
  EXPECT_EQ(submit(R"({"c":1,"x":2})", {"--unique-field", "c"}), first);
  EXPECT_EQ(submit(R"({"c":1,"x":3})", {"--unique-field", "c", "--on-conflict", "replace"}), first);
  const boost::json::object job = dev_->Job(first.substr(0, 36));
  EXPECT_EQ(job.at("payload").at("x"), 3);
  EXPECT_EQ(job.at("retry").at("delay_ms"), 3'000);
  EXPECT_NE(submit(R"({"c":1,"x":4})", {"--unique"}), first);
  EXPECT_TRUE(
      Contains(submit(R"({"c":1})", {"--unique-field", "c", "--json"}), R"("outcome":"existing")"));
}

TEST_F(CliOperatingTest, RefusesWrongUsage) {
  for (const Args& args :
       {Args{"job", "cancel"}, Args{"job", "cancel", "nonsense"},
        Args{"job", "cancel", kNobodysId, "--status", "queued"},
        Args{"job", "cancel", kNobodysId, "--dry-run"},
        Args{"job", "cancel", "--status", "dead", "--yes"},
        Args{"job", "retry", "--status", "succeeded", "--yes"},
        Args{"job", "purge", "--status", "queued", "--yes"},
        Args{"job", "retry", "--status", "dead", "--limit", "0"},
        Args{"job", "cancel", "--status", "queued", "--created-after", "x", "--yes"},
        Args{"enqueue", "--type", "a", "--delay", "5"},
        Args{"enqueue", "--type", "a", "--delay", "5s", "--run-at", "2030-01-01T00:00:00Z"},
        Args{"enqueue", "--type", "a", "--metadata", "[1]"},
        Args{"enqueue", "--type", "a", "--metadata", "{a}"},
        Args{"enqueue", "--type", "a", "--key-lifetime", "1d"},
        Args{"enqueue", "--type", "a", "--finish-by", "soon"},
        Args{"enqueue", "--type", "a", "--on-conflict", "panic"},
        Args{"enqueue", "--type", "a", "--retry-delays", "1s,x"},
        Args{"enqueue", "--type", "a", "--timeout", "0"},
        Args{"enqueue", "--from", "-", "--tag", "a"}}) {
    const Ended ended = dev_->Run(args);
    EXPECT_EQ(ended.code, 2) << testing::PrintToString(args) << ended.err;
    EXPECT_TRUE(ended.err.starts_with("djps: ")) << ended.err;
    EXPECT_EQ(ended.out, "") << testing::PrintToString(args);
  }
}

TEST(CliOperatingUsageTest, NeedsAServerAndSaysSo) {
  for (const Args& args :
       {Args{"job", "cancel", kNobodysId}, Args{"job", "retry", "--status", "dead"},
        Args{"dead", "list"}, Args{"queue", "pause", "q"}, Args{"queue", "drain", "q"},
        Args{"retry-policy", "list"}, Args{"retention", "list"}, Args{"audit"}, Args{"workers"}}) {
    Args all = args;
    all.insert(all.end(), {"--server", "http://127.0.0.1:1"});
    const Ended ended = Djps(all);
    EXPECT_EQ(ended.code, 5) << ended.err;
    EXPECT_TRUE(Contains(ended.err, "no server at http://127.0.0.1:1")) << ended.err;
  }
}

}  // namespace
}  // namespace djps::cli
