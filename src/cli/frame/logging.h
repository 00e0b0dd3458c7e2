#pragma once

#include <string>

#include "cli/frame/terminal.h"

namespace djps::cli {

/// Sends the log to standard error, so that standard output stays clean for results. `level` is one
/// of trace, debug, info, warn, error, off.
void SetUpLogging(const std::string& level, const Terminal& terminal);

}  // namespace djps::cli
