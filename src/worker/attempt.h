#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <stop_token>

#include "djps/worker.h"
#include "worker/registry.h"

namespace djps::worker {

/// Why an attempt was told to stop, and so how it ends.
enum class StopReason {
  kNone,
  kCanceled,   ///< The job was canceled: ends as canceled unless it succeeds anyway.
  kTimeout,    ///< It exceeded its time limit: ends as failed, "timeout".
  kLeaseLost,  ///< Another worker may have the job by now: the outcome is dropped.
  kHandBack,   ///< The worker stops, or has no slot: handed back unless it succeeds anyway.
};

/// One claimed job in this process.
struct Attempt {
  Attempt(Job claimed, const Registry::Entry& known, const boost::asio::any_io_executor& executor)
      : job(std::move(claimed)), entry(known), watchdog(executor) {
    job.stop = stop.get_token();
  }

  /// The first reason is kept.
  void Stop(StopReason why) {
    if (reason == StopReason::kNone) reason = why;
    stop.request_stop();
  }

  std::stop_source stop;
  Job job;
  const Registry::Entry& entry;             // its handler; owned by the runtime's registry
  std::chrono::milliseconds time_limit{0};  // zero: none
  StopReason reason = StopReason::kNone;
  // If the job has a deadline: no attempt may begin later.
  std::optional<std::chrono::steady_clock::time_point> begin_before = {};
  std::chrono::steady_clock::time_point begun{};
  bool ended = false;     // its handler has returned
  bool reported = false;  // an outcome was handed to the reporter
  boost::asio::steady_timer watchdog;
};

/// The outcome to report for an attempt: what its handler returned, unless the reason for its stop
/// takes precedence. `returned` is empty if the handler never began or does not return; then there
/// must be a reason. Nothing if the lease is lost: the report would be refused.
std::optional<Outcome> OutcomeToReport(const Attempt& attempt, std::optional<Outcome> returned);

}  // namespace djps::worker
