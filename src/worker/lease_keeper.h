#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/trouble_log.h"
#include "store/claims/lease_store.h"
#include "worker/attempt.h"

namespace djps::worker {

/// Keeps this worker's leases alive: one heartbeat for all of them every third of their duration.
/// Tells attempts to stop when their lease is lost or may be lost, or when their job was canceled.
/// It queries cancellations more often than it sends heartbeats, but only for attempts that take
/// longer than a moment.
///
/// A lease is kept until the database has confirmed the outcome of each of its jobs.
class LeaseKeeper {
 public:
  LeaseKeeper(boost::asio::any_io_executor executor, store::LeaseStore& leases,
              std::chrono::milliseconds duration);

  /// `claimed_at`: this machine's clock just before the claim was sent, so that the lease never
  /// seems to expire later than in the database.
  void Add(Uuid lease, std::chrono::steady_clock::time_point claimed_at,
           const std::vector<std::shared_ptr<Attempt>>& attempts);

  /// The database has answered for this job.
  void Settle(Uuid lease, Uuid job);

  /// False once the lease was lost or its time has run out unconfirmed: reporting is pointless.
  bool Holds(Uuid lease) const;

  std::size_t leases() const { return held_.size(); }

  boost::asio::awaitable<void> Run();
  void Stop();

 private:
  struct Held {
    std::chrono::steady_clock::time_point claimed_at;
    std::chrono::steady_clock::time_point expires_at;
    std::unordered_map<Uuid, std::shared_ptr<Attempt>> attempts;
    bool lost = false;
  };

  boost::asio::awaitable<void> Beat();
  boost::asio::awaitable<void> HearCancellations();
  /// For leases that the database does not have any more.
  boost::asio::awaitable<void> LoseUnlessEnded(std::vector<Uuid> leases);
  void Lose(Held& held);
  void LoseExpired();

  store::LeaseStore& leases_;
  std::chrono::milliseconds duration_;
  boost::asio::steady_timer timer_;
  std::unordered_map<Uuid, Held> held_;
  TroubleLog log_;
  bool stopped_ = false;
};

}  // namespace djps::worker
