#pragma once

#include <cstdlib>
#include <string>

namespace djps::embedded {

/// The value of an environment variable; empty when it is not set.
inline std::string EnvironmentValue(const char* name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): DJPS never changes its environment, so reading is safe.
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace djps::embedded
