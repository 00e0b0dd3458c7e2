#include "worker/exec/process_group.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <system_error>

#ifdef __SANITIZE_THREAD__
// ThreadSanitizer replaces clone by a version that takes each child for a fork with memory of its
// own, and then stops watching the parent. This is the C library's own.
extern "C" int UnwatchedClone(int (*function)(void*), void* stack, int flags, void* argument,
                              ...) __asm__("__clone");
#endif

namespace djps::worker {
namespace {

/// The child makes a dozen system calls on this stack before it has one of its own.
constexpr std::size_t kChildStackBytes = std::size_t{32} * 1024;

/// How long a destructor waits for a killed program to be gone. It takes less than a millisecond
/// unless the program hangs inside the kernel (a dead network file system); such a one is left to
/// the worker's own parent rather than stopping every other job.
constexpr int kReapWaitMs = 2000;

constexpr int kExitNotStarted = 127;
constexpr int kFirstFdAboveStdio = 3;
/// As wide as a register: an int's upper half would be left to chance, and prctl checks it.
constexpr unsigned long kNone = 0;

[[noreturn]] void ThrowErrno(const char* call) {
  throw std::system_error(errno, std::generic_category(), call);
}

/// A worker started with closed standard streams gets the numbers 0..2 for its pipes; the child's
/// dup2 calls would then overwrite one pipe with another.
OwnedFd AboveStdio(OwnedFd fd) {
  if (fd.Get() >= kFirstFdAboveStdio) return fd;
  const int moved = ::fcntl(fd.Get(), F_DUPFD_CLOEXEC, kFirstFdAboveStdio);
  if (moved < 0) ThrowErrno("fcntl");
  return OwnedFd(moved);
}

/// What the child needs, all of it prepared before it exists, and its only answer.
struct ChildPlan {
  const char* path;
  char* const* argv;
  char* const* environment;
  std::array<int, 3> stdio;
  pid_t parent;
  int error = 0;  ///< errno of the call that failed.
};

// The three functions below run in the child, on the parent's memory: only system calls, made
// directly. A sanitizer's replacement for sigaction or dup2 would record in its tables, which are
// the parent's, what only happens to the child; for the same reason nothing here is instrumented.

__attribute__((no_sanitize("address", "thread", "undefined"))) void ResetSignals() {
  // The kernel's struct sigaction in any field order: SIG_DFL, no flags, empty mask.
  const std::array<unsigned long, 4> default_action{};
  const std::size_t mask_bytes = _NSIG / 8;
  for (int number = 1; number < _NSIG; ++number) {
    ::syscall(SYS_rt_sigaction, number, default_action.data(), nullptr, mask_bytes);
  }
  // Only now: a handler of the parent must not run here.
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, default_action.data(), nullptr, mask_bytes);
}

__attribute__((no_sanitize("address", "thread", "undefined"))) bool PrepareChild(
    const ChildPlan& plan) {
  if (::syscall(SYS_setpgid, 0, 0) != 0) return false;
  if (::syscall(SYS_prctl, PR_SET_PDEATHSIG, static_cast<unsigned long>(SIGKILL), kNone, kNone,
                kNone) != 0)
    return false;
  // A parent that died before the line above sends no signal any more.
  if (::syscall(SYS_getppid) != plan.parent) ::syscall(SYS_exit_group, kExitNotStarted);
  // Also keeps a set-user-id program from shedding the death signal.
  if (::syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1UL, kNone, kNone, kNone) != 0) return false;
  for (int number = 0; number < kFirstFdAboveStdio; ++number) {
    if (::syscall(SYS_dup3, plan.stdio[number], number, 0) < 0) return false;
  }
  // Ours are close-on-exec; the host program's may not be. Without the call (Linux before 5.9)
  // those leak, as they do from any other fork of the host.
  ::syscall(SYS_close_range, kFirstFdAboveStdio, ~0U, 0);
  ResetSignals();
  return true;
}

