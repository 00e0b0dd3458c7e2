#pragma once

#include <libpq-fe.h>

#include <optional>
#include <string>

#include "pg/error.h"

namespace djps::pg {

/// What Postgres or libpq says, without the line breaks at its end.
std::string Trimmed(const char* message);

/// The error that a statement ended with.
PgError ErrorOf(const PGresult* result);

/// Has libpq say by code why it could not connect; for ConnectError.
void AskForCodes(PGconn* conn);

/// Why there is no connection. Its SQLSTATE is that of the server's refusal, or else
/// kConnectionFailure.
PgError ConnectError(PGconn* conn);

/// Writes a notice to the log, for debugging.
void LogNotice(const PGresult* notice);

/// Empty for nearly every notice. One says that the commit of the statement under way is doubtful:
/// it was to wait for a synchronous standby, and somebody canceled the wait. Postgres then reports
/// success all the same. The error has outcome_unknown().
std::optional<PgError> DoubtOfCommit(const PGresult* notice);

}  // namespace djps::pg
