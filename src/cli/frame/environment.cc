#include "cli/frame/environment.h"

#include <unistd.h>

namespace djps::cli {

Environment ReadEnvironment() {
  Environment environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals + 1 == text.size()) continue;
    environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

std::optional<std::string> FindVariable(const Environment& environment, std::string_view name) {
  const auto entry = environment.find(name);
  if (entry == environment.end()) return std::nullopt;
  return entry->second;
}

}  // namespace djps::cli
