#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "djps/job.h"
#include "store/operator_store.h"

namespace djps::store {

/// The queues that have reached their limit. Queried at most once a second while submissions come:
/// a queue may exceed its limit by the jobs of one second.
///
/// Thread-safety: everything on one single-threaded executor.
class QueueLimits {
 public:
  explicit QueueLimits(OperatorStore& operators) : operators_(operators) {}

  /// Why these jobs may not be submitted now, as a sentence; nothing if they may.
  boost::asio::awaitable<std::optional<std::string>> FindRefusal(const std::vector<NewJob>& jobs,
                                                                 pg::Deadline deadline);

  /// A limit was changed: query again at the next submission.
  void Expire() { asked_at_ = {}; }

 private:
  OperatorStore& operators_;
  std::unordered_map<std::string, int> full_;
  std::chrono::steady_clock::time_point asked_at_;
};

}  // namespace djps::store
