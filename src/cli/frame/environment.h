#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace djps::cli {

/// Environment variables by name. A variable set to nothing counts as not set: it is how a shell or
/// a compose file switches one off.
using Environment = std::map<std::string, std::string, std::less<>>;

/// This process's variables as they are now.
Environment ReadEnvironment();

std::optional<std::string> FindVariable(const Environment& environment, std::string_view name);

}  // namespace djps::cli
