#include "store/queue_limits.h"

#include <fmt/format.h>

namespace djps::store {
namespace {

constexpr std::chrono::seconds kAskInterval{1};

}  // namespace

boost::asio::awaitable<std::optional<std::string>> QueueLimits::FindRefusal(
    const std::vector<NewJob>& jobs, pg::Deadline deadline) {
  const auto now = std::chrono::steady_clock::now();
  if (asked_at_ + kAskInterval <= now) {
    asked_at_ = now;  // submissions that come meanwhile use the last answer
    std::vector<FullQueue> full;
    try {
      full = co_await operators_.ListFullQueues(deadline);
    } catch (const pg::PgError& error) {
      // Nothing has been submitted yet, whatever the result of the query.
      throw pg::PgError(error.sqlstate(), error.what());
    }
    full_.clear();
    for (const FullQueue& queue : full) full_.emplace(queue.name, queue.max_backlog);
  }
  if (full_.empty()) co_return std::nullopt;
  for (const NewJob& job : jobs) {
    const auto full = full_.find(job.queue);
    if (full == full_.end()) continue;
    co_return fmt::format(
        "The queue {} has {} jobs waiting, which is its limit. Nothing was stored.", job.queue,
        full->second);
  }
  co_return std::nullopt;
}

}  // namespace djps::store
