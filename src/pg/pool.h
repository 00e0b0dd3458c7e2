#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pg/connection.h"

namespace djps::pg {

struct PoolConfig {
  std::string conninfo;
  std::size_t size = 2;
  /// Run once on each new connection, with the statement timeout as its only parameter.
  const Statement* setup = nullptr;
  /// Run on one of the connections, which then listens; `heard` gets the payload of each
  /// notification, and an empty one if some may have been missed.
  const Statement* listen = nullptr;
  std::function<void(std::string_view payload)> heard = {};
  /// The server cancels a statement after this time; callers' deadlines are shorter.
  std::chrono::milliseconds statement_timeout{30'000};
  std::chrono::milliseconds connect_timeout{5'000};
  bool log_trouble = true;  ///< false: callers get errors, and nothing is logged.
  /// The first statement connects, not Start.
  bool on_demand = false;
};

/// Keeps `size` connections up, reconnecting with backoff and jitter, and sends each statement down
/// the least busy one.
///
/// It never uses more than twice as many Postgres processes. A connection that does not answer in
/// time is replaced, but counts until its process has ended. While there are too many of these, no
/// connection is opened, and callers get an error.
///
/// Lifetime: Start once. Its coroutines own what they need, so a pool may be destroyed before they
/// have ended.
/// Thread-safety: everything on one single-threaded executor.
class Pool {
 public:
  Pool(boost::asio::any_io_executor executor, PoolConfig config);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  void Start();
  void Close();

  /// Runs a statement, prepared once for each connection; waits for a connection if there is none.
  /// Conflicts with other transactions and stale plans are retried a few times. Throws PgError; if
  /// the server refuses `setup` or `listen`, that error, at once.
  ///
  /// `follow_up` is sent with it, see Connection::Execute.
  boost::asio::awaitable<Rows> Execute(const Statement& statement, Params params, Deadline deadline,
                                       std::optional<Call> follow_up = {});

  /// True while at least one connection is up.
  bool connected() const;

  /// How many statements the least busy connection has under way; as many as there are numbers
  /// while none is up.
  std::size_t in_flight() const;

  /// Why the last connection could not be made, or broke; empty while all is well.
  const std::string& trouble() const;

  boost::asio::any_io_executor executor() const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace djps::pg
