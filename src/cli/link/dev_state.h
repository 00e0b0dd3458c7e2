#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "djps/job.h"
#include "djps/result.h"

namespace djps::cli {

/// What a running `djps dev` tells other commands, in DATA/dev.json.
struct DevState {
  int pid = 0;
  /// When that process started, in clock ticks since boot: tells it from a later one with its id.
  /// Zero where the kernel does not say.
  long long process_start = 0;
  std::string api_url;
  std::string database_url;  ///< Holds the password: the file is readable by its owner alone.
  Timestamp started_at{};

  bool operator==(const DevState&) const = default;
};

/// What belongs into `process_start` for a process; 0 when there is none.
long long ProcessStart(int pid);

/// The state that a `djps dev` left in `data_dir`, if that process is still alive.
///
/// Nothing for a folder without the file, an unreadable one, and one left by a killed process.
std::optional<DevState> FindDev(const std::filesystem::path& data_dir);

/// DATA/dev.json while this process serves: written whole, removed with the object.
class DevStateFile {
 public:
  explicit DevStateFile(std::filesystem::path data_dir) : data_dir_(std::move(data_dir)) {}
  ~DevStateFile();
  DevStateFile(const DevStateFile&) = delete;
  DevStateFile& operator=(const DevStateFile&) = delete;

  /// Errors: as for any file that cannot be written.
  Result<void> Write(const DevState& state);

 private:
  std::filesystem::path data_dir_;
  bool written_ = false;
};

}  // namespace djps::cli
