#pragma once

#include "pg/pool.h"

namespace djps::store {

/// The connections for each kind of work, so that no statement waits behind an unrelated one. All
/// may be the same pool.
struct LeasePools {
  pg::Pool& claims;
  pg::Pool& outcomes;
  pg::Pool& slow;  ///< For statements that may take seconds and that no caller waits for.

  /// For heartbeats: claims or outcomes; each of these may be waiting for a lock.
  pg::Pool& LessBusy() const {
    return claims.in_flight() < outcomes.in_flight() ? claims : outcomes;
  }
};

}  // namespace djps::store
