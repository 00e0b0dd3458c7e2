#include "cli/frame/environment.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>

#include "core/text.h"

namespace djps::cli {
namespace {

constexpr std::size_t kSecretBytesMax = 64U << 10U;

/// An error says what is wrong with the file.
Result<std::string> ReadSecretFile(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text(kSecretBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) {
    return Failure(ErrorCode::kInvalidArgument,
                   "cannot be read: " + std::generic_category().message(errno));
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kSecretBytesMax) {
    return Failure(ErrorCode::kInvalidArgument,
                   fmt::format("has more than {} bytes", kSecretBytesMax));
  }
  text.resize(WithoutSpaceAtEnd(text).size());
  if (text.empty()) return Failure(ErrorCode::kInvalidArgument, "is empty");
  return text;
}

}  // namespace

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

std::optional<std::string> FindTrimmed(const Environment& environment, std::string_view name) {
  const auto value = FindVariable(environment, name);
  if (!value) return std::nullopt;
  std::string trimmed(WithoutSpaceAtEnd(*value));
  if (trimmed.empty()) return std::nullopt;
  return trimmed;
}

Result<std::optional<std::string>> FindSecret(const Environment& environment,
                                              const std::string& name) {
  auto value = FindTrimmed(environment, name);
  const std::string file_name = name + "_FILE";
  const auto path = FindVariable(environment, file_name);
  if (!path) return value;
  if (value) {
    return Failure(ErrorCode::kInvalidArgument,
                   fmt::format("{} and {} are both set; unset one of them", name, file_name),
                   file_name);
  }
  auto secret = ReadSecretFile(*path);
  if (!secret) {
    return Failure(ErrorCode::kInvalidArgument,
                   fmt::format("{} names {}, which {}", file_name, *path, secret.error().message),
                   file_name);
  }
  return *std::move(secret);
}

}  // namespace djps::cli
