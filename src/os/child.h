// The one way to start a process: in a group of its own, bound to its parent's life, ended for
// certain. What a program says, and how long it may take, is its caller's business.
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

/// Whom a child becomes.
struct Identity {
  uid_t uid;
  gid_t gid;
  std::vector<gid_t> groups;
};

/// A program, and what it starts with: besides this, default signal dispositions, no blocked
/// signal, and no descriptor above 2.
struct Command {
  std::string path;                      ///< Given to execve as it is: no search, no shell.
  std::vector<std::string> argv;         ///< Including the name at the front.
  std::vector<std::string> environment;  ///< "NAME=VALUE", and nothing else is inherited.
  std::array<int, 3> stdio{-1, -1, -1};  ///< Copied to 0, 1 and 2; -1 is /dev/null.
  std::string work_dir{};                ///< The caller's when empty.
  std::optional<Identity> identity{};    ///< Only root may give one.
  std::optional<mode_t> file_mask{};     ///< The caller's umask when not given.
  bool no_new_privileges = false;        ///< Set-user-id programs do not work below it.
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

/// A child and its process group, until the child has been reaped. Before that the group's number
/// cannot be given to anyone else, so signals cannot hit strangers. The destructor kills the group
/// and reaps the child.
class Child {
 public:
  /// None: as one that has been reaped.
  Child() = default;
  /// Of a child that leads its group.
  Child(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  Child(Child&& other) noexcept { Swap(other); }
  Child& operator=(Child&& other) noexcept {
    Child(std::move(other)).Swap(*this);
    return *this;
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  /// -1 from Reap on.
  pid_t pid() const { return pid_; }

  /// A descriptor that is readable when the child has ended; it stays open with this object.
  int pidfd() const { return pidfd_.Get(); }

  /// To the group. Nothing happens when the child has been reaped.
  void Signal(int number) const;

  /// How the child ended, unless it still runs or was reaped before. Never waits.
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

/// Starts a program; returns when it has been loaded.
tl::expected<Child, StartFailure> Start(const Command& command);

/// A copy of this process that does `work`; what that returns is its exit status. To be called
/// while this process has no other threads. The kernel kills the child when the parent ends.
///
/// Errors: throws std::system_error.
Child Fork(const std::function<int()>& work);

}  // namespace djps::os
