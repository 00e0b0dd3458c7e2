#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "djps/result.h"

namespace djps::cli {

/// Environment variables by name. A variable set to nothing counts as not set: it is how a shell or
/// a compose file switches one off.
using Environment = std::map<std::string, std::string, std::less<>>;

/// This process's variables as they are now.
Environment ReadEnvironment();

std::optional<std::string> FindVariable(const Environment& environment, std::string_view name);

/// A variable whose value people paste or read from a file: without white space at its end.
std::optional<std::string> FindTrimmed(const Environment& environment, std::string_view name);

/// A secret: the variable `name`, or what is in the file that `name`_FILE names, as container
/// platforms hand them over. Both without white space at their end.
///
/// Errors: kInvalidArgument when the file cannot be read, is empty or too large, or when both are
///         set. Never shows the secret.
Result<std::optional<std::string>> FindSecret(const Environment& environment,
                                              const std::string& name);

}  // namespace djps::cli
