#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "djps/job.h"

namespace djps {

/// RFC 3339 in UTC with microseconds: "2026-11-24T07:11:29.123456Z". A time outside the allowed
/// range (before 1970, after 9999, infinite) becomes the nearest one that ParseTimestamp reads.
std::string FormatTimestamp(Timestamp time);

/// Reads an RFC 3339 date-time ("2026-11-24T08:11:29.5+01:00"). An offset is required: without one
/// a time is ambiguous. Fractions beyond microseconds are cut. Years 1970 to 9999 in UTC.
std::optional<Timestamp> ParseTimestamp(std::string_view text);

}  // namespace djps
