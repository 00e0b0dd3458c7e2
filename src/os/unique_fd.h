#pragma once

#include <unistd.h>

#include <utility>

namespace djps::os {

/// Owns a file descriptor; -1 owns none.
class UniqueFd {
 public:
  explicit UniqueFd(int fd = -1) : fd_(fd) {}
  ~UniqueFd() { Reset(); }
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    Reset(other.Release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;

  int Get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }
  void Reset(int fd = -1) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

/// Both ends are close-on-exec, and above 2, so that output for standard output cannot go there.
struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

/// Errors: throws std::system_error.
Pipe MakePipe();

/// A second descriptor of the same file, close-on-exec and above 2; none, and errno, when refused.
UniqueFd DuplicateAboveStdio(int fd);

}  // namespace djps::os
