#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "djps/result.h"
#include "os/child.h"
#include "os/unique_fd.h"

namespace djps::embedded {

inline constexpr int kOldestMajor = 14;
inline constexpr int kNewestMajor = 18;

/// A folder with `initdb` and `postgres`, and which PostgreSQL they are.
struct ServerBinaries {
  std::filesystem::path bin_dir;
  int major = 0;
};

/// Looks only in `hint` if it is given; else in Debian's versioned folders
/// (/usr/lib/postgresql/N/bin, the newest supported N first), then along PATH.
///
/// Errors: kNotFound, listing all searched places and the package to install;
///         kUnsupported for a version outside kOldestMajor..kNewestMajor.
Result<ServerBinaries> FindServerBinaries(const std::optional<std::filesystem::path>& hint);

/// The default folder: /var/lib/djps for root, else
/// $XDG_DATA_HOME/djps, else $HOME/.local/share/djps.
std::filesystem::path DefaultDataDir();

struct ClusterConfig {
  ServerBinaries binaries;
  std::filesystem::path
      data_dir;  ///< Holds the cluster (`pg/`), its log and its socket; made if missing.
  /// false only in tests that crash neither the machine nor the server: no fsync and no synchronous
  /// commit, so that clusters start fast.
  bool durable = true;
  std::chrono::milliseconds start_timeout{60'000};
  std::chrono::milliseconds stop_timeout{30'000};
};

/// A private PostgreSQL server on a unix socket inside its data folder, with a role, password and
/// database `djps`. The postmaster is a child in a process group of its own, so that a Ctrl-C in
/// the terminal reaches only this process. When this process dies, the kernel signals the
/// postmaster to stop.
///
/// Thread-safety: one thread at a time. The thread that calls Start must outlive the cluster (the
/// kernel ties the death signal to it).
class Cluster {
 public:
  /// Creates the cluster the first time, recovers it after a crash, and waits until it accepts
  /// connections. If a postmaster of a killed process is left, waits for its end and replaces it.
  ///
  /// Errors: kUnsupported (folder made by another major version; a folder that is not ours),
  ///         kAlreadyRunning (another live process holds the folder's lock),
  ///         kUnavailable (did not start; the message ends with the last lines of its log).
  static Result<std::unique_ptr<Cluster>> Start(ClusterConfig config);

  /// Stops the server (fast shutdown; immediate after stop_timeout).
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  /// A libpq connection string to database `djps`, e.g. "host=/var/lib/djps port=5432 user=djps
  /// ...".
  const std::string& connection_string() const { return connection_string_; }

  /// The postmaster's process id, for tests that kill it.
  int postmaster_pid() const { return postmaster_.pid(); }

  /// True while the postmaster runs; reaps it when it has ended. Never waits.
  bool Running();

  /// Starts the postmaster again after it died (recovery included). Errors as Start.
  Result<void> Restart();

  /// Fast shutdown; true when it ended cleanly within stop_timeout. Safe to repeat.
  bool Stop();

 private:
  explicit Cluster(ClusterConfig config);
  Result<void> Launch();

  ClusterConfig config_;
  std::string connection_string_;
  os::UniqueFd lock_;  ///< Released last, when the server has ended.
  os::Child postmaster_;
};

}  // namespace djps::embedded
