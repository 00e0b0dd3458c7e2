#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <deque>
#include <memory>

#include "djps/uuid.h"
#include "pg/pool.h"

namespace djps::store {

/// Gives back claims that nobody will run, attempts not counted: those whose answer was lost, so
/// that nobody knows whether they were carried out, and those that came too late. Tries until the
/// database has taken it, however long that is away; it costs nothing while there are none.
///
/// Lifetime: held by a shared_ptr; what it runs holds it, too. The pool must outlive that.
/// Thread-safety: everything on the pool's single-threaded executor.
class LeaseReturner : public std::enable_shared_from_this<LeaseReturner> {
 public:
  explicit LeaseReturner(pg::Pool& pool);

  /// Begins at once. Of more than 10,000 the oldest is left to the end of its lease.
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
