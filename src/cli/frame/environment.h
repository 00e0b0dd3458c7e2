#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "djps/result.h"

namespace djps::cli {

/// Environment variables by name. An empty variable counts as not set: that is how a shell or a
/// compose file unsets one.
using Environment = std::map<std::string, std::string, std::less<>>;

/// The current environment variables of this process.
Environment ReadEnvironment();

std::optional<std::string> FindVariable(const Environment& environment, std::string_view name);

/// A variable whose value people paste or read from a file. White space at its end is removed.
std::optional<std::string> FindTrimmed(const Environment& environment, std::string_view name);

/// A secret: the variable `name`, or the content of the file that `name`_FILE names, as container
/// platforms mount secrets. White space at the end is removed.
///
/// Errors: kInvalidArgument when the file cannot be read, is empty or too large, or when both are
///         set. Never shows the secret.
Result<std::optional<std::string>> FindSecret(const Environment& environment,
                                              const std::string& name);

}  // namespace djps::cli
