#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "djps/result.h"
#include "embedded/server_user.h"

namespace djps::embedded {

using Clock = std::chrono::steady_clock;

/// How to start one of PostgreSQL's programs.
struct ChildSpec {
  std::filesystem::path program;  ///< Absolute.
  std::vector<std::string> args;  ///< Without the program itself.
  ServerUser user;
  std::filesystem::path work_dir = "/";
  int input_fd = -1;           ///< Becomes standard input; /dev/null when -1. Stays the caller's.
  int output_fd = -1;          ///< Becomes standard output and error. Stays the caller's.
  int death_signal = SIGKILL;  ///< Sent by the kernel when the thread that called Spawn ends.
};

/// Starts a child in a process group of its own and returns once its program runs.
///
/// Errors: kUnavailable, naming the step that failed.
Result<pid_t> Spawn(const ChildSpec& spec);

/// Starts a child and waits for it; it is killed when it takes longer than `timeout`.
///
/// Returns the wait status. Errors: as Spawn, and kUnavailable when it was killed.
Result<int> RunToEnd(const ChildSpec& spec, std::chrono::milliseconds timeout);

/// The wait status of our child `pid` when it has ended, else nothing. Never waits. A child reaped
/// by somebody else counts as ended with kStatusUnknown.
std::optional<int> Reap(pid_t pid);
inline constexpr int kStatusUnknown = -1;

/// Like Reap, but waits until the deadline.
std::optional<int> WaitForEnd(pid_t pid, Clock::time_point deadline);

/// "exit status 1", "killed by signal 9", ...
std::string DescribeStatus(int status);

/// Whether `user` may enter a folder, as the kernel sees it (access control lists included).
bool CanEnter(const std::filesystem::path& folder, const ServerUser& user);

/// The text of errno.
std::string ErrnoText(int error);

}  // namespace djps::embedded
