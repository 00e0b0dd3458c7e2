#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "djps/result.h"
#include "embedded/server_user.h"

namespace djps::embedded {

/// Replaces a file atomically, synced to disk, readable only by `user`. A symbolic link in its
/// place is replaced, never followed: as root we write in folders of other users.
Result<void> WriteOwnedFile(const std::filesystem::path& path, std::string_view text,
                            const ServerUser& user);

/// The whole text; nothing when it cannot be read. For small files only.
std::optional<std::string> ReadFile(const std::filesystem::path& path);

/// Syncs a folder, so that created, renamed or removed names survive a power failure.
Result<void> SyncFolder(const std::filesystem::path& folder);

/// "cannot <action> <path>: <reason>" with the code for a failing disk or permission.
tl::unexpected<Error> FileFailure(std::string_view action, const std::filesystem::path& path,
                                  int error);

}  // namespace djps::embedded
