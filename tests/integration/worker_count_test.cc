#include <gtest/gtest.h>

#include "store/worker_store.h"
#include "support/store_fixture.h"

namespace djps::store {
namespace {

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

TEST_F(WorkerCountTest, RemoteWorkersAndThoseThatWentAwayDoNotCount) {
  Report("remote", "http", {"mail"}, {"bounce", "send"});
  Report("left", "native", {"mail"}, {"bounce", "send"});
  Report("died", "native", {"mail"}, {"bounce", "send"});
  Run(workers_.RemoveWorker("left", Soon()));
  EXPECT_EQ(Count().alike, 1);
  sql_.Run("update djps.workers set last_seen_at = now() - interval '31 s' where name = 'died'");
  EXPECT_EQ(Count().everywhere, 0);
}

}  // namespace
}  // namespace djps::store
