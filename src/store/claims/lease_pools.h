#pragma once

#include "pg/pool.h"

namespace djps::store {

/// Which connections do what, so that nothing stands in line behind what it need not wait for. All
/// may be the same pool.
struct LeasePools {
  pg::Pool& claims;
  pg::Pool& outcomes;
  pg::Pool& slow;  ///< What may take seconds, and keeps nobody waiting.

  /// For heartbeats: claims or outcomes, either of which may be waiting for somebody's lock.
  pg::Pool& LessBusy() const {
    return claims.in_flight() < outcomes.in_flight() ? claims : outcomes;
  }
};

}  // namespace djps::store
