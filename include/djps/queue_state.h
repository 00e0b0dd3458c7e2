#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "djps/job.h"

namespace djps {

/// The number of jobs in a queue. Counts are exact up to 10,000; above that they are the planner's
/// estimates, and `exact` is false.
struct QueueState {
  std::string name;
  std::int64_t queued = 0;     ///< Due now.
  std::int64_t scheduled = 0;  ///< Due later.
  std::int64_t failed = 0;     ///< Waiting for the next attempt.
  std::int64_t running = 0;
  std::int64_t dead = 0;
  std::optional<Timestamp> oldest_due_at;
  std::optional<std::int64_t> oldest_due_age_ms;
  bool exact = true;
  std::optional<Timestamp> paused_at;
  std::optional<std::string> paused_by;
  std::optional<int> max_backlog;
};

struct QueueListOptions {
  std::string after = {};  ///< QueuePage::next of the page before.
  int limit = 100;         ///< 1..1000
};

struct QueuePage {
  std::vector<QueueState> queues;  ///< By name.
  /// QueueListOptions::after of the next page; nothing at the end of the list. A page may be short
  /// and have a next one: a call counts 100,000 waiting jobs at most.
  std::optional<std::string> next = {};
};

}  // namespace djps
