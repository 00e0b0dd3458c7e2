#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>

#include "core/random.h"
#include "core/trouble_log.h"
#include "pg/pool.h"
#include "store/claims/lease_store.h"
#include "store/history_store.h"
#include "store/operator_store.h"
#include "store/progress_store.h"
#include "store/upkeep_store.h"
#include "store/worker_census.h"
#include "store/worker_store.h"

namespace djps::upkeep {

struct UpkeepConfig {
  /// How often expired leases and deadlines are checked; with several nodes, each checks less
  /// often.
  std::chrono::milliseconds rescue_interval{1'000};
  std::chrono::milliseconds partition_interval{600'000};  ///< How often partitions are made ahead.
  /// After a failure, such as a lock or an outage of the database.
  std::chrono::milliseconds partition_retry{10'000};
  /// How often to check for jobs past their retention.
  std::chrono::milliseconds history_interval{600'000};
  /// After a step that a lock or another node prevented.
  std::chrono::milliseconds history_retry{15'000};
  /// The shortest pause between two steps; at least as long as the last step took.
  std::chrono::milliseconds history_pause{5};
  /// Workers silent for longer are forgotten.
  std::chrono::milliseconds worker_silence_max = std::chrono::hours(24);
  /// Saved claim cursors older than this are deleted: no worker uses them any more.
  std::chrono::milliseconds claim_cursors_kept = std::chrono::hours(24 * 7);
  /// Progress and log lines of finished jobs go when the job is older than this.
  std::chrono::milliseconds notes_kept = std::chrono::hours(24 * 7);
};

/// The periodic work that keeps the system healthy: rescues jobs of dead workers, ends jobs whose
/// deadline has passed, makes partitions ahead of time, and deletes expired data. Every server and
/// worker runs it. There is no leader: each action is safe when several processes do it at once,
/// and only the first one takes effect.
///
/// Checking for expired leases and deadlines is quick and must not be late. Everything else may
/// take long, and uses separate connections. Thread-safety: everything on one single-threaded
/// executor.
class Upkeep {
 public:
  Upkeep(boost::asio::any_io_executor executor, pg::Pool& quick, pg::Pool& slow,
         UpkeepConfig config = {});

  void Start();

  /// Returns when all loops have ended.
  boost::asio::awaitable<void> Stop();

  /// Checks for expired leases once; returns how many jobs were queued again or ended.
  boost::asio::awaitable<std::size_t> RescueOnce();

  /// Deletes jobs past their retention, in steps with pauses, until none is left or a lock prevents
  /// it. Returns how long to wait before the next check.
  boost::asio::awaitable<std::chrono::milliseconds> ThrowAway();

 private:
  boost::asio::awaitable<void> RescueLoop();
  std::chrono::milliseconds Wait(int nodes, std::chrono::milliseconds spacing,
                                 std::chrono::milliseconds longest);
  boost::asio::awaitable<void> PartitionLoop();
  boost::asio::awaitable<void> HistoryLoop();
  boost::asio::awaitable<void> TidyUp();
  boost::asio::awaitable<void> Sleep(boost::asio::steady_timer& timer,
                                     std::chrono::milliseconds duration);
  template <typename Loop>
  void Spawn(Loop loop);

  boost::asio::any_io_executor executor_;
  UpkeepConfig config_;
  store::LeaseStore leases_;
  store::OperatorStore operators_;
  store::UpkeepStore upkeep_;
  store::WorkerCensus census_;
  store::WorkerStore workers_;
  store::ProgressStore progress_;
  store::HistoryStore history_;
  int jobs_per_step_;
  RandomSource random_;
  int nodes_ = 1;                                    // the latest count
  std::chrono::steady_clock::time_point bury_at_{};  // not before
  TroubleLog partition_log_;
  TroubleLog tidy_log_;
  TroubleLog history_log_;
  TroubleLog drop_log_;
  boost::asio::steady_timer rescue_timer_;
  boost::asio::steady_timer partition_timer_;
  boost::asio::steady_timer history_timer_;
  boost::asio::steady_timer ended_;  // canceled when a loop has ended
  std::size_t loops_ = 0;
  bool stopping_ = false;
};

}  // namespace djps::upkeep
