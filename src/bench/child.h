#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace djps::bench {

/// A process that this one has forked, in a group of its own so that a Ctrl-C does not reach it;
/// the kernel kills it when this process dies.
class Child {
 public:
  /// Runs `work` there; its return value is the exit code. To be called while this process has no
  /// other threads. Throws std::system_error.
  explicit Child(const std::function<int()>& work);
  /// Kills it if it still runs.
  ~Child();
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Child& operator=(Child&&) = delete;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  /// Has it ended? Then it is gone for good.
  bool Ended();
  void Terminate() const;
  /// Waits until it has ended after Terminate, and kills it when that takes too long.
  void Wait(std::chrono::milliseconds patience);

 private:
  pid_t pid_ = -1;
};

/// Becomes this very program with other arguments; for the `work` of a Child. Returns only when
/// that fails.
int ExecuteSelf(const std::vector<std::string>& args);

/// A free port of 127.0.0.1, most likely still free when it is used. Throws std::system_error.
int FindFreePort();

}  // namespace djps::bench
