#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <functional>
#include <vector>

#include "core/backoff.h"
#include "core/trouble_log.h"
#include "store/claims/lease_store.h"
#include "worker/attempt.h"
#include "worker/lease_keeper.h"

namespace djps::worker {

/// Writes the outcomes of attempts to the database, in batches that grow with the load: attempts
/// that end while one batch is being written go into the next. While the database is away, it keeps
/// outcomes for as long as the lease may still hold.
class Reporter {
 public:
  /// `written` is called whenever the backlog becomes smaller.
  Reporter(boost::asio::any_io_executor executor, store::LeaseStore& leases, LeaseKeeper& keeper,
           std::function<void()> written);

  void Report(const Attempt& attempt, const Outcome& outcome);

  /// Outcomes not yet confirmed by the database.
  std::size_t backlog() const { return queue_.size() + in_flight_; }

  /// Runs until Stop is called and everything is written or given up.
  boost::asio::awaitable<void> Run();
  void Stop();

 private:
  struct Batch {
    std::vector<store::CompletedJob> completed;
    std::vector<store::FailedJob> failed;
    std::vector<store::ReturnedJob> returned;
    std::size_t size() const { return completed.size() + failed.size() + returned.size(); }
  };
  using Item = std::variant<store::CompletedJob, store::FailedJob, store::ReturnedJob>;

  Batch TakeBatch();
  boost::asio::awaitable<void> WriteBatch(Batch batch);

  template <typename Job>
  boost::asio::awaitable<void> WriteKind(std::vector<Job> jobs);
  template <typename Job>
  boost::asio::awaitable<void> WriteOneByOne(const std::vector<Job>& jobs);

  // The statement for each kind; returns the ids that were held.
  boost::asio::awaitable<std::vector<Uuid>> Send(const std::vector<store::CompletedJob>& jobs);
  boost::asio::awaitable<std::vector<Uuid>> Send(const std::vector<store::FailedJob>& jobs);
  boost::asio::awaitable<std::vector<Uuid>> Send(const std::vector<store::ReturnedJob>& jobs);

  /// Returns the attempts whose outcome was refused.
  template <typename Jobs>
  std::vector<store::AttemptRef> Settle(const Jobs& jobs, const std::vector<Uuid>& accepted);
  /// Logs a warning for those that lost their lease. The others had ended already: by their handler
  /// in SQL, or by a report whose answer was lost.
  boost::asio::awaitable<void> JudgeRefused(std::vector<store::AttemptRef> refused);
  template <typename Jobs>
  void KeepForLater(Jobs jobs);

  store::LeaseStore& leases_;
  LeaseKeeper& keeper_;
  std::function<void()> written_;
  boost::asio::steady_timer wake_;
  std::vector<Item> queue_;
  std::size_t in_flight_ = 0;
  Backoff backoff_;
  TroubleLog log_;
  bool trouble_ = false;  // the last write failed: wait before the next
  bool stopped_ = false;
};

}  // namespace djps::worker
