#include "cli/frame/exit_code.h"

#include <fmt/format.h>

#include <cstdio>
#include <string>

namespace djps::cli {

int ExitCodeFor(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return kExitUsage;
    case ErrorCode::kUnavailable:
      return kExitUnavailable;
    case ErrorCode::kNotFound:
    case ErrorCode::kLeaseLost:
    case ErrorCode::kUnauthorized:
    case ErrorCode::kForbidden:
    case ErrorCode::kConflict:
    case ErrorCode::kSchemaOutdated:
    case ErrorCode::kSchemaNewer:
    case ErrorCode::kSchemaChanged:
    case ErrorCode::kUnsupported:
    case ErrorCode::kAlreadyRunning:
    case ErrorCode::kInternal:
      return kExitFailed;
  }
  return kExitFailed;
}

std::vector<std::string> ServerExitCodes() {
  return {"0  done", "1  the server failed", "2  wrong usage", "5  the server cannot be reached"};
}

int ReportError(const Error& error) {
  std::string message = error.message;
  // libpq puts its hints on separate lines; here an error is one line.
  for (std::size_t at = message.find("\n\t"); at != std::string::npos; at = message.find("\n\t")) {
    message.replace(at, 2, " ");
  }
  const std::string line = fmt::format("djps: {}\n", message);
  std::fwrite(line.data(), 1, line.size(), stderr);
  return ExitCodeFor(error.code);
}

}  // namespace djps::cli
