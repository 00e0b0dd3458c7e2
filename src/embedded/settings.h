#pragma once

#include <filesystem>

#include "djps/result.h"
#include "embedded/server_user.h"

namespace djps::embedded {

/// The file beside postgresql.conf that holds all of DJPS's settings; it also marks a cluster as
/// made by DJPS.
inline constexpr const char* kSettingsFile = "djps.conf";

struct ServerSettings {
  std::filesystem::path socket_dir;
  bool durable = true;
};

/// Rewrites the settings file and makes sure that postgresql.conf includes it.
Result<void> WriteSettings(const std::filesystem::path& pg_dir, const ServerSettings& settings,
                           const ServerUser& user);

}  // namespace djps::embedded
