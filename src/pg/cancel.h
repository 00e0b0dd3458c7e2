#pragma once

#include <libpq-fe.h>

namespace djps::pg {

/// Asks Postgres to cancel what it does for `conn`, and does not wait: libpq's PQcancel connects
/// and blocks, so it runs on a thread of its own. At most kCancelsAtOnce do in a process; beyond
/// that nothing is sent, and the caller should ask again later.
void SendCancel(PGconn* conn);

inline constexpr int kCancelsAtOnce = 4;

}  // namespace djps::pg
