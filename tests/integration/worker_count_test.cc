#include <gtest/gtest.h>

#include "store/worker_census.h"
#include "store/worker_store.h"
#include "support/store_fixture.h"

namespace djps::store {
namespace {

using namespace std::chrono_literals;

class WorkerCountTest : public test_support::StoreTest {
 protected:
  void Report(const std::string& name, const std::string& kind, std::vector<std::string> queues,
              std::vector<std::string> types) {
    Run(workers_.ReportWorkers(
        {{.name = name, .kind = kind, .queues = std::move(queues), .types = std::move(types)}},
        Soon()));
  }
  WorkerCount Count() { return Run(workers_.CountWorkers("mail", {"send", "bounce"}, Soon())); }

  WorkerStore workers_{*pool_};
};

TEST_F(WorkerCountTest, NobodyIsThere) {
  EXPECT_EQ(Count().everywhere, 0);
  EXPECT_EQ(Count().alike, 0);
}

TEST_F(WorkerCountTest, AlikeAreThoseThatCanRunEverythingThatTheAskerCan) {
  Report("same", "native", {"mail"}, {"bounce", "send"});
  Report("more", "native", {"mail"}, {"bounce", "send", "print"});
  Report("fewer", "native", {"mail"}, {"send"});
  Report("elsewhere", "native", {"default"}, {"bounce", "send"});
  EXPECT_EQ(Count().everywhere, 4);
  EXPECT_EQ(Count().alike, 2);
}

TEST_F(WorkerCountTest, FreeAreThoseThatAreNotFull) {
  const auto report = [this](const std::string& name, int capacity, int running) {
    Run(workers_.ReportWorkers({{.name = name,
                                 .kind = "native",
                                 .queues = {"mail"},
                                 .types = {"send", "bounce"},
                                 .capacity = capacity,
                                 .running = running}},
                               Soon()));
  };
  report("idle", 4, 0);
  report("busy", 4, 3);
  report("full", 4, 4);
  EXPECT_EQ(Count().alike, 3);
  EXPECT_EQ(Count().free, 2);
  report("idle", 4, 4);
  EXPECT_EQ(Count().free, 1);
}

TEST_F(WorkerCountTest, ACountThatTookLongIsNotRepeatedSoon) {
  // All workers together spend a fiftieth of a core on it.
  EXPECT_EQ(CensusPause(1ms, 1), 50ms);
  EXPECT_EQ(CensusPause(1ms, 64), 3'200ms);
  EXPECT_EQ(CensusPause(1ms, 0), 50ms) << "nobody has reported yet";
  WorkerCensus census(*pool_, "mail", {"send"});
  EXPECT_EQ(Run(census.Count(Soon())).alike, 0);
  Report("one", "native", {"mail"}, {"send"});
  // The time that it has to wait passes in between.
  EXPECT_TRUE(test_support::RunUntil(io_, [&] { return Run(census.Count(Soon())).alike == 1; }));
}

TEST_F(WorkerCountTest, OneThatStopsLeavesTheRowOfAnotherWithItsName) {
  const WorkerReport first{.name = "w", .kind = "native", .host = "a", .pid = 1};
  const WorkerReport second{.name = "w", .kind = "native", .host = "b", .pid = 1};
  Run(workers_.ReportWorkers({first}, Soon()));
  Run(workers_.ReportWorkers({second}, Soon()));
  Run(workers_.RemoveWorker(first, Soon()));
  EXPECT_EQ(StoreTest::Count("workers"), "1");
  Run(workers_.RemoveWorker(second, Soon()));
  EXPECT_EQ(StoreTest::Count("workers"), "0");
}

TEST_F(WorkerCountTest, RemoteWorkersAndThoseThatWentAwayDoNotCount) {
  Report("remote", "http", {"mail"}, {"bounce", "send"});
  Report("left", "native", {"mail"}, {"bounce", "send"});
  Report("died", "native", {"mail"}, {"bounce", "send"});
  Run(workers_.RemoveWorker({.name = "left", .kind = "native"}, Soon()));
  EXPECT_EQ(Count().alike, 1);
  sql_.Run("update djps.workers set last_seen_at = now() - interval '31 s' where name = 'died'");
  EXPECT_EQ(Count().everywhere, 0);
}

}  // namespace
}  // namespace djps::store
