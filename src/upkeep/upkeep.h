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
  /// How often expired leases and deadlines are looked for; with others, each does it less often.
  std::chrono::milliseconds rescue_interval{1'000};
  std::chrono::milliseconds partition_interval{600'000};  ///< How often partitions are made ahead.
  /// When making them failed, since others held a lock or the database was away.
  std::chrono::milliseconds partition_retry{10'000};
  /// How often it is looked whether jobs are past their retention.
  std::chrono::milliseconds history_interval{600'000};
  /// When others were in the way of a step.
  std::chrono::milliseconds history_retry{15'000};
  /// Between two steps, at least; never less than the last one took.
  std::chrono::milliseconds history_pause{5};
  /// Workers silent for longer are forgotten.
  std::chrono::milliseconds worker_silence_max = std::chrono::hours(24);
  /// Nobody claims as those did who saved a claim cursor when it is older than this.
  std::chrono::milliseconds claim_cursors_kept = std::chrono::hours(24 * 7);
  /// Progress and log lines of finished jobs go when the job is older than this.
  std::chrono::milliseconds notes_kept = std::chrono::hours(24 * 7);
};

/// What somebody has to do now and then for the system to stay healthy: put back the jobs of dead
/// workers, bury jobs whose deadline has passed, make tomorrow's partitions, and throw away what
/// nobody needs any more. Every server and worker runs it; there is no leader, since each action is
/// safe when several do it at once and done once by whoever comes first.
///
/// Looking for expired leases and deadlines is quick and must not be late; all else may take long,
/// and has connections of its own, so that it keeps nobody waiting. Thread-safety: everything on
/// one single-threaded executor.
class Upkeep {
 public:
  Upkeep(boost::asio::any_io_executor executor, pg::Pool& quick, pg::Pool& slow,
         UpkeepConfig config = {});

  void Start();

  /// Returns when all loops have ended.
  boost::asio::awaitable<void> Stop();

  /// One look for expired leases; gives back how many jobs were put back or buried.
  boost::asio::awaitable<std::size_t> RescueOnce();

  /// Throws away what is past its retention, in steps with pauses, until there is nothing left or
  /// somebody is in the way. Gives back how long to wait before the next look.
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
  int nodes_ = 1;                                    // as last counted
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
