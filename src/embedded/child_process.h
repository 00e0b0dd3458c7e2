#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "djps/result.h"
#include "embedded/server_user.h"
#include "os/child.h"

namespace djps::embedded {

using os::Clock;

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

/// Starts a child and returns once its program runs.
///
/// Errors: kUnavailable, naming the step that failed.
Result<os::Child> Spawn(const ChildSpec& spec);

/// Starts a child and waits for it; it is killed when it takes longer than `timeout`.
///
/// Errors: as Spawn, and kUnavailable when it was killed.
Result<os::ProcessEnd> RunToEnd(const ChildSpec& spec, std::chrono::milliseconds timeout);

/// Whether `user` may enter a folder, as the kernel sees it (access control lists included).
bool CanEnter(const std::filesystem::path& folder, const ServerUser& user);

/// The text of errno.
std::string ErrnoText(int error);

}  // namespace djps::embedded
