#include "os/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <exception>
#include <memory>
#include <string_view>
#include <system_error>

#ifdef __SANITIZE_THREAD__
// ThreadSanitizer replaces clone by a version that takes each child for a fork with memory of its
// own, and then stops watching the parent. This is the C library's own.
extern "C" int UnwatchedClone(int (*function)(void*), void* stack, int flags, void* argument,
                              ...) __asm__("__clone");
#endif

// For code that runs in a child on its parent's memory. A sanitizer would record the child's
// actions in the parent's tables.
#define DJPS_UNWATCHED __attribute__((no_sanitize("address", "thread", "undefined")))

namespace djps::os {
namespace {

using Step = StartFailure::Step;

/// The child makes a dozen system calls on this stack before it has its own.
constexpr std::size_t kChildStackBytes = std::size_t{32} * 1024;

/// How long a destructor waits for a killed child to end. It takes less than a millisecond unless
/// the child hangs in the kernel (such as on a dead network file system). Then the parent of this
/// process will reap it.
constexpr std::chrono::seconds kReapTimeout{2};

constexpr int kExitFailed = 1;
constexpr int kExitNotStarted = 127;
constexpr int kFirstFdAboveStdio = 3;
/// As wide as a register: the upper half of an int would be undefined, and prctl checks it.
constexpr unsigned long kNone = 0;

/// What the child needs, prepared before it exists, and its only result.
struct ChildPlan {
  const Command& command;
  char* const* argv;
  char* const* environment;
  std::array<int, 3> stdio;  ///< Above 2, so that none is overwritten before it is copied.
  pid_t parent;
  StartFailure failure{};  ///< `step` is the current step.
};

// The functions up to ChildMain run in the child, on the parent's memory: only system calls, made
// directly. The C library's setuid would tell every thread of the parent.

/// false: the parent is gone, or the call failed.
DJPS_UNWATCHED bool BindToParent(pid_t parent, int death_signal) {
  return ::syscall(SYS_prctl, PR_SET_PDEATHSIG, static_cast<unsigned long>(death_signal), kNone,
                   kNone, kNone) == 0 &&
         // If the parent died before the line above, the signal never comes.
         ::syscall(SYS_getppid) == parent;
}

DJPS_UNWATCHED bool Become(const Identity& identity) {
  // Only root may change the groups, so they come first.
  return ::syscall(SYS_setgroups, identity.groups.size(), identity.groups.data()) == 0 &&
         ::syscall(SYS_setgid, identity.gid) == 0 && ::syscall(SYS_setuid, identity.uid) == 0;
}

DJPS_UNWATCHED void ResetSignals() {
  // The kernel's struct sigaction in any field order: SIG_DFL, no flags, empty mask.
  const std::array<unsigned long, 4> default_action{};
  const std::size_t mask_bytes = _NSIG / 8;
  for (int number = 1; number < _NSIG; ++number) {
    ::syscall(SYS_rt_sigaction, number, default_action.data(), nullptr, mask_bytes);
  }
  // Not earlier: a handler of the parent must not run here.
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, default_action.data(), nullptr, mask_bytes);
}

DJPS_UNWATCHED bool PrepareChild(ChildPlan& plan) {
  const Command& command = plan.command;
  if (::syscall(SYS_setpgid, 0, 0) != 0) return false;
  for (int number = 0; number < kFirstFdAboveStdio; ++number) {
    if (::syscall(SYS_dup3, plan.stdio[number], number, 0) < 0) return false;
  }
  // Our descriptors are close-on-exec; those of the host program may not be. Without this call
  // (Linux before 5.9) they leak, as from any other fork of the host.
  ::syscall(SYS_close_range, kFirstFdAboveStdio, ~0U, 0);
  if (command.file_mask) ::syscall(SYS_umask, *command.file_mask);
  plan.failure.step = Step::kBecomeUser;
  if (command.identity && !Become(*command.identity)) return false;
  plan.failure.step = Step::kEnterFolder;
  if (!command.work_dir.empty() && ::syscall(SYS_chdir, command.work_dir.c_str()) != 0) {
    return false;
  }
  plan.failure.step = Step::kPrepare;
  // After the change of user, which clears the death signal.
  if (!BindToParent(plan.parent, command.death_signal)) return false;
  // Also prevents a set-user-id program from clearing the death signal.
  if (command.no_new_privileges &&
      ::syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1UL, kNone, kNone, kNone) != 0) {
    return false;
  }
  ResetSignals();
  return true;
}

DJPS_UNWATCHED int ChildMain(void* argument) {
  auto& plan = *static_cast<ChildPlan*>(argument);
  if (PrepareChild(plan)) {
    plan.failure.step = Step::kExecute;
    ::syscall(SYS_execve, plan.command.path.c_str(), plan.argv, plan.environment);
  }
  plan.failure.error = errno;
  return kExitNotStarted;
}

