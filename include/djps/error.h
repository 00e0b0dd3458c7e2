#pragma once

#include <string>
#include <string_view>

namespace djps {

/// Why an operation did not do what was asked. The names (see ErrorName) are the same text in C++,
/// in the `code` member of problem documents and in the exit-code table of the command line.
enum class ErrorCode {
  kInvalidArgument,  ///< The input is wrong; `field` names the part, `message` says what to change.
  kNotFound,         ///< No such job, file or program.
  kLeaseLost,        ///< The lease expired or was taken over; nothing was changed.
  kUnauthorized,     ///< No token, or one that does not count (any more).
  kForbidden,        ///< The token does not allow this.
  kConflict,         ///< What there is already stands against it.
  kUnavailable,  ///< Postgres or the server could not be reached, or answered too late. Try again.
  kSchemaOutdated,  ///< The database lacks migrations or functions that this binary needs.
  kSchemaNewer,     ///< The database has migrations that this binary does not know.
  kSchemaChanged,   ///< An applied migration differs from the one in this binary.
  kUnsupported,     ///< A server version, file or setting that DJPS cannot work with.
  kAlreadyRunning,  ///< Another process holds the data folder or the port.
  kInternal,        ///< A bug in DJPS, or an answer that makes no sense.
};

/// One expected failure, written for a person: what was wrong, with which value, what to do.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string field =
      {};  ///< The input's name where there is one ("priority", "--port"), else empty.
};

/// The stable, snake_case name of a code, such as "invalid_argument".
std::string_view ErrorName(ErrorCode code);

}  // namespace djps
