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

/// Which queues have as many jobs waiting as they may. Asked for once a second while submissions
/// come, whatever their number: a limit is kept to within what arrives in a second.
///
/// Thread-safety: everything on one single-threaded executor.
class QueueLimits {
 public:
  explicit QueueLimits(OperatorStore& operators) : operators_(operators) {}

  /// Why these jobs may not be submitted now, a sentence; nothing when they may.
  boost::asio::awaitable<std::optional<std::string>> FindRefusal(const std::vector<NewJob>& jobs,
                                                                 pg::Deadline deadline);

  /// Somebody changed a limit: ask again at the next submission.
  void Expire() { asked_at_ = {}; }

 private:
  OperatorStore& operators_;
  std::unordered_map<std::string, int> full_;
  std::chrono::steady_clock::time_point asked_at_;
};

}  // namespace djps::store