/// Returns like clone. Blocks signals, since no handler of the parent may run in the child.
pid_t CloneChild(ChildPlan& plan, int& pidfd) {
  const auto stack = std::make_unique_for_overwrite<std::byte[]>(kChildStackBytes);
  std::byte* const stack_end = stack.get() + kChildStackBytes;
  const int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD;
  const int dumpable = ::prctl(PR_GET_DUMPABLE);
  sigset_t all_signals;
  sigset_t previous;
  sigfillset(&all_signals);
  ::pthread_sigmask(SIG_SETMASK, &all_signals, &previous);
#ifdef __SANITIZE_THREAD__
  const pid_t pid = UnwatchedClone(&ChildMain, stack_end, flags, &plan, &pidfd);
#else
  const pid_t pid = ::clone(&ChildMain, stack_end, flags, &plan, &pidfd);
#endif
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &previous, nullptr);
  // A child that becomes another user turns off core dumps, and tracing, of the memory it shares.
  if (plan.command.identity) ::prctl(PR_SET_DUMPABLE, dumpable);
  errno = error;
  return pid;
}

/// For the kernel, whose interface is not const but which does not write.
std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

tl::unexpected<StartFailure> NotPrepared() {
  return tl::unexpected(StartFailure{Step::kPrepare, errno});
}

/// The main function of the copy that Fork makes.
[[noreturn]] void RunCopy(const std::function<int()>& work, pid_t parent) {
  setpgid(0, 0);
  if (!BindToParent(parent, SIGKILL)) _exit(kExitNotStarted);
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  int code = kExitFailed;
  try {
    code = work();
  } catch (const std::exception& error) {
    const std::string line = fmt::format("djps: {}\n", error.what());
    [[maybe_unused]] const auto written = write(STDERR_FILENO, line.data(), line.size());
  }
  // Not exit: its cleanup belongs to the parent.
  _exit(code);
}

}  // namespace

std::string Describe(const ProcessEnd& end) {
  switch (end.kind) {
    case ProcessEnd::Kind::kExited:
      return fmt::format("exit status {}", end.value);
    case ProcessEnd::Kind::kSignaled:
      return fmt::format("killed by signal {}", end.value);
    case ProcessEnd::Kind::kUnknown:
      break;
  }
  return "status unknown";
}

Child::~Child() {
  Signal(SIGKILL);
  ReapBy(Clock::now() + kReapTimeout);
}

void Child::Signal(int number) const {
  if (pid_ > 0) ::kill(-pid_, number);
}

std::optional<ProcessEnd> Child::Reap() {
  if (pid_ < 0) return std::nullopt;
  siginfo_t info{};
  const int status = ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.Get()), &info, WEXITED | WNOHANG);
  if (status == 0 && info.si_pid == 0) return std::nullopt;
  pid_ = -1;
  if (status != 0) return ProcessEnd{};
  const bool exited = info.si_code == CLD_EXITED;
  return ProcessEnd{exited ? ProcessEnd::Kind::kExited : ProcessEnd::Kind::kSignaled,
                    info.si_status};
}

std::optional<ProcessEnd> Child::ReapBy(Clock::time_point deadline) {
  for (;;) {
    const std::optional<ProcessEnd> end = Reap();
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (end || pid_ < 0 || left <= 0) return end;
    pollfd ended{.fd = pidfd_.Get(), .events = POLLIN, .revents = 0};
    ::poll(&ended, 1, static_cast<int>(std::min<std::int64_t>(left, INT_MAX)));
  }
}

/// Starts the program as posix_spawn does: clone with CLONE_VM | CLONE_VFORK, so nothing of this
/// process's memory is copied (fork's cost grows with it) and this thread sleeps until the program
/// has been loaded or could not be. Sharing memory also makes a pipe for the error needless. It is
/// not posix_spawn itself because that cannot change the user, set the death signal, forbid new
/// privileges, or return a pidfd.
tl::expected<Child, StartFailure> Start(const Command& command) {
  const std::vector<char*> argv = Pointers(command.argv);
  const std::vector<char*> environment = Pointers(command.environment);
  ChildPlan plan{command, argv.data(), environment.data(), command.stdio, ::getpid()};
  std::array<UniqueFd, 3> copies;
  for (std::size_t i = 0; i < copies.size(); ++i) {
    if (plan.stdio[i] >= kFirstFdAboveStdio) continue;
    if (plan.stdio[i] < 0) copies[i].Reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const int low = plan.stdio[i] < 0 ? copies[i].Get() : plan.stdio[i];
    if (low < kFirstFdAboveStdio) copies[i] = DuplicateAboveStdio(low);
    if (!copies[i]) return NotPrepared();
    plan.stdio[i] = copies[i].Get();
  }

  int pidfd = -1;
  const pid_t pid = CloneChild(plan, pidfd);
  if (pid < 0) return NotPrepared();
  Child child(pid, UniqueFd(pidfd));
  if (plan.failure.error != 0) return tl::unexpected(plan.failure);
  return child;
}

Child Fork(const std::function<int()>& work) {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid == 0) RunCopy(work, parent);
  // The child does this too: whichever is first, signals reach the group from here on.
  ::setpgid(pid, pid);
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (pidfd) return {pid, std::move(pidfd)};
  const int error = errno;
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  throw std::system_error(error, std::generic_category(), "pidfd_open");
}

}  // namespace djps::os
