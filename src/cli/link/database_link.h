#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "cli/link/target.h"
#include "djps/result.h"
#include "pg/pool.h"

namespace djps::cli {

/// One connection to a database, for commands that make one call after another.
class DatabaseLink {
 public:
  explicit DatabaseLink(DatabaseTarget target);
  ~DatabaseLink();
  DatabaseLink(const DatabaseLink&) = delete;
  DatabaseLink& operator=(const DatabaseLink&) = delete;

  const DatabaseTarget& target() const { return target_; }
  pg::Pool& pool() { return pool_; }

  /// Runs one call on this thread until it ends.
  ///
  /// Errors: kUnavailable, kInvalidArgument for a value that Postgres cannot hold, kInternal; the
  /// message names the database.
  template <typename T>
  Result<T> Run(boost::asio::awaitable<T> call) {
    std::exception_ptr failure;
    std::optional<T> value;
    boost::asio::co_spawn(io_, std::move(call), [&](const std::exception_ptr& error, T result) {
      failure = error;
      value = std::move(result);
    });
    // Not run(), which would not return: the pool keeps its connection open until it is closed.
    while (!value) io_.run_one();
    if (failure) return tl::unexpected<Error>(Explained(failure));
    return *std::move(value);
  }

  /// Adds the name of the database to an error.
  Error Explained(Error error) const;

 private:
  Error Explained(const std::exception_ptr& failure) const;

  DatabaseTarget target_;
  boost::asio::io_context io_{1};
  pg::Pool pool_;
};

/// Fails unless the database has this program's schema. Call it before making a link: it fails at
/// once, and its message says what to do. Errors: as store::RequireCurrentSchema.
Result<void> RequireSchema(const DatabaseTarget& target);

}  // namespace djps::cli
