#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "pg/session.h"
#include "store/statements.h"
#include "store/stores.h"
#include "support/postgres.h"
#include "support/run_coroutine.h"

namespace djps::test_support {

/// A migrated database of its own, the stores over it, and a plain SQL session beside them.
class StoreTest : public testing::Test {
 protected:
  StoreTest() : conninfo_(Postgres().NewDatabase()), pool_(MakePool()), sql_(conninfo_) {
    pool_->Start();
  }
  ~StoreTest() override {
    pool_->Close();
    io_.restart();
    io_.run_for(std::chrono::seconds(5));  // lets the pool's coroutines end
  }

  template <typename T>
  T Run(boost::asio::awaitable<T> work) {
    return RunCoroutine(io_, std::move(work));
  }

  pg::Deadline Soon() const { return pg::After(std::chrono::seconds(20)); }

  std::vector<SubmittedJob> Enqueue(const std::vector<NewJob>& jobs) {
    return Run(jobs_.EnqueueJobs(jobs, Soon()));
  }
  Uuid EnqueueOne(const NewJob& job) { return Enqueue({job}).front().id; }

  store::ClaimedBatch Claim(std::size_t limit = 10, const std::string& worker = "worker-a") {
    return Run(leases_.ClaimJobs({.queue = "default",
                                  .types = {"t"},
                                  .limit = limit,
                                  .worker = worker,
                                  .lease = std::chrono::seconds(10)},
                                 Soon()));
  }

  JobRecord Job(Uuid id) {
    auto job = Run(jobs_.FindJob(id, Soon()));
    if (!job) throw std::runtime_error("no such job: " + id.ToString());
    return *job;
  }
  JobStatus Status(Uuid id) { return Job(id).status; }

  std::vector<Uuid> Complete(Uuid lease, Uuid job, const std::string& result = "null") {
    return Run(leases_.CompleteJobs({{lease, job, result}}, Soon()));
  }
  std::vector<Uuid> Fail(Uuid lease, Uuid job, bool retryable = true) {
    std::vector<Uuid> held;
    for (const auto& failed : Run(leases_.FailJobs({{.lease = lease,
                                                     .job = job,
                                                     .error_class = "boom",
                                                     .message = "it broke",
                                                     .detail = "",
                                                     .retryable = retryable,
                                                     .retry_after = std::nullopt}},
                                                   Soon()))) {
      held.push_back(failed.id);
    }
    return held;
  }

  /// Lets every lease run out and every backoff end, as if that much time had passed.
  void ExpireLeases() { sql_.Run("update djps.leases set expires_at = now() - interval '1 s'"); }
  void EndBackoffs() {
    sql_.Run("update djps.ready set visible_at = now() where moved_at is not null");
  }

  std::string Count(const std::string& table) {
    return sql_.Value("select count(*) from djps." + table);
  }

  boost::asio::io_context io_{1};
  std::string conninfo_;
  std::unique_ptr<pg::Pool> pool_;
  store::JobStore jobs_{*pool_};
  store::LeaseStore leases_{*pool_};
  store::OperatorStore operators_{*pool_};
  store::UpkeepStore upkeep_{*pool_};
  pg::Session sql_;

 private:
  std::unique_ptr<pg::Pool> MakePool() {
    return std::make_unique<pg::Pool>(
        io_.get_executor(),
        pg::PoolConfig{.conninfo = conninfo_, .size = 2, .setup = &sql::kConfigureSession});
  }
};

}  // namespace djps::test_support
