#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <vector>

#include "djps/result.h"

namespace djps::embedded {

/// What the server writes into its postmaster.pid.
struct PidFile {
  pid_t pid = 0;
  bool ready = false;  ///< Accepts connections.
};

/// Nothing when there is no such file, or only half of one.
std::optional<PidFile> ReadPidFile(const std::filesystem::path& pg_dir);

/// Ends what a killed djps or a killed postmaster left running in `pg_dir`, and removes lock files
/// that would stop a new server from starting. Call only while holding the data folder's lock.
///
/// A postmaster is asked to stop (it has been told already, by the death signal), and gets
/// `stop_timeout`; backends that lost their postmaster get a second, since nobody waits for them.
///
/// Errors: kUnavailable when something cannot be ended.
Result<void> EndLeftovers(const std::filesystem::path& pg_dir,
                          const std::filesystem::path& socket_dir,
                          std::chrono::milliseconds stop_timeout);

/// Kills what an interrupted creation left running in its unfinished folder.
void KillCreators(const std::filesystem::path& data_dir, const std::filesystem::path& unfinished);

}  // namespace djps::embedded
