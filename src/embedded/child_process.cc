#include "embedded/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <system_error>
#include <thread>

#include "embedded/environment.h"
#include "embedded/unique_fd.h"

namespace djps::embedded {
namespace {

constexpr auto kPollInterval = std::chrono::milliseconds(2);
constexpr std::chrono::seconds kReapTimeout(
    10);  // A killed process ends at once, short of a hung disk.

/// No handler of ours may run in the child between fork and exec.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

enum class Step { kPrepare, kBecomeUser, kEnterFolder, kExecute };

/// What the child tells its parent when it does not get as far as exec.
struct StepFailure {
  Step step;
  int error;
};

/// All that the child needs, made before fork because it may not allocate. The descriptors are
/// above 2, so that putting them in place of 0, 1 and 2 never overwrites one of them.
struct Prepared {
  const ChildSpec* spec = nullptr;
  std::string program;
  std::string work_dir;
  std::vector<std::string> environment;
  std::vector<char*> argv;
  std::vector<char*> envp;
  UniqueFd input;
  UniqueFd output;
  UniqueFd report;
  pid_t parent = 0;
};

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// Only what the programs need: a stray PGPORT or LC_ALL must not shape the cluster, and secrets of
/// our own environment are none of the server's business.
std::vector<std::string> ChildEnvironment() {
  std::vector<std::string> environment{"LC_ALL=C"};
  for (const char* name : {"PATH", "LD_LIBRARY_PATH", "TZ"}) {
    std::string value = EnvironmentValue(name);
    if (!value.empty()) environment.push_back(fmt::format("{}={}", name, value));
  }
  return environment;
}

UniqueFd AboveStandardStreams(int fd) { return UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

[[noreturn]] void ReportAndExit(int report_fd, Step step) noexcept {
  const StepFailure failure{step, errno};
  // Should even this fail, the parent still sees the child end.
  [[maybe_unused]] const ssize_t written = write(report_fd, &failure, sizeof failure);
  _exit(127);
}

void ResetSignals() noexcept {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &action, nullptr);
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

/// Runs in the child; async-signal-safe calls only, since other threads may have held any lock.
[[noreturn]] void BecomeProgram(const Prepared& child) noexcept {
  const int report = child.report.Get();
  if (setpgid(0, 0) != 0 || dup2(child.input.Get(), STDIN_FILENO) < 0 ||
      dup2(child.output.Get(), STDOUT_FILENO) < 0 || dup2(child.output.Get(), STDERR_FILENO) < 0) {
    ReportAndExit(report, Step::kPrepare);
  }
  // Descriptors of other libraries may lack O_CLOEXEC. Before Linux 5.11 this fails: no matter.
  close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC);
  umask(S_IRWXG | S_IRWXO);
  if (!BecomeServerUser(child.spec->user)) ReportAndExit(report, Step::kBecomeUser);
  if (chdir(child.work_dir.c_str()) != 0) ReportAndExit(report, Step::kEnterFolder);
  // After the change of user, which clears it. A parent that died before this line sends nothing,
  // but then it is no longer our parent.
  if (prctl(PR_SET_PDEATHSIG, child.spec->death_signal) != 0) {
    ReportAndExit(report, Step::kPrepare);
  }
  if (getppid() != child.parent) _exit(127);
  ResetSignals();
  execve(child.program.c_str(), child.argv.data(), child.envp.data());
  ReportAndExit(report, Step::kExecute);
}

Error DescribeFailure(const ChildSpec& spec, const StepFailure& failure) {
  const std::string program = spec.program.string();
  const std::string reason = ErrnoText(failure.error);
  switch (failure.step) {
    case Step::kPrepare:
      break;
    case Step::kBecomeUser:
      return {ErrorCode::kUnavailable,
              fmt::format("cannot start {}: changing to the user {} failed: {}", program,
                          spec.user.name, reason)};
    case Step::kEnterFolder:
      return {ErrorCode::kUnavailable,
              fmt::format("cannot start {}: the user {} cannot enter {}: {}", program,
                          spec.user.name, spec.work_dir.string(), reason)};
    case Step::kExecute:
      return {
          ErrorCode::kUnavailable,
          fmt::format("the user {} cannot run {}: {}. Check that the file and the folders above it "
                      "are executable for that user.",
                      spec.user.name, program, reason)};
  }
  return {ErrorCode::kUnavailable, fmt::format("cannot start {}: {}", program, reason)};
}

tl::unexpected<Error> CannotStart(const ChildSpec& spec) {
  return tl::unexpected<Error>(DescribeFailure(spec, {Step::kPrepare, errno}));
}

/// Empty when exec closed the pipe: the program runs.
std::optional<StepFailure> ReadReport(int fd) {
  StepFailure failure{};
  ssize_t got = 0;
  do {
    got = read(fd, &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(sizeof failure)) return std::nullopt;
  return failure;
}

}  // namespace

Result<pid_t> Spawn(const ChildSpec& spec) {
  std::array<int, 2> ends{-1, -1};
  const UniqueFd null_device(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null_device || pipe2(ends.data(), O_CLOEXEC) != 0) return CannotStart(spec);
  const UniqueFd report_reader(ends[0]);
  UniqueFd report_writer(ends[1]);

  Prepared child;
  child.spec = &spec;
  child.program = spec.program.string();
  child.work_dir = spec.work_dir.string();
  child.environment = ChildEnvironment();
  std::vector<std::string> arguments{child.program};
  arguments.insert(arguments.end(), spec.args.begin(), spec.args.end());
  child.argv = Pointers(arguments);
  child.envp = Pointers(child.environment);
  child.input = AboveStandardStreams(spec.input_fd < 0 ? null_device.Get() : spec.input_fd);
  child.output = AboveStandardStreams(spec.output_fd < 0 ? null_device.Get() : spec.output_fd);
  child.report = AboveStandardStreams(report_writer.Get());
  child.parent = getpid();
  if (!child.input || !child.output || !child.report) return CannotStart(spec);
  report_writer.Reset();

  pid_t pid = -1;
  {
    const SignalsBlocked blocked;
    pid = fork();
    if (pid == 0) BecomeProgram(child);
  }
  if (pid < 0) return CannotStart(spec);
  child.report.Reset();
  if (const std::optional<StepFailure> failure = ReadReport(report_reader.Get())) {
    WaitForEnd(pid, Clock::now() + kReapTimeout);
    return tl::unexpected<Error>(DescribeFailure(spec, *failure));
  }
  return pid;
}

Result<int> RunToEnd(const ChildSpec& spec, std::chrono::milliseconds timeout) {
  const Result<pid_t> pid = Spawn(spec);
  if (!pid) return tl::unexpected<Error>(pid.error());
  if (const std::optional<int> status = WaitForEnd(*pid, Clock::now() + timeout)) return *status;
  kill(-*pid, SIGKILL);  // The whole group: initdb runs postgres below it.
  WaitForEnd(*pid, Clock::now() + kReapTimeout);
  return Failure(ErrorCode::kUnavailable,
                 fmt::format("{} did not end within {} s and was killed", spec.program.string(),
                             timeout.count() / 1000));
}

std::optional<int> Reap(pid_t pid) {
  int status = 0;
  pid_t ended = -1;
  do {
    ended = waitpid(pid, &status, WNOHANG);
  } while (ended < 0 && errno == EINTR);
  if (ended == 0) return std::nullopt;
  return ended == pid ? status : kStatusUnknown;
}

std::optional<int> WaitForEnd(pid_t pid, Clock::time_point deadline) {
  for (;;) {
    if (const std::optional<int> status = Reap(pid)) return status;
    if (Clock::now() >= deadline) return std::nullopt;
    std::this_thread::sleep_for(kPollInterval);
  }
}

std::string DescribeStatus(int status) {
  if (status == kStatusUnknown) return "status unknown";
  if (WIFSIGNALED(status)) return fmt::format("killed by signal {}", WTERMSIG(status));
  return fmt::format("exit status {}", WEXITSTATUS(status));
}

bool CanEnter(const std::filesystem::path& folder, const ServerUser& user) {
  const std::string path = folder.string();
  pid_t pid = -1;
  {
    const SignalsBlocked blocked;
    pid = fork();
    if (pid == 0) _exit(BecomeServerUser(user) && access(path.c_str(), X_OK) == 0 ? 0 : 1);
  }
  if (pid < 0) return true;  // Out of processes: starting the server will say so.
  return WaitForEnd(pid, Clock::now() + kReapTimeout) == 0;
}

std::string ErrnoText(int error) { return std::generic_category().message(error); }

}  // namespace djps::embedded
