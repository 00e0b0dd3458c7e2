#pragma once

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "support/run_coroutine.h"
#include "worker/exec/subprocess.h"

namespace djps::test_support {

inline constexpr std::chrono::minutes kLongTime{10};

inline worker::ProcessLimits DefaultLimits() {
  return {.kill_after = kLongTime, .output_bytes_max = 4 << 20, .error_tail_bytes = 1024};
}

inline os::Command Shell(const std::string& script, std::vector<std::string> arguments = {}) {
  os::Command command{"/bin/sh", {"sh", "-c", script, "sh"}, {"PATH=/usr/bin:/bin"}};
  for (std::string& argument : arguments) command.argv.push_back(std::move(argument));
  return command;
}

inline worker::ProcessResult RunToEnd(os::Command command, std::string_view input = {},
                                      worker::ProcessLimits limits = DefaultLimits(),
                                      std::stop_token stop = {}) {
  return RunCoroutine(worker::RunProcess(std::move(command), input, limits, std::move(stop)));
}

/// A zombie does not count: whoever inherits orphans here may not reap them.
inline bool IsAlive(pid_t pid) {
  if (::kill(pid, 0) != 0) return false;
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t name_end = text.rfind(')');
  return name_end != std::string::npos && text.at(name_end + 2) != 'Z' &&
         text.at(name_end + 2) != 'X';
}

inline bool EndsSoon(pid_t pid) {
  const auto end = std::chrono::steady_clock::now() + kRunDeadline;
  while (IsAlive(pid)) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

inline bool HasChildren() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

inline std::size_t OpenDescriptors() {
  const std::filesystem::directory_iterator descriptors("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(descriptors), end(descriptors)));
}

/// A file in which a script leaves process ids, one a line.
class PidFile {
 public:
  PidFile() {
    std::string name = (std::filesystem::temp_directory_path() / "djps-pids-XXXXXX").string();
    const int fd = ::mkstemp(name.data());
    if (fd < 0) throw std::system_error(errno, std::generic_category(), name);
    ::close(fd);
    path_ = name;
  }
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  ~PidFile() { std::filesystem::remove(path_); }

  const std::string& path() const { return path_; }

  std::vector<pid_t> Read() const {
    std::ifstream file(path_);
    std::vector<pid_t> pids;
    for (std::string line; std::getline(file, line) && !file.eof();)
      pids.push_back(std::stoi(line));
    return pids;
  }

  bool WaitFor(std::size_t count) const {
    const auto end = std::chrono::steady_clock::now() + kRunDeadline;
    while (Read().size() < count) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::yield();
    }
    return true;
  }

 private:
  std::string path_;
};

}  // namespace djps::test_support
