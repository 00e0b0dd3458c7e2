#pragma once

#include <libpq-fe.h>

#include <optional>
#include <string>

#include "pg/error.h"

namespace djps::pg {

/// A message of Postgres or libpq, without the line breaks at its end.
std::string Trimmed(const char* message);

/// The error of a statement.
PgError ErrorOf(const PGresult* result);

/// Makes libpq report the SQLSTATE of a failed connection; for ConnectError.
void AskForCodes(PGconn* conn);

/// Why the connection failed. Its SQLSTATE is the server's, or else kConnectionFailure.
PgError ConnectError(PGconn* conn);

/// Writes a notice to the log, for debugging.
void LogNotice(const PGresult* notice);

/// Empty for nearly every notice. One notice says that a commit is in doubt: its wait for a
/// synchronous standby was canceled, and Postgres reports success nevertheless. That becomes an
/// error with outcome_unknown().
std::optional<PgError> DoubtOfCommit(const PGresult* notice);

}  // namespace djps::pg
