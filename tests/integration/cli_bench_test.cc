// `djps bench`, each benchmark for a moment: its counts must be exact, whatever its speed.
#include <fmt/format.h>

#include "integration/cli_program.h"
#include "pg/session.h"

namespace djps::cli {
namespace {

std::int64_t Number(const boost::json::object& object, const char* name) {
  return object.at(name).to_number<std::int64_t>();
}

/// One `djps dev` for all tests here.
class CliBenchTest : public DevSuite {
 protected:
  static std::string ApiUrl() { return dev_->State().at("api_url").as_string().c_str(); }

  /// Runs a benchmark on the dev and gives back its document.
  static boost::json::object Bench(Args args) {
    args.insert(args.begin(), "bench");
    args.emplace_back("--json");
    const Ended ended = dev_->Run(args);
    EXPECT_EQ(ended.code, 0) << ended.err;
    return ended.code == 0 ? ended.Json() : boost::json::object();
  }

  /// The number of benchmark jobs in the database.
  static std::string Known() {
    return pg::Session(DatabaseUrl())
        .Value("select count(*) from djps.facts where queue = 'bench' and type = 'djps.bench'");
  }

  /// Removes what is left in the queue.
  static void ForgetJobs() {
    pg::Session(DatabaseUrl())
        .Run(
            "delete from djps.ready where queue = 'bench';"
            "delete from djps.facts where queue = 'bench'");
  }

