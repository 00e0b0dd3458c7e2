#pragma once

#include <spdlog/formatter.h>

#include <memory>
#include <string>

#include "cli/frame/terminal.h"

namespace djps::cli {

/// How lines of the log look. Text in them that comes from others is escaped.
std::unique_ptr<spdlog::formatter> LogFormatter();

/// Sends the log to standard error, so that standard output stays clean for results. `level` is one
/// of trace, debug, info, warn, error, off.
void SetUpLogging(const std::string& level, const Terminal& terminal);

}  // namespace djps::cli
