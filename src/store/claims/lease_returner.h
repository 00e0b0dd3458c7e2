#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <deque>
#include <memory>

#include "djps/uuid.h"
#include "pg/pool.h"

namespace djps::store {

/// Gives back claims whose jobs will not run; the attempts do not count. These are claims with a
/// lost answer, whose result is unknown, and claims whose answer came too late. Retries until the
/// database has done it, however long the outage is. Costs nothing while there are none.
///
/// Lifetime: held by a shared_ptr; what it runs holds it, too. The pool must outlive that.
/// Thread-safety: everything on the pool's single-threaded executor.
class LeaseReturner : public std::enable_shared_from_this<LeaseReturner> {
 public:
  explicit LeaseReturner(pg::Pool& pool);

  /// Begins at once. Of more than 10,000 claims, the oldest are left until their leases expire.
  void Return(Uuid lease);

  /// How many are still to be given back.
  std::size_t waiting() const { return leases_.size(); }

  /// Returns when all is given back, or at the deadline; what is left then is given up.
  boost::asio::awaitable<void> Finish(pg::Deadline deadline);

  /// Gives up what is left.
  void Stop();

 private:
  static boost::asio::awaitable<void> Run(std::shared_ptr<LeaseReturner> self);
  /// False: try again after a pause.
  boost::asio::awaitable<bool> ReturnSome();

  pg::Pool& pool_;
  std::deque<Uuid> leases_;
  bool running_ = false;
  bool stopped_ = false;
  boost::asio::steady_timer pause_;  // between two tries
  boost::asio::steady_timer ended_;  // canceled when Run has ended
};

}  // namespace djps::store
