#include "cli/frame/exit_code.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>

#include "cli/frame/terminal.h"

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
  std::string text = "djps: ";
  for (std::size_t begin = 0, end = 0; begin <= message.size(); begin = end + 1) {
    end = std::min(message.find('\n', begin), message.size());
    text += Printable(std::string_view(message).substr(begin, end - begin)) + '\n';
  }
  std::fwrite(text.data(), 1, text.size(), stderr);
  return ExitCodeFor(error.code);
}

}  // namespace djps::cli
