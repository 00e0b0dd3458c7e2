#pragma once

#include <cstdint>

#include "core/random.h"
#include "djps/job.h"
#include "djps/uuid.h"

namespace djps {

/// The lane is the low 6 bits of an id, which allow one schema to be spread over several machines
/// (db/migrations/0001_jobs.sql). One machine uses lane 0.
inline constexpr std::int16_t kLane = 0;

/// Makes the ids of jobs and leases.
///
/// Job ids are UUIDv7 with a 12-bit counter in rand_a, strictly increasing within one generator, so
/// that jobs of one batch keep their order and index inserts go to the rightmost page.
/// Source: RFC 9562, section 5.7 and section 6.2 (fixed bit-length dedicated counter).
/// Thread-safety: one thread at a time.
class IdGenerator {
 public:
  /// An id with the time `now`, or the smallest later time that keeps it above the previous id.
  Uuid NextJobId(Timestamp now);

  /// A random UUIDv4: a fencing token must be unguessable and never repeat, even after a failover,
  /// so it cannot come from a sequence.
  Uuid NewLeaseToken();

 private:
  RandomSource random_;
  std::int64_t last_ms_ = 0;
  std::uint16_t counter_ = 0;
};

}  // namespace djps
