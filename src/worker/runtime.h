#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/trouble_log.h"
#include "djps/worker.h"
#include "store/claims/lease_store.h"
#include "worker/attempt.h"
#include "worker/claim_pace.h"
#include "worker/claim_schedule.h"
#include "worker/handler_threads.h"
#include "worker/lease_keeper.h"
#include "worker/note_sender.h"
#include "worker/presence.h"
#include "worker/registry.h"
#include "worker/reporter.h"
#include "worker/task_group.h"

namespace djps::worker {

/// The claim loop and the other loops of a worker, on the caller's single-threaded executor:
/// djps::Worker adds a thread and signals; `djps dev` runs it in the server's process.
///
///   Fetch -> (lease) -> waiting_ -> Start -> Invoke -> End -> Reporter
///              LeaseKeeper beats meanwhile
class Runtime {
 public:
  Runtime(boost::asio::any_io_executor executor, const store::LeasePools& pools,
          WorkerConfig config, Registry registry);
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  void Start();

  /// There may be new jobs in `queue`; empty: in any queue. Polls at once.
  void Wake(std::string_view queue);

  /// Stops claiming, gives running attempts config.grace, then stops them and hands back the
  /// unfinished ones; these attempts do not count. Returns when every handler has ended and every
  /// outcome is written or given up.
  boost::asio::awaitable<void> Drain();

  /// Ends the grace of a Drain under way: stops every attempt now.
  void StopAttempts();

  std::size_t running() const { return attempts_.size(); }

 private:
  boost::asio::awaitable<void> Fetch();
  boost::asio::awaitable<void> ClaimBeside();
  struct ClaimResult {
    bool found_jobs = false;
    std::optional<std::chrono::steady_clock::duration> again_within;  // as ClaimedBatch has it
  };
  boost::asio::awaitable<ClaimResult> Claim(std::size_t limit);
  void Take(store::ClaimedBatch batch);
  std::size_t WantedJobs(std::chrono::steady_clock::time_point now);
  std::shared_ptr<Attempt> MakeAttempt(store::ClaimedJob job, Uuid lease);
  void Enqueue(std::vector<std::shared_ptr<Attempt>> claimed);
  void StartWaiting();
  void ReturnWaiting();
  void ReturnStale(std::chrono::steady_clock::time_point now);
  /// False for an attempt that ended before it began.
  bool PrepareToStart(Attempt& attempt);
  boost::asio::awaitable<void> RunCoroutine(std::shared_ptr<Attempt> attempt);
  boost::asio::awaitable<void> Watch(std::shared_ptr<Attempt> attempt);
  void EndAll(std::vector<EndedAttempt> ended);
  void End(EndedAttempt ended);
  boost::asio::awaitable<void> EndWithNotes(EndedAttempt ended, JobNotes::Unsent unsent);
  /// Reports how an attempt ended; `returned` as in OutcomeToReport.
  void Settle(Attempt& attempt, std::optional<Outcome> returned);
  boost::asio::awaitable<void> PauseUntil(std::chrono::steady_clock::time_point latest);
  void OnWorkerCount(const store::WorkerCount& workers);
  bool Alone() const { return pace_.spacing() == ClaimPace::Clock::duration::zero(); }

  boost::asio::any_io_executor executor_;
  WorkerConfig config_;
  Registry registry_;
  store::LeaseStore leases_;
  LeaseKeeper keeper_;
  Reporter reporter_;
  NoteSender notes_;
  Presence presence_;
  ClaimPace pace_;                                         // how many jobs to claim
  ClaimSchedule schedule_;                                 // when to send the next claim
  std::unordered_set<std::shared_ptr<Attempt>> attempts_;  // running attempts
  std::deque<std::shared_ptr<Attempt>> waiting_;           // claimed, waiting for a slot
  std::chrono::steady_clock::time_point waiting_since_{};  // when the last of them arrived
  boost::asio::steady_timer changed_;  // canceled when a slot is free or claims may go on
  TroubleLog claim_log_;
  std::size_t claiming_ = 0;  // jobs that claims under way may bring
  bool backlog_ = false;      // the last claim brought all that it asked for
  bool beside_ = false;       // ClaimBeside is under way
  TaskGroup fetching_;
  TaskGroup attempt_tasks_;  // handlers that are coroutines, watchdogs, last notes
  TaskGroup keeping_leases_;
  TaskGroup reporting_;
  TaskGroup sending_notes_;
  TaskGroup showing_presence_;
  bool stopping_ = false;
  HandlerThreads threads_;  // last: its destructor waits for handlers, which use the rest
};

}  // namespace djps::worker
