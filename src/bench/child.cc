#include "bench/child.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <exception>
#include <system_error>
#include <thread>

namespace djps::bench {
namespace {

constexpr int kFailed = 1;
constexpr int kNotExecuted = 127;
constexpr std::chrono::milliseconds kLook{2};

[[noreturn]] void RunChild(const std::function<int()>& work, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kFailed);
  setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  int code = kFailed;
  try {
    code = work();
  } catch (const std::exception& error) {
    const std::string line = std::string("djps: ") + error.what() + "\n";
    [[maybe_unused]] const auto written = write(STDERR_FILENO, line.data(), line.size());
  }
  // Not exit: what stands to be done at the end is the parent's.
  _exit(code);
}

}  // namespace

Child::Child(const std::function<int()>& work) {
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ == 0) RunChild(work, parent);
}

Child::~Child() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

bool Child::Ended() {
  if (pid_ >= 0 && waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
  return pid_ < 0;
}

void Child::Terminate() const {
  if (pid_ >= 0) kill(pid_, SIGTERM);
}

void Child::Wait(std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!Ended()) {
    if (std::chrono::steady_clock::now() >= deadline) kill(pid_, SIGKILL);
    std::this_thread::sleep_for(kLook);
  }
}

int ExecuteSelf(const std::vector<std::string>& args) {
  std::vector<std::string> words = args;
  words.insert(words.begin(), "djps");
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  execv("/proc/self/exe", pointers.data());
  return kNotExecuted;
}

int FindFreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  const bool found = fd >= 0 && bind(fd, any, size) == 0 && getsockname(fd, any, &size) == 0;
  const int error = errno;
  if (fd >= 0) close(fd);
  if (!found) throw std::system_error(error, std::generic_category(), "no free port");
  return ntohs(address.sin_port);
}

}  // namespace djps::bench
