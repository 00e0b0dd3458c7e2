#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "djps/job.h"
#include "djps/result.h"

namespace djps::cli {

/// What other commands need to know about a running `djps dev`; stored in DATA/dev.json.
struct DevState {
  int pid = 0;
  /// When that process started, in clock ticks since boot. Distinguishes it from a later process
  /// with the same id. Zero if unknown.
  long long process_start = 0;
  std::string api_url;
  std::string database_url;  ///< Contains the password, so only the owner can read the file.
  Timestamp started_at{};

  bool operator==(const DevState&) const = default;
};

/// The `process_start` of a process; 0 if there is no such process.
long long ProcessStart(int pid);

/// The state of the `djps dev` on `data_dir`, if that process is still alive.
///
/// Nothing if the file is missing, cannot be read, or was left by a killed process.
std::optional<DevState> FindDev(const std::filesystem::path& data_dir);

/// DATA/dev.json while this process serves: written atomically, removed with the object.
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
