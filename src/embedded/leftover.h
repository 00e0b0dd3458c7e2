#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <vector>

#include "djps/result.h"

namespace djps::embedded {

/// The content of the server's postmaster.pid.
struct PidFile {
  pid_t pid = 0;
  bool ready = false;  ///< Accepts connections.
};

/// Nothing if the file is missing or incomplete.
std::optional<PidFile> ReadPidFile(const std::filesystem::path& pg_dir);

/// Ends processes that a killed djps or postmaster left in `pg_dir`, and removes lock files that
/// would prevent the start of a new server. Call only while holding the data folder's lock.
///
/// A postmaster is asked to stop (it has been told already, by the death signal), and gets
/// `stop_timeout`; backends without a postmaster get a second, since no client waits for them.
///
/// Errors: kUnavailable if a process cannot be ended.
Result<void> EndLeftovers(const std::filesystem::path& pg_dir,
                          const std::filesystem::path& socket_dir,
                          std::chrono::milliseconds stop_timeout);

/// Kills processes that an interrupted creation left in its unfinished folder.
void KillCreators(const std::filesystem::path& data_dir, const std::filesystem::path& unfinished);

}  // namespace djps::embedded
