#pragma once

#include <string>
#include <string_view>

namespace djps {

/// Why an operation failed. The names (see ErrorName) are the same in C++, in the `code` of problem
/// documents and in the exit-code table of the command line.
enum class ErrorCode {
  kInvalidArgument,  ///< The input is wrong; `field` names the part, `message` says what to change.
  kNotFound,         ///< No such job, file or program.
  kLeaseLost,        ///< The lease expired or was taken over; nothing was changed.
  kUnauthorized,     ///< No token, or one that is unknown, expired or revoked.
  kForbidden,        ///< The token does not allow this.
  kConflict,         ///< The current state does not allow it.
  kUnavailable,  ///< Postgres or the server could not be reached, or answered too late. Try again.
  kSchemaOutdated,  ///< The database lacks migrations or functions that this binary needs.
  kSchemaNewer,     ///< The database has migrations that this binary does not know.
  kSchemaChanged,   ///< An applied migration differs from the one in this binary.
  kUnsupported,     ///< A server version, file or setting that DJPS cannot work with.
  kAlreadyRunning,  ///< Another process holds the data folder or the port.
  kInternal,        ///< A bug in DJPS, or an unexpected answer.
};

/// An expected failure, written for people: what is wrong, with which value, and what to do.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string field =
      {};  ///< The name of the input ("priority", "--port"); empty if there is none.
};

/// The stable, snake_case name of a code, such as "invalid_argument".
std::string_view ErrorName(ErrorCode code);

}  // namespace djps
