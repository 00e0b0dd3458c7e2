#include "djps/error.h"

namespace djps {

std::string_view ErrorName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid_argument";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kLeaseLost:
      return "lease_lost";
    case ErrorCode::kUnauthorized:
      return "unauthorized";
    case ErrorCode::kForbidden:
      return "forbidden";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kSchemaOutdated:
      return "schema_outdated";
    case ErrorCode::kSchemaNewer:
      return "schema_newer";
    case ErrorCode::kSchemaChanged:
      return "schema_changed";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kAlreadyRunning:
      return "already_running";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

}  // namespace djps
