#pragma once

#include <libpq-fe.h>

namespace djps::pg {

/// Asks Postgres to cancel the running statement of `conn`, without waiting: libpq's PQcancel
/// connects and blocks, so it runs on its own thread. At most kCancelsAtOnce run in a process;
/// above that nothing is sent, and the caller should try again later.
void SendCancel(PGconn* conn);

inline constexpr int kCancelsAtOnce = 4;

}  // namespace djps::pg
