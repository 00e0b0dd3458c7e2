#pragma once

#include <fmt/format.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include "support/store_fixture.h"
#include "worker/runtime.h"

namespace djps::test_support {

/// Opened once, from any thread.
class Gate {
 public:
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

/// A worker in the test's process, with its own database.
class WorkerTest : public StoreTest {
 protected:
  WorkerTest() {
    config_.name = "worker-under-test";
    config_.concurrency = 4;
    config_.poll_interval_max = std::chrono::milliseconds(20);
    config_.grace = std::chrono::seconds(30);
    claims_.Start();
  }
  ~WorkerTest() override {
    Drain();
    claims_.Close();
  }

  /// As in djps::Worker, which has one connection for each.
  store::LeasePools Pools() { return {claims_, *pool_, *pool_}; }

  void Start(Handler handler) {
    worker::Registry registry;
    registry.Add("t", std::move(handler));
    Start(std::move(registry));
  }
  void Start(worker::Registry registry) {
    runtime_ = std::make_unique<worker::Runtime>(io_.get_executor(), Pools(), config_,
                                                 std::move(registry));
    runtime_->Start();
  }
  void Drain() {
    if (!runtime_) return;
    Run(runtime_->Drain());
    runtime_.reset();
  }

  bool Reaches(Uuid job, JobStatus status) {
    return RunUntil(io_, [&] {
      return sql_.Value("select status from djps.jobs where id = '" + job.ToString() + "'") ==
             StatusName(status);
    });
  }

  /// Whether a lease was extended.
  bool HeartbeatCame() {
    return sql_.Value(fmt::format("select bool_or(expires_at > claimed_at + interval '{} ms') "
                                  "from djps.leases",
                                  config_.lease.count() + 100)) == "t";
  }

  WorkerConfig config_;
  pg::Pool claims_{io_.get_executor(),
                   {.conninfo = conninfo_, .size = 1, .setup = &sql::kConfigureSession}};
  std::unique_ptr<worker::Runtime> runtime_;
};

}  // namespace djps::test_support
