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
  kCanceled,   ///< Somebody canceled the job: ends as canceled unless it succeeds anyway.
  kTimeout,    ///< It ran longer than it may: ends as failed, "timeout".
  kLeaseLost,  ///< Somebody else may have the job by now: whatever comes out is dropped.
  kHandBack,   ///< The worker stops, or has no slot: handed back unless it succeeds anyway.
};

/// One claimed job on its way through this process.
struct Attempt {
  Attempt(Job claimed, const Registry::Entry& known, const boost::asio::any_io_executor& executor)
      : job(std::move(claimed)), entry(known), watchdog(executor) {
    job.stop = stop.get_token();
  }

  /// The first reason given stands.
  void Stop(StopReason why) {
    if (reason == StopReason::kNone) reason = why;
    stop.request_stop();
  }

  std::stop_source stop;
  Job job;
  const Registry::Entry& entry;             // what runs it; the runtime's registry stays
  std::chrono::milliseconds time_limit{0};  // zero: none
  StopReason reason = StopReason::kNone;
  // No attempt may begin later, where the job has a deadline.
  std::optional<std::chrono::steady_clock::time_point> begin_before = {};
  std::chrono::steady_clock::time_point begun{};
  bool ended = false;     // its handler has returned
  bool reported = false;  // an outcome was handed to the reporter
  boost::asio::steady_timer watchdog;
};

/// What the database is told about an attempt: what its handler returned, unless the reason it was
/// stopped for counts more. `returned` is empty when the handler never began or does not return;
/// then there must be such a reason. Nothing when the lease is lost: nobody would take it.
std::optional<Outcome> OutcomeToReport(const Attempt& attempt, std::optional<Outcome> returned);

}  // namespace djps::worker
