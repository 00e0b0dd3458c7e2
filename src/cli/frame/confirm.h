#pragma once

#include <string>

#include "djps/result.h"

namespace djps::cli {

/// Asks for confirmation on the terminal, unless --yes was given.
///
/// Errors: kInvalidArgument if there is no terminal: then --yes is required.
Result<bool> Confirm(const std::string& question, bool yes);

}  // namespace djps::cli
