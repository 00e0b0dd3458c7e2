#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace djps::test_support {

/// A child process, killed and reaped at the end of its scope.
class Process {
 public:
  /// `environment`: "NAME=VALUE", added to ours. Output goes to `log`, appended.
  Process(const std::vector<std::string>& argv, const std::vector<std::string>& environment,
          const std::string& log);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int signal) const;

  /// Waits for the end; returns the status of waitpid. Fails the test after a minute.
  int Wait();

 private:
  pid_t pid_ = -1;
};

/// The whole content of a file; empty when there is none.
std::string ReadFile(const std::string& path);

}  // namespace djps::test_support