__attribute__((no_sanitize("address", "thread", "undefined"))) int ChildMain(void* argument) {
  auto& plan = *static_cast<ChildPlan*>(argument);
  if (PrepareChild(plan)) ::syscall(SYS_execve, plan.path, plan.argv, plan.environment);
  plan.error = errno;
  return kExitNotStarted;
}

/// Returns as clone does.
pid_t CloneChild(ChildPlan& plan, void* stack_end, int& pidfd) {
  const int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD;
#ifdef __SANITIZE_THREAD__
  return UnwatchedClone(&ChildMain, stack_end, flags, &plan, &pidfd);
#else
  return ::clone(&ChildMain, stack_end, flags, &plan, &pidfd);
#endif
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Pipe MakePipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) ThrowErrno("pipe2");
  OwnedFd read(fds[0]);
  OwnedFd write(fds[1]);
  return Pipe{AboveStdio(std::move(read)), AboveStdio(std::move(write))};
}

ProcessGroup::ProcessGroup(const boost::asio::any_io_executor& executor) : ended_(executor) {}

ProcessGroup::~ProcessGroup() {
  if (!reaped_) {
    Signal(SIGKILL);
    pollfd ended{.fd = pidfd_.Get(), .events = POLLIN, .revents = 0};
    ::poll(&ended, 1, kReapWaitMs);
    Reap();
  }
  if (ended_.is_open()) ended_.release();  // pidfd_ closes it.
}

void ProcessGroup::Adopt(pid_t pid, OwnedFd pidfd) {
  pid_ = pid;
  pidfd_ = std::move(pidfd);
  reaped_ = false;
  boost::system::error_code error;
  ended_.assign(pidfd_.Get(), error);
  if (error) throw std::system_error(error.value(), std::generic_category(), "epoll_ctl");
}

boost::asio::awaitable<void> ProcessGroup::WaitForEnd() {
  co_await ended_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                             boost::asio::use_awaitable);
}

void ProcessGroup::Signal(int number) const {
  if (!reaped_) ::kill(-pid_, number);
}

ProcessEnd ProcessGroup::Reap() {
  siginfo_t info{};
  const int status = ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.Get()), &info, WEXITED | WNOHANG);
  reaped_ = true;
  if (status != 0 || info.si_pid == 0) return {};
  const bool exited = info.si_code == CLD_EXITED;
  return {exited ? ProcessEnd::Kind::kExited : ProcessEnd::Kind::kSignaled, info.si_status};
}

/// Starts the program as posix_spawn does: clone with CLONE_VM | CLONE_VFORK, so nothing of the
/// worker's memory is copied (fork's cost grows with it) and this thread sleeps until the program
/// has been loaded or could not be. Sharing memory also makes a pipe for the error needless. It is
/// not posix_spawn itself because that cannot set the death signal, forbid new privileges, or
/// return a pidfd. The child has a stack of its own, and signals are blocked so that no handler of
/// the worker runs on shared memory in the child.
std::unique_ptr<ProcessGroup> StartProcess(const boost::asio::any_io_executor& executor,
                                           ProcessCommand& command, std::array<int, 3> stdio) {
  const std::vector<char*> argv = Pointers(command.argv);
  const std::vector<char*> environment = Pointers(command.environment);
  ChildPlan plan{command.path.c_str(), argv.data(), environment.data(), stdio, ::getpid()};
  // Before the child exists, so that nothing can be thrown between its start and its adoption.
  auto group = std::make_unique<ProcessGroup>(executor);
  const auto stack = std::make_unique_for_overwrite<std::byte[]>(kChildStackBytes);

  sigset_t all_signals;
  sigset_t previous;
  sigfillset(&all_signals);
  ::pthread_sigmask(SIG_SETMASK, &all_signals, &previous);
  int pidfd = -1;
  const pid_t pid = CloneChild(plan, stack.get() + kChildStackBytes, pidfd);
  const int clone_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &previous, nullptr);

  if (pid < 0) throw std::system_error(clone_error, std::generic_category(), "clone");
  group->Adopt(pid, OwnedFd(pidfd));
  if (plan.error != 0) throw std::system_error(plan.error, std::generic_category(), "execve");
  return group;
}

}  // namespace djps::worker
