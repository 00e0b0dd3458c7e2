#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "djps/error.h"

namespace djps {

/// A value, or the reason why there is none. Used for outcomes that depend on input; a failing
/// environment (Postgres gone) is thrown as an exception instead.
template <typename T>
using Result = tl::expected<T, Error>;

/// Shorthand for the failing side: `return Failure(ErrorCode::kNotFound, "...")`.
inline tl::unexpected<Error> Failure(ErrorCode code, std::string message, std::string field = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(field)});
}

}  // namespace djps
