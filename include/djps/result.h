#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "djps/error.h"

namespace djps {

/// A value or an error. For outcomes that depend on input; a failing environment (such as Postgres
/// being away) is an exception instead.
template <typename T>
using Result = tl::expected<T, Error>;

/// Shorthand for an error: `return Failure(ErrorCode::kNotFound, "...")`.
inline tl::unexpected<Error> Failure(ErrorCode code, std::string message, std::string field = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(field)});
}

}  // namespace djps
