#pragma once

#include <libpq-fe.h>

#include <memory>
#include <optional>
#include <string>

#include "pg/error.h"
#include "pg/result.h"
#include "pg/statement.h"

namespace djps::pg {

/// A simple blocking connection for whole scripts or transactions outside hot paths: migrations and
/// tests. Throws PgError.
class Session {
 public:
  explicit Session(const std::string& conninfo);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Runs one or more statements by the simple protocol, in one implicit transaction unless the
  /// script says begin itself. Returns the last result, in text format.
  ResultHandle Run(const std::string& script);

  /// Runs a statement that has one parameter, given as text.
  ResultHandle Run(const Statement& statement, const std::string& parameter);

  /// The first column of the first row of `query`, as text; empty when there is no row or a null.
  std::string Value(const std::string& query);

  PGconn* handle() const { return conn_.get(); }

 private:
  ResultHandle Checked(ResultHandle result);

  struct ConnDeleter {
    void operator()(PGconn* conn) const { PQfinish(conn); }
  };
  std::unique_ptr<PGconn, ConnDeleter> conn_;
  std::optional<PgError> doubt_;  // about a commit since the last call
};

}  // namespace djps::pg
