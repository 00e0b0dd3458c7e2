#pragma once

#include <string>

#include "djps/result.h"

namespace djps::cli {

/// Asks a person on the terminal, unless the answer was given beforehand with --yes.
///
/// Errors: kInvalidArgument where nobody can be asked: --yes is needed there.
Result<bool> Confirm(const std::string& question, bool yes);

}  // namespace djps::cli
