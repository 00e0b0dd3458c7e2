#include "pg/error.h"

#include <algorithm>
#include <array>

namespace djps::pg {

bool PgError::unavailable() const {
  // 08 connection, 53 resources, 57P0x shutdown and start, 57014 statement timeout,
  // 55P03 lock timeout, 25006 read-only (a standby, or the old primary after a failover).
  static constexpr std::array<std::string_view, 6> kPrefixes = {"08",    "53",    "57P",
                                                                "57014", "55P03", "25006"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [this](std::string_view prefix) { return sqlstate_.starts_with(prefix); });
}

bool PgError::refused() const {
  // 28 authorization, 3D000 unknown database, 42501 no right to connect to it.
  return sqlstate_.starts_with("28") || sqlstate_ == "3D000" || sqlstate_ == "42501";
}

bool PgError::transient() const {
  // serialization failure, deadlock, changed result type of a cached plan, lost prepared statement
  static constexpr std::array<std::string_view, 4> kStates = {"40001", "40P01", "0A000", "26000"};
  return std::any_of(kStates.begin(), kStates.end(),
                     [this](std::string_view state) { return sqlstate_ == state; });
}

}  // namespace djps::pg
