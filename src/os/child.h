// The only way to start a process: in its own group, killed when its parent dies, and always
// reaped. The caller handles the program's output and timeouts.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <csignal>
#include <functional>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "os/unique_fd.h"

namespace djps::os {

using Clock = std::chrono::steady_clock;

/// The user and groups of a child.
struct Identity {
  uid_t uid;
  gid_t gid;
  std::vector<gid_t> groups;
};

/// A program and its start parameters. It also gets default signal dispositions, no blocked signal,
/// and no descriptor above 2.
struct Command {
  std::string path;                      ///< Passed to execve unchanged: no search, no shell.
  std::vector<std::string> argv;         ///< Including the name at the front.
  std::vector<std::string> environment;  ///< "NAME=VALUE"; nothing else is inherited.
  std::array<int, 3> stdio{-1, -1, -1};  ///< Copied to 0, 1 and 2; -1 is /dev/null.
  std::string work_dir{};                ///< Empty: the caller's.
  std::optional<Identity> identity{};    ///< Only root may set it.
  std::optional<mode_t> file_mask{};     ///< Absent: the caller's umask.
  bool no_new_privileges = false;        ///< Its children cannot use set-user-id programs.
  int death_signal = SIGKILL;  ///< From the kernel, when the thread that called Start ends.
};

/// How a process ended.
struct ProcessEnd {
  enum class Kind {
    kExited,    ///< `value` is the exit status.
    kSignaled,  ///< `value` is the signal.
    kUnknown,  ///< Something else in this process (SIGCHLD ignored, wait(-1)) took the status away.
  };
  Kind kind = Kind::kUnknown;
  int value = 0;

  bool Succeeded() const { return kind == Kind::kExited && value == 0; }
};

/// "exit status 1", "killed by signal 9", ...
std::string Describe(const ProcessEnd& end);

/// A child and its process group, until the child is reaped. Before that the group's number is not
/// reused, so signals cannot reach other processes. The destructor kills the group and reaps the
/// child.
class Child {
 public:
  /// No child: like one that has been reaped.
  Child() = default;
  /// For a child that leads its group.
  Child(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  Child(Child&& other) noexcept { Swap(other); }
  Child& operator=(Child&& other) noexcept {
    Child(std::move(other)).Swap(*this);
    return *this;
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  /// -1 after Reap.
  pid_t pid() const { return pid_; }

  /// A descriptor that is readable when the child has ended; it stays open with this object.
  int pidfd() const { return pidfd_.Get(); }

  /// Signals the group. Does nothing if the child has been reaped.
  void Signal(int number) const;

  /// How the child ended; nothing if it still runs or was reaped before. Never waits.
  std::optional<ProcessEnd> Reap();

  /// Like Reap, but waits until the deadline.
  std::optional<ProcessEnd> ReapBy(Clock::time_point deadline);

 private:
  void Swap(Child& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(pidfd_, other.pidfd_);
  }

  pid_t pid_ = -1;
  UniqueFd pidfd_;
};

/// The step at which a program could not be started, and errno.
struct StartFailure {
  enum class Step { kPrepare, kBecomeUser, kEnterFolder, kExecute };
  Step step = Step::kPrepare;
  int error = 0;
};

/// Starts a program; returns once it is loaded.
tl::expected<Child, StartFailure> Start(const Command& command);

/// Starts a copy of this process that runs `work`, whose result is the exit status. Call it only
/// while this process has no other threads. The kernel kills the child when the parent ends.
///
/// Errors: throws std::system_error.
Child Fork(const std::function<int()>& work);

}  // namespace djps::os
