// How other processes are notified of new jobs.
#include "store/work_signal.h"

#include <gtest/gtest.h>

#include <set>

#include "support/api_server.h"
#include "support/http_client.h"
#include "support/store_fixture.h"

namespace djps {
namespace {

using test_support::RunUntil;
using test_support::StoreTest;

/// A pool that listens, as a worker's does.
class WorkSignalTest : public StoreTest {
 protected:
  WorkSignalTest()
      : listener_(io_.get_executor(),
                  {.conninfo = conninfo_,
                   .size = 2,
                   .setup = &sql::kConfigureSession,
                   .listen = &sql::kListenForWork,
                   .heard = [this](std::string_view queue) { heard_.emplace_back(queue); }}) {
    listener_.Start();
    // The empty notification at the beginning: earlier ones may have been missed.
    EXPECT_TRUE(RunUntil(io_, [this] { return heard_ == std::vector<std::string>{""}; }));
    heard_.clear();
  }
  ~WorkSignalTest() override { listener_.Close(); }

  bool Hears(const std::string& queue) {
    return RunUntil(io_,
                    [&] { return std::find(heard_.begin(), heard_.end(), queue) != heard_.end(); });
  }

  std::vector<std::string> heard_;
  pg::Pool listener_;
};

TEST_F(WorkSignalTest, TellsEachQueueOnceForManySubmissions) {
  store::WorkSignal signal(*pool_);
  for (int i = 0; i < 1'000; ++i) signal.Submitted(i % 2 == 0 ? "even" : "odd");
  EXPECT_TRUE(Hears("even"));
  EXPECT_TRUE(Hears("odd"));
  signal.Submitted("last");
  EXPECT_TRUE(Hears("last"));
  EXPECT_LE(heard_.size(), 5U) << "one word a queue and round";
}

TEST_F(WorkSignalTest, TheFirstWordGoesAlongAndWhatComesRightAfterItFollows) {
  store::WorkSignal signal(*pool_);
  auto word = signal.NotifyCall({"first"});
  ASSERT_TRUE(word.has_value());
  EXPECT_FALSE(signal.quiet()) << "within the same moment";
  signal.Submitted("second");
  Run(pool_->Execute(sql::kClock, {}, Soon(), std::move(word)));
  EXPECT_TRUE(Hears("first"));
  EXPECT_TRUE(Hears("second"));
  EXPECT_EQ(heard_.size(), 2U);
}

TEST_F(WorkSignalTest, ASubmissionThroughTheApiIsHeard) {
  const test_support::ApiServer server(conninfo_);
  test_support::HttpClient client(server.port());
  EXPECT_EQ(client.Post("/jobs", R"({"type": "t", "queue": "mail"})").status, 201);
  EXPECT_TRUE(Hears("mail"));
}

TEST_F(WorkSignalTest, AJobOfTheFutureIsNoNews) {
  const test_support::ApiServer server(conninfo_);
  test_support::HttpClient client(server.port());
  EXPECT_EQ(
      client.Post("/jobs", R"({"type": "t", "queue": "later", "runAt": "2999-01-01T00:00:00Z"})")
          .status,
      201);
  EXPECT_EQ(client.Post("/jobs", R"({"type": "t", "queue": "now"})").status, 201);
  EXPECT_TRUE(Hears("now"));
  EXPECT_EQ(heard_, std::vector<std::string>{"now"});
}

TEST_F(WorkSignalTest, SqlTellsWhereTheSettingSaysSo) {
  sql_.Run("select djps.enqueue('t', queue => 'quiet')");
  sql_.Run("set djps.notify = on; select djps.enqueue('t', queue => 'loud')");
  EXPECT_TRUE(Hears("loud"));
  EXPECT_EQ(heard_, std::vector<std::string>{"loud"});
}

TEST_F(WorkSignalTest, AfterALostConnectionEverythingMayBeNew) {
  sql_.Run(
      "select pg_terminate_backend(pid) from pg_stat_activity "
      "where datname = current_database() and pid <> pg_backend_pid()");
  EXPECT_TRUE(Hears(""));
  sql_.Run("set djps.notify = on; select djps.enqueue('t', queue => 'again')");
  EXPECT_TRUE(Hears("again"));
}

}  // namespace
}  // namespace djps