  /// Every job was handled once, except for the attempts that were made to fail.
  static void ExpectEachDoneOnce(const boost::json::object& results, std::int64_t jobs) {
    EXPECT_EQ(Number(results, "stored"), jobs);
    EXPECT_EQ(Number(results, "succeeded"), jobs);
    EXPECT_EQ(Number(results, "unfinished"), 0);
    EXPECT_EQ(Number(results, "handler_calls"), jobs + Number(results, "failed_attempts"));
  }
};

TEST_F(CliBenchTest, EnqueueStoresWhatItCounts) {
  for (const Args& how : {Args{}, Args{"--http"}, Args{"--http", "--batch", "40"}}) {
    Args args = {"enqueue", "--jobs", "123", "--clients", "3"};
    args.insert(args.end(), how.begin(), how.end());
    const boost::json::object document = Bench(args);
    ASSERT_FALSE(document.empty());
    const auto& results = document.at("results").as_object();
    EXPECT_EQ(Number(results, "jobs"), 123);
    EXPECT_EQ(Number(results, "stored"), 123);
    EXPECT_EQ(Number(results, "unfinished"), 123);
    EXPECT_GT(Number(results, "wal_bytes_per_job"), 0);
    EXPECT_GT(results.at("call_ms").at("p50").to_number<double>(), 0);
    EXPECT_EQ(document.at("settings").at("submitted_by"), how.empty() ? "store" : "http");
    EXPECT_EQ(Known(), "0") << "jobs are removed afterwards";
  }
}

TEST_F(CliBenchTest, ADocumentSaysWhatRanWhere) {
  const boost::json::object document = Bench({"enqueue", "--jobs", "1"});
  ASSERT_FALSE(document.empty());
  EXPECT_EQ(document.at("benchmark"), "enqueue");
  EXPECT_EQ(document.at("interrupted"), false);
  EXPECT_EQ(document.at("postgres_settings").at("fsync"), "on");
  EXPECT_GE(document.at("machine").at("cores").to_number<int>(), 1);
  EXPECT_EQ(document.at("settings").at("payload_bytes"), 100);
}

TEST_F(CliBenchTest, DrainFinishesEveryJobOnce) {
  const boost::json::object document =
      Bench({"drain", "--jobs", "1500", "--workers", "2", "--failure-rate", "0.1"});
  ASSERT_FALSE(document.empty());
  const auto& results = document.at("results").as_object();
  ExpectEachDoneOnce(results, 1'500);
  EXPECT_GT(Number(results, "failed_attempts"), 0);
  EXPECT_GT(Number(results, "worker_peak_memory_bytes"), 0);
  EXPECT_GE(results.at("seconds").to_number<double>(),
            results.at("seconds_from_first_job").to_number<double>());
  EXPECT_EQ(Known(), "0");
}

TEST_F(CliBenchTest, AShortRunIsOneWindow) {
  const boost::json::object document = Bench({"continuous", "--seconds", "1"});
  ASSERT_FALSE(document.empty());
  EXPECT_EQ(document.at("results").at("windows_jobs_per_s").as_array().size(), 1U);
}

TEST_F(CliBenchTest, ContinuousShowsEachWindowAndLeavesNothingUndone) {
  for (const char* hold : {"snapshot", "writer"}) {
    const boost::json::object document =
        Bench({"continuous", "--seconds", "1", "--window", "250ms", "--hold", hold, "--outstanding",
               "400", "--batch", "50"});
    ASSERT_FALSE(document.empty());
    const auto& results = document.at("results").as_object();
    ExpectEachDoneOnce(results, Number(results, "submitted"));
    EXPECT_EQ(results.at("windows_jobs_per_s").as_array().size(), 4U);
    EXPECT_EQ(document.at("settings").at("hold"), hold);
    EXPECT_EQ(Known(), "0") << "what the held transaction submitted is gone with it";
  }
}

TEST_F(CliBenchTest, ContinuousHoldsItsTransactionForAPartOfTheTimeWhereAsked) {
  const boost::json::object document =
      Bench({"continuous", "--seconds", "1", "--window", "250ms", "--hold", "writer",
             "--hold-after", "0s", "--hold-for", "500ms"});
  ASSERT_FALSE(document.empty());
  const auto& results = document.at("results").as_object();
  ExpectEachDoneOnce(results, Number(results, "submitted"));
  EXPECT_EQ(results.at("held_from_s").to_number<double>(), 0);
  EXPECT_GE(results.at("held_to_s").to_number<double>(), 0.5);
  EXPECT_GT(results.at("began_at_unix_s").to_number<double>(), 0);
}

TEST_F(CliBenchTest, LatencyMeasuresEachJobAfterTheWarmUp) {
  const boost::json::object document =
      Bench({"latency", "--rate", "100", "--seconds", "1", "--warm-up", "200ms", "--http"});
  ASSERT_FALSE(document.empty());
  const auto& results = document.at("results").as_object();
  EXPECT_EQ(Number(results, "jobs"), 120);
  EXPECT_EQ(Number(results, "measured"), 100);
  ExpectEachDoneOnce(results, 120);
  const auto& pickup = results.at("pickup_ms").as_object();
  EXPECT_GT(pickup.at("p50").to_number<double>(), 0);
  EXPECT_LE(pickup.at("p50").to_number<double>(), pickup.at("max").to_number<double>());
}

TEST_F(CliBenchTest, KeepsJobsWhereAskedAndRemovesThemWithTheNextRun) {
  EXPECT_FALSE(Bench({"enqueue", "--jobs", "7", "--keep"}).empty());
  EXPECT_EQ(Known(), "7");
  const boost::json::object document = Bench({"drain", "--jobs", "5"});
  ASSERT_FALSE(document.empty());
  ExpectEachDoneOnce(document.at("results").as_object(), 5);
  EXPECT_EQ(Known(), "0");
}

TEST_F(CliBenchTest, RefusesAQueueWithOtherJobsInIt) {
  const Ended made = dev_->Run({"enqueue", "--type", "real", "--queue", "bench"});
  ASSERT_EQ(made.code, 0) << made.err;
  for (const char* benchmark : {"enqueue", "drain", "continuous", "latency"}) {
    const Ended ended = dev_->Run({"bench", benchmark});
    EXPECT_EQ(ended.code, 1) << benchmark;
    EXPECT_NE(ended.err.find("\"real\""), std::string::npos) << ended.err;
  }
  const Ended by_server = Djps({"bench", "enqueue", "--server", ApiUrl()});
  EXPECT_EQ(by_server.code, 1);
  EXPECT_NE(by_server.err.find("holds 1 jobs"), std::string::npos) << by_server.err;
  EXPECT_EQ(dev_->Job(made.out.substr(0, 36)).at("status"), "queued");
  ForgetJobs();
}

TEST_F(CliBenchTest, AServerAloneIsEnoughForSubmitting) {
  const Ended ended = Djps({"bench", "enqueue", "--server", ApiUrl(), "--jobs", "5", "--json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(Number(ended.Json().at("results").as_object(), "jobs"), 5);
  ForgetJobs();
}

TEST_F(CliBenchTest, AnInterruptionEndsItWithWhatWasMeasured) {
  Program program(
      WithBinary({"bench", "enqueue", "--data", dev_->data(), "--seconds", "600", "--json"}));
  ASSERT_TRUE(WaitUntil([] { return Known() != "0"; })) << program.Err();
  program.Signal(SIGINT);
  const Ended ended = program.Wait();
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.Json().at("interrupted"), true);
  EXPECT_GT(Number(ended.Json().at("results").as_object(), "jobs"), 0);
  EXPECT_EQ(Known(), "0");
}

TEST(CliBenchPrivateTest, StartsAPostgresOfItsOwnAndRemovesIt) {
  const TempDir temp;
  const Args environment = {"TMPDIR=" + temp.path().string()};
  const Ended ended =
      Djps({"bench", "enqueue", "--jobs", "10", "--clients", "2", "--http"}, "", environment);
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_NE(ended.out.find("measured"), std::string::npos) << ended.out;
  EXPECT_NE(ended.out.find("jobs per s"), std::string::npos) << ended.out;
  EXPECT_TRUE(std::filesystem::is_empty(temp.path()));
}

TEST(CliBenchUsageTest, RefusesWhatItCannotMeasure) {
  const struct {
    Args args;
    const char* complaint;
  } cases[] = {
      {{"enqueue", "--clients", "0"}, "--clients must be a whole number from 1 to 1024"},
      {{"enqueue", "--batch", "10001"}, "--batch must be a whole number from 1 to 10000"},
      {{"enqueue", "--payload-bytes", "39"}, "--payload-bytes must be"},
      {{"enqueue", "--payload-bytes", "1048577"}, "--payload-bytes must be"},
      {{"enqueue", "--seconds", "0"}, "--seconds must be a whole number from 1"},
      {{"enqueue", "--seconds", "1.5"}, "--seconds must be"},
      {{"enqueue", "--jobs", "0"}, "--jobs must be"},
      {{"enqueue", "--jobs", "1", "--seconds", "1"}, "--seconds"},
      {{"enqueue", "--server", "ftp://there"}, "http"},
      {{"enqueue", "--data", "x", "--database-url", "y"}, "--data"},
      {{"drain", "--workers", "0"}, "--workers must be a whole number from 1 to 256"},
      {{"drain", "--concurrency", "10001"}, "--concurrency must be"},
      {{"drain", "--failure-rate", "0.91"}, "--failure-rate must be a number from 0 to 0.9"},
      {{"drain", "--failure-rate", "-0.1"}, "--failure-rate must be"},
      {{"drain", "--failure-rate", "nan"}, "--failure-rate must be"},
      {{"drain", "--failure-rate", "some"}, "--failure-rate must be"},
      {{"drain", "--handler-ms", "-1"}, "--handler-ms must be"},
      {{"drain", "--server", "http://127.0.0.1:1"}, "add --database-url"},
      {{"continuous", "--hold", "breath"}, "--hold must be snapshot or writer"},
      {{"continuous", "--hold-for", "1s"}, "--hold"},
      {{"continuous", "--hold", "writer", "--hold-after", "20s", "--hold-for", "11s"},
       "--hold-after and --hold-for must lie within --seconds (30s), got 20s and 11s"},
      {{"continuous", "--window", "10"}, "--window"},
      {{"continuous", "--window", "99ms"}, "--window must be from 100ms to --seconds"},
      {{"continuous", "--seconds", "1", "--window", "2s"}, "--window must be from 100ms"},
      {{"continuous", "--outstanding", "0"}, "--outstanding must be"},
      {{"latency", "--rate", "0"}, "--rate must be"},
      {{"latency", "--batch", "10"}, "--batch"},
      {{"everything"}, "everything"},
  };
  for (const auto& [args, complaint] : cases) {
    Args all = args;
    all.insert(all.begin(), "bench");
    const Ended ended = Djps(all);
    EXPECT_EQ(ended.code, 2) << args.back() << ": " << ended.err;
    EXPECT_NE(ended.err.find(complaint), std::string::npos) << complaint << " in: " << ended.err;
  }
}

}  // namespace
}  // namespace djps::cli
