#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "pg/pool.h"
#include "store/claims/claim_cursor.h"
#include "store/claims/lease_pools.h"

namespace djps::store {

/// Keeps the claim cursor of workers with the same queue and types up to date: the looks that move
/// it, the sweeps, and its copy in the database, at which the next process starts.
///
/// Lifetime: held by a shared_ptr; its background work holds it too. The pools must
/// outlive it. Thread-safety: everything on the pools' single-threaded executor.
class ClaimFetcher : public std::enable_shared_from_this<ClaimFetcher> {
 public:
  ClaimFetcher(const LeasePools& pools, std::string queue, std::vector<std::string> types,
               LookPace pace);

  ClaimCursor& cursor() { return cursor_; }

  bool looking() const { return looking_; }
  /// How many looks and sweeps there were after which there may be more to claim.
  std::size_t news() const { return news_; }

  /// Looks, or waits for the look under way. Throws pg::PgError.
  boost::asio::awaitable<void> Look(pg::Deadline deadline);

  /// Begins what is due while claims go on.
  void KeepUp(pg::Deadline deadline);

 private:
  using Shared = std::shared_ptr<ClaimFetcher>;

  // The caller has announced the look by `looking_`, and the others by theirs.
  static boost::asio::awaitable<void> RunLook(Shared self, pg::Pool& pool, pg::Deadline deadline);
  static boost::asio::awaitable<void> RunSweep(Shared self);
  static boost::asio::awaitable<void> Save(Shared self, SavedCursor saved);
  boost::asio::awaitable<void> Restore(pg::Pool& pool, pg::Deadline deadline);
  boost::asio::awaitable<QueueAnswer> Ask(pg::Pool& pool, const QueueQuestion& question,
                                          pg::Deadline deadline) const;
  void SaveBeside();

  const LeasePools pools_;
  const std::string queue_;
  const std::vector<std::string> types_;
  const LookPace pace_;
  ClaimCursor cursor_;
  bool looking_ = false;
  bool sweeping_ = false;
  bool saving_ = false;
  std::size_t news_ = 0;
  boost::asio::steady_timer looked_;               // canceled when a look has ended
  std::chrono::steady_clock::time_point save_at_;  // not before
};

}  // namespace djps::store
