#pragma once

#include "pg/pool.h"

namespace djps::store {

/// Which connections do what, so that nothing stands in line behind what it need not wait for. All
/// may be the same pool.
struct LeasePools {
  pg::Pool& claims;    ///< And heartbeats.
  pg::Pool& outcomes;  ///< May have to wait for somebody's lock.
  pg::Pool& slow;      ///< What may take seconds, and keeps nobody waiting.
};

}  // namespace djps::store
