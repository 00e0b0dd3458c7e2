#pragma once

#include <filesystem>

#include "djps/result.h"
#include "embedded/server_user.h"
#include "os/unique_fd.h"

namespace djps::embedded {

/// Where the cluster itself lives inside the data folder.
std::filesystem::path PgDir(const std::filesystem::path& data_dir);

/// A data folder of this process: locked, private, and owned by the server's user.
struct DataDir {
  std::filesystem::path path;  ///< Absolute, without symbolic links.
  os::UniqueFd lock;           ///< Held until closed; also freed by the kernel when we are killed.
};

/// Creates the folder if it is missing, and locks it for this process.
///
/// Errors: kUnsupported (it has other files, or `user` cannot reach it), kAlreadyRunning,
///         kUnavailable.
Result<DataDir> OpenDataDir(const std::filesystem::path& path, const ServerUser& user);

/// The folder of the unix socket: the data folder, unless its path cannot be a socket's address;
/// then a private one in /tmp with a name derived from it.
std::filesystem::path SocketDir(const std::filesystem::path& data_dir);

/// Makes the folder of the socket if it is not the data folder.
///
/// Errors: kUnsupported if another user has a file or folder with this name.
Result<void> PrepareSocketDir(const std::filesystem::path& data_dir, const ServerUser& user);

/// Gives `path` and everything below it to `user`. Does nothing unless we are root and `path`
/// belongs to another user (a restored backup, or a user `postgres` that came after the cluster).
Result<void> GiveTo(const ServerUser& user, const std::filesystem::path& path);

}  // namespace djps::embedded
