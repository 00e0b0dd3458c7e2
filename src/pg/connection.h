#pragma once

#include <libpq-fe.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "pg/error.h"
#include "pg/params.h"
#include "pg/result.h"
#include "pg/statement.h"

namespace djps::pg {

/// The stack passes deadlines, not durations, so that every wait counts.
using Deadline = std::chrono::steady_clock::time_point;

inline Deadline After(std::chrono::milliseconds wait) {
  return std::chrono::steady_clock::now() + wait;
}

/// A statement with its parameters. The statement must outlive the connection.
struct Call {
  const Statement* statement;
  Params params;
};

/// One connection to Postgres in pipeline mode: any number of coroutines may have a statement under
/// way at once; they are sent at once and answered in order. Each statement is its own transaction,
/// so a failed one does not affect others.
///
/// A statement that misses its deadline leaves the connection in an unknown state: it is abandoned,
/// and everything else under way on it fails too. If a statement still waits behind another one
/// that has not missed its deadline, only the late statement is given up.
///
/// Ownership: made and held by shared_ptr. Coroutines keep it alive for as long as a Postgres
/// process may be busy for it: when it is destroyed, that process has ended too, as far as the
/// client can know.
/// Thread-safety: everything on one single-threaded executor.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  static std::shared_ptr<Connection> Make(boost::asio::any_io_executor executor);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Connects, once. Throws PgError.
  boost::asio::awaitable<void> Open(const std::string& conninfo, Deadline deadline);

  /// Runs a statement, and prepares it the first time. It must outlive the connection. Throws
  /// PgError; `outcome_unknown()` if the answer was lost or the commit is in doubt.
  ///
  /// `follow_up` is sent right after it: a separate transaction that begins when this one has
  /// ended, successfully or not. Its answer is ignored.
  boost::asio::awaitable<Rows> Execute(const Statement& statement, const Params& params,
                                       Deadline deadline, const Call* follow_up = nullptr);

  bool usable() const { return !broken_ && !retired_; }
  std::size_t in_flight() const { return queue_.size(); }

  /// `heard` is called with the payload of each notification from now on.
  void OnNotify(std::function<void(std::string_view payload)> heard) { heard_ = std::move(heard); }

  /// Returns when the connection is not usable() any more.
  boost::asio::awaitable<void> Ended();

  /// Fails everything under way and closes the socket. Safe to repeat.
  void Close(const PgError& reason);

  /// Accepts no more statements, and closes when those under way have been answered.
  void Retire();

  /// Fails everything under way and asks Postgres to cancel it; closes when Postgres has ended it.
  void Abandon(const PgError& reason);

  /// Why it ended, if by an error; else empty.
  const std::string& trouble() const { return trouble_; }

 private:
  struct Pending {
    explicit Pending(const boost::asio::any_io_executor& executor) : done(executor) {}
    boost::asio::steady_timer done;  // expires at the deadline; canceled by the answer
    bool finished = false;
    bool awaited = false;  // its caller waits for it
    ResultHandle result;
    std::exception_ptr error;
  };

  explicit Connection(boost::asio::any_io_executor executor);

  boost::asio::awaitable<void> Connect(const std::string& conninfo, Deadline deadline);
  boost::asio::awaitable<void> Linger(std::shared_ptr<Connection> self);
  boost::asio::awaitable<void> CancelLoop(std::shared_ptr<Connection> self);
  void Spawn(boost::asio::awaitable<void> loop);
  static void OnNotice(void* connection, const PGresult* notice);
  [[noreturn]] static void ThrowUnprepared(const Statement& statement,
                                           const std::exception_ptr& why);
  boost::asio::awaitable<void> Await(std::shared_ptr<Pending> pending, Deadline deadline);
  boost::asio::awaitable<void> WaitSocket(boost::asio::posix::stream_descriptor::wait_type what,
                                          Deadline deadline);
  boost::asio::awaitable<void> ReadLoop(std::shared_ptr<Connection> self);
  boost::asio::awaitable<void> FlushLoop(std::shared_ptr<Connection> self);

  /// The result of preparing a statement, or a pending one; a failed one is prepared again.
  std::shared_ptr<Pending> Prepare(const Statement& statement);
  std::shared_ptr<Pending> SendPrepare(const Statement& statement);
  std::shared_ptr<Pending> SendExecute(const Statement& statement, const Params& params);
  std::shared_ptr<Pending> Enqueue(int sent);
  void Flush();
  void ReadAnswers();
  void ReadNotifications();
  bool WaitsBehindAnother(const Pending& pending) const;
  void Accept(ResultHandle result);
  void FailAll(const PgError& reason);
  PgError ConnectionError(const char* doing) const;

  boost::asio::any_io_executor executor_;
  PGconn* conn_ = nullptr;
  boost::asio::posix::stream_descriptor socket_;  // a duplicate of libpq's own descriptor
  boost::asio::steady_timer ended_;               // never expires; canceled when not usable
  boost::asio::steady_timer cancel_pause_;        // canceled when broken
  std::deque<std::shared_ptr<Pending>> queue_;
  std::unordered_map<const Statement*, std::shared_ptr<Pending>> prepared_;  // or about to be
  std::function<void(std::string_view)> heard_;
  std::string trouble_;
  bool flushing_ = false;
  bool retired_ = false;    // accepts no more statements
  bool canceling_ = false;  // a cancel request is under way
  bool broken_ = false;
};

}  // namespace djps::pg
