#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "djps/result.h"

namespace djps::cli {

/// Reads "500ms", "10s", "5m", "2h" or "30d". A number without a unit is refused as ambiguous,
/// except 0.
///
/// Errors: kInvalidArgument; the message names the input and the accepted forms.
Result<std::chrono::milliseconds> ParseDuration(std::string_view text);

/// The shortest text that ParseDuration reads back: "10s", "1500ms", "2h".
std::string FormatDuration(std::chrono::milliseconds duration);

}  // namespace djps::cli
