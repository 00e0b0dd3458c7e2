// Runs the real program as a user does, for the tests of the command line.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "build_paths.h"
#include "support/temporary_folder.h"

namespace djps::cli {

using Args = std::vector<std::string>;

/// Reached only when something hangs.
inline constexpr std::chrono::seconds kPatience{90};

inline bool WaitUntil(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

inline bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline std::string ReadText(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

using TempDir = test_support::TemporaryFolder;

/// How a process ended, and what it wrote.
struct Ended {
  int code = -1;  ///< The exit code, or 128 + the signal as in a shell.
  std::string out;
  std::string err;

  boost::json::object Json() const { return boost::json::parse(out).as_object(); }
};

/// A running program whose environment has only PATH.
class Program {
 public:
  Program(const Args& argv, const Args& environment = {}, const std::string& input = "") {
    std::ofstream(files_ / "in") << input;
    std::vector<std::string> variables = environment;
    variables.push_back("PATH=/usr/local/bin:/usr/bin:/bin");
    variables.push_back("HOME=" + files_.path().string());
    variables.push_back("XDG_DATA_HOME=" + files_.path().string());
    const std::vector<char*> args = Pointers(argv);
    const std::vector<char*> env = Pointers(variables);
    const int in = open((files_ / "in").c_str(), O_RDONLY | O_CLOEXEC);
    const int out = open((files_ / "out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const int err = open((files_ / "err").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(in, STDIN_FILENO);
      dup2(out, STDOUT_FILENO);
      dup2(err, STDERR_FILENO);
      signal(SIGPIPE, SIG_DFL);
      signal(SIGINT, SIG_DFL);  // ignored where a shell started the tests in the background
      execve(args[0], args.data(), env.data());
      _exit(127);
    }
    for (const int fd : {in, out, err}) close(fd);
    if (pid_ < 0) throw std::runtime_error("fork failed");
  }

  ~Program() {
    if (pid_ < 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int signal) const { kill(pid_, signal); }
  std::string Out() const { return ReadText(files_ / "out"); }
  std::string Err() const { return ReadText(files_ / "err"); }

  Ended Wait() {
    const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
    pollfd ended{fd, POLLIN, 0};
    const int ready = poll(&ended, 1, static_cast<int>(kPatience.count()) * 1000);
    close(fd);
    if (ready != 1) throw std::runtime_error("the program hangs; its log: " + Err());
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), Out(), Err()};
  }

 private:
  static std::vector<char*> Pointers(const std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
    pointers.push_back(nullptr);
    return pointers;
  }

  TempDir files_;
  pid_t pid_ = -1;
};

inline Args WithBinary(Args args) {
  args.insert(args.begin(), test_support::kDjpsBinary);
  return args;
}

/// Runs djps to its end.
inline Ended Djps(Args args, const std::string& input = "", const Args& environment = {}) {
  return Program(WithBinary(std::move(args)), environment, input).Wait();
}

inline bool ProcessExists(int pid) { return kill(pid, 0) == 0; }

/// A `djps dev` on a folder, ready for use; killed at the end if it still runs.
class Dev {
 public:
  explicit Dev(std::string data, const Args& more = {}) : data_(std::move(data)) {
    Args args = WithBinary({"dev", "--data", data_, "--port", "0"});
    args.insert(args.end(), more.begin(), more.end());
    program_.emplace(args);
    const bool ready = WaitUntil([this] {
      const std::string json = ReadText(data_ + "/dev.json");
      if (json.empty()) return false;
      boost::json::error_code incomplete;
      const auto state = boost::json::parse(json, incomplete);
      return !incomplete && state.at("pid").to_number<int>() == program_->pid();
    });
    if (!ready) throw std::runtime_error("djps dev did not start: " + program_->Err());
    postmaster_ = std::stoi(ReadText(data_ + "/pg/postmaster.pid"));
  }

  ~Dev() {
    program_.reset();
    // Told by the kernel to stop; the folder cannot be removed before it has.
    WaitUntil([this] { return !ProcessExists(Postmaster()); });
  }
  Dev(const Dev&) = delete;
  Dev& operator=(const Dev&) = delete;

  Program& program() { return *program_; }
  const std::string& data() const { return data_; }

  /// For the Postgres that runs now, or ran last.
  int Postmaster() {
    std::istringstream file(ReadText(data_ + "/pg/postmaster.pid"));
    int pid = 0;
    if (file >> pid) postmaster_ = pid;
    return postmaster_;
  }

  Ended Stop() {
    program_->Signal(SIGINT);
    return program_->Wait();
  }

  /// Runs a command that finds this dev by its folder.
  Ended Run(Args args, const std::string& input = "") const {
    // Before a program's own arguments.
    auto place = std::find(args.begin(), args.end(), "--exec");
    place = args.insert(place, data_);
    args.insert(place, "--data");
    return Djps(std::move(args), input);
  }

  /// Submits a job and returns its id.
  std::string Enqueue(const std::string& type, const std::string& payload = "{}") const {
    const Ended ended = Run({"enqueue", "--type", type, "--payload", payload});
    EXPECT_EQ(ended.code, 0) << ended.err;
    return ended.out.substr(0, ended.out.find('\n'));
  }

  boost::json::object Job(const std::string& id) const {
    const Ended ended = Run({"job", "get", id, "--json"});
    EXPECT_EQ(ended.code, 0) << ended.err;
    return ended.code == 0 ? ended.Json() : boost::json::object();
  }

  boost::json::object State() const {
    return boost::json::parse(ReadText(data_ + "/dev.json")).as_object();
  }

 private:
  std::string data_;
  std::optional<Program> program_;
  int postmaster_ = 0;
};

/// One `djps dev` for all tests of a suite.
class DevSuite : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    temp_ = std::make_unique<TempDir>();
    dev_ = std::make_unique<Dev>(*temp_ / "data");
  }
  static void TearDownTestSuite() {
    dev_.reset();
    temp_.reset();
  }

  static std::string DatabaseUrl() { return dev_->State().at("database_url").as_string().c_str(); }

  // Suites run one after the other, so one variable is enough.
  static inline std::unique_ptr<TempDir> temp_;
  static inline std::unique_ptr<Dev> dev_;
};

}  // namespace djps::cli
