#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>

#include "pg/error.h"
#include "pg/result.h"

namespace djps::pg {

/// A plain, blocking connection for what is not a hot path and needs whole scripts or transactions:
/// migrations, and tests. Throws PgError.
class Session {
 public:
  explicit Session(const std::string& conninfo);

  /// Runs one or more statements by the simple protocol, in one implicit transaction unless the
  /// script says begin itself. Gives back the last result, in text format.
  ResultHandle Run(const std::string& script);

  /// The first column of the first row of `query`, as text; empty when there is no row or a null.
  std::string Value(const std::string& query);

  PGconn* handle() const { return conn_.get(); }

 private:
  struct ConnDeleter {
    void operator()(PGconn* conn) const { PQfinish(conn); }
  };
  std::unique_ptr<PGconn, ConnDeleter> conn_;
};

}  // namespace djps::pg
