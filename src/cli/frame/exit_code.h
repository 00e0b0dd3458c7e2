#pragma once

#include <string>
#include <vector>

#include "djps/error.h"

namespace djps::cli {

/// The exit codes; they mean the same for every command.
inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;        ///< The command line or an input is wrong.
inline constexpr int kExitJobEnded = 3;     ///< The job waited for is dead or canceled.
inline constexpr int kExitTimedOut = 4;     ///< The job waited for is not done yet.
inline constexpr int kExitUnavailable = 5;  ///< The server or the database cannot be reached.

int ExitCodeFor(ErrorCode code);

/// The exit codes in the --help of a command that sends one request.
std::vector<std::string> ServerExitCodes();

/// Prints "djps: message" on standard error and returns the exit code.
int ReportError(const Error& error);

}  // namespace djps::cli
