// A program in a process group of its own: started cheaply, and ended for certain. What it says and
// how long it may take is the business of subprocess.h.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace djps::worker {

struct ProcessCommand {
  std::string path;                      ///< Given to execve as it is: no search, no shell.
  std::vector<std::string> argv;         ///< Including the name at the front.
  std::vector<std::string> environment;  ///< "NAME=VALUE", and nothing else is inherited.
};

/// A descriptor that is closed with its owner.
class OwnedFd {
 public:
  explicit OwnedFd(int fd = -1) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(other.Release()) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    Reset(other.Release());
    return *this;
  }
  OwnedFd(const OwnedFd&) = delete;
  OwnedFd& operator=(const OwnedFd&) = delete;
  ~OwnedFd() { Reset(); }

  int Get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }
  void Reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

/// Both ends are close-on-exec.
struct Pipe {
  OwnedFd read;
  OwnedFd write;
};

/// Errors: throws std::system_error.
Pipe MakePipe();

/// How a program ended.
struct ProcessEnd {
  enum class Kind {
    kExited,    ///< `value` is the exit status.
    kSignaled,  ///< `value` is the signal.
    kUnknown,  ///< Something else in this process (SIGCHLD ignored, wait(-1)) took the status away.
  };
  Kind kind = Kind::kUnknown;
  int value = 0;
};

/// A started program and its process group, for as long as the program has not been reaped. Until
/// then the number of the group cannot be given to anyone else, so signals cannot hit strangers.
/// The destructor kills the group and reaps the program.
class ProcessGroup {
 public:
  /// Nothing to watch or to kill yet.
  explicit ProcessGroup(const boost::asio::any_io_executor& executor);
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;
  ~ProcessGroup();

  /// To be called once, with a child of this process that leads its group. Errors: throws
  /// std::system_error when it cannot be watched; it is this object's to kill all the same.
  void Adopt(pid_t pid, OwnedFd pidfd);

  /// Returns when the program, though maybe not the rest of its group, has ended.
  boost::asio::awaitable<void> WaitForEnd();

  /// Nothing happens when the group is gone.
  void Signal(int number) const;

  /// Takes the exit status; only when the program has ended. Signals do nothing from here on.
  ProcessEnd Reap();

 private:
  pid_t pid_ = 0;
  OwnedFd pidfd_;
  boost::asio::posix::stream_descriptor ended_;  ///< Readable when it has ended. Borrows pidfd_.
  bool reaped_ = true;
};

/// Starts `command` with `stdio` (from MakePipe: above 2) as its descriptors 0, 1 and 2 and without
/// any other, with default signal dispositions, no blocked signals, and no way to new privileges.
/// The kernel kills the program when the calling thread ends. Returns when the program has been
/// loaded.
///
/// Errors: throws std::system_error with errno.
std::unique_ptr<ProcessGroup> StartProcess(const boost::asio::any_io_executor& executor,
                                           ProcessCommand& command, std::array<int, 3> stdio);

}  // namespace djps::worker
