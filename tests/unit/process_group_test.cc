// The start state of a program, and that nothing is left of it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <csignal>
#include <exception>
#include <string>
#include <system_error>
#include <utility>

#include "support/child_processes.h"
#include "support/run_coroutine.h"
#include "worker/exec/subprocess.h"

namespace djps::worker {
namespace {

namespace asio = boost::asio;
using test_support::DefaultLimits;
using test_support::EndsSoon;
using test_support::HasChildren;
using test_support::OpenDescriptors;
using test_support::PidFile;
using test_support::RunCoroutine;
using test_support::RunToEnd;
using test_support::RunUntil;
using test_support::Shell;

TEST(ProcessGroupTest, InheritsOnlyTheThreeStandardDescriptors) {
  // The case to guard against: a descriptor of the host program without close-on-exec.
  const int leaky = ::open("/dev/null", O_RDONLY);
  ASSERT_GE(leaky, 3);
  const ProcessResult result = RunToEnd(
      Shell("n=0; while [ $n -lt 300 ]; do [ -e /proc/self/fd/$n ] && echo $n; n=$((n+1)); done"));
  ::close(leaky);
  EXPECT_EQ(result.output, "0\n1\n2\n");
}

/// Closes standard input and output for its lifetime.
class WithoutStandardStreams {
 public:
  WithoutStandardStreams() {
    ::close(STDIN_FILENO);
    ::close(STDOUT_FILENO);
  }
  WithoutStandardStreams(const WithoutStandardStreams&) = delete;
  WithoutStandardStreams& operator=(const WithoutStandardStreams&) = delete;
  ~WithoutStandardStreams() {
    if (in_ >= 0) ::dup2(in_, STDIN_FILENO);
    if (out_ >= 0) ::dup2(out_, STDOUT_FILENO);
    ::close(in_);
    ::close(out_);
  }

 private:
  int in_ = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10);
  int out_ = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
};

TEST(ProcessGroupTest, WorksInAHostWithClosedStandardStreams) {
  // The new pipes then get the very numbers that the program's streams are to have.
  asio::io_context context(1);
  const asio::steady_timer first(context);
  ProcessResult result;
  try {
    const WithoutStandardStreams closed;
    result = RunCoroutine(context,
                          RunProcess(Shell("cat; echo errors >&2"), "input", DefaultLimits(), {}));
  } catch (const std::system_error& error) {
    FAIL() << error.what();
  }
  EXPECT_EQ(result.output, "input");
  EXPECT_EQ(result.error_tail, "errors\n");
}

TEST(ProcessGroupTest, StartsWithDefaultSignalsAndWithoutNewPrivileges) {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  struct sigaction previous{};
  ::sigaction(SIGPIPE, &ignore, &previous);
  const ProcessResult result = RunToEnd(
      {"/bin/grep", {"grep", "-E", "^(SigBlk|SigIgn|NoNewPrivs)", "/proc/self/status"}, {}});
  sigset_t after;
  ::pthread_sigmask(SIG_SETMASK, &before, &after);
  ::sigaction(SIGPIPE, &previous, nullptr);
  // The order of the lines depends on the kernel.
  for (const char* line :
       {"NoNewPrivs:\t1\n", "SigBlk:\t0000000000000000\n", "SigIgn:\t0000000000000000\n"}) {
    EXPECT_NE(result.output.find(line), std::string::npos) << result.output;
  }
  EXPECT_TRUE(sigismember(&after, SIGUSR1)) << "the caller's mask must be as it was";
  EXPECT_FALSE(sigismember(&after, SIGTERM)) << "the caller's mask must be as it was";
}

TEST(ProcessGroupTest, LeadsAProcessGroupOfItsOwn) {
  const ProcessResult result =
      RunToEnd(Shell("read pid name state parent group rest < /proc/$$/stat;"
                     "[ $pid = $group ] && echo leads"));
  EXPECT_EQ(result.output, "leads\n");
}

TEST(ProcessGroupTest, ReportsWhyAProgramCannotBeStarted) {
  try {
    RunToEnd({"/nonexistent/program", {"program"}, {}});
    FAIL() << "must throw";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
  }
  EXPECT_FALSE(HasChildren());
}

TEST(ProcessGroupTest, ReportsThatDescriptorsHaveRunOut) {
  asio::io_context context(1);
  // The context opens descriptors of its own with its first timer.
  const asio::steady_timer first(context);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  std::error_code code;
  try {
    RunCoroutine(context, RunProcess(Shell("exit 0"), {}, DefaultLimits(), {}));
  } catch (const std::system_error& error) {
    code = error.code();
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(code, std::errc::too_many_files_open);
}

TEST(ProcessGroupTest, LeavesNoZombieAndNoDescriptor) {
  asio::io_context context(1);
  RunCoroutine(context, RunProcess(Shell("exit 0"), {}, DefaultLimits(), {}));
  const std::size_t before = OpenDescriptors();
  const std::string large(1 << 20, 'x');
  RunCoroutine(context, RunProcess(Shell("exit 1"), large, DefaultLimits(), {}));
  RunCoroutine(context, RunProcess(Shell("kill -9 $$"), {}, DefaultLimits(), {}));
  os::Command missing{"/nonexistent/program", {"program"}, {}};
  EXPECT_THROW(RunCoroutine(context, RunProcess(std::move(missing), large, DefaultLimits(), {})),
               std::system_error);
  EXPECT_EQ(OpenDescriptors(), before);
  EXPECT_FALSE(HasChildren());
}

TEST(ProcessGroupTest, SurvivesThatTheHostIgnoresSigchld) {
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  struct sigaction previous{};
  ::sigaction(SIGCHLD, &ignore, &previous);
  const ProcessResult result = RunToEnd(Shell("echo done; exit 5"));
  ::sigaction(SIGCHLD, &previous, nullptr);
  EXPECT_EQ(result.end.kind, os::ProcessEnd::Kind::kUnknown);
  EXPECT_EQ(result.output, "done\n");
}

TEST(ProcessGroupTest, DestroyingTheCoroutineKillsTheGroup) {
  PidFile pids;
  {
    asio::io_context context(1);
    asio::co_spawn(
        context,
        RunProcess(Shell("sleep 1000 & echo $! >> $1; echo $$ >> $1; wait", {pids.path()}), {},
                   DefaultLimits(), {}),
        [](const std::exception_ptr&, const ProcessResult&) {});
    ASSERT_TRUE(RunUntil(context, [&] { return pids.Read().size() == 2; }));
  }
  for (const pid_t pid : pids.Read()) EXPECT_TRUE(EndsSoon(pid)) << pid;
  EXPECT_FALSE(HasChildren());
}

asio::awaitable<ProcessResult> RunWithoutThrowIfCancelled(os::Command command) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_return co_await RunProcess(std::move(command), {}, DefaultLimits(), {});
}

void ExpectKilledWhenCancelled(asio::awaitable<ProcessResult> process, const PidFile& pids) {
  asio::io_context context(1);
  asio::cancellation_signal cancel;
  std::exception_ptr failure;
  bool done = false;
  const auto on_end = [&](std::exception_ptr error, const ProcessResult&) {
    failure = std::move(error);
    done = true;
  };
  asio::co_spawn(context, std::move(process), asio::bind_cancellation_slot(cancel.slot(), on_end));
  ASSERT_TRUE(RunUntil(context, [&] { return pids.Read().size() == 2; }));
  cancel.emit(asio::cancellation_type::terminal);
  ASSERT_TRUE(RunUntil(context, [&] { return done; }));
  ASSERT_TRUE(failure);
  EXPECT_THROW(std::rethrow_exception(failure), boost::system::system_error);
  for (const pid_t pid : pids.Read()) EXPECT_TRUE(EndsSoon(pid)) << pid;
  EXPECT_FALSE(HasChildren());
}

TEST(ProcessGroupTest, CancellingTheCoroutineKillsTheGroup) {
  const std::string script = "sleep 1000 & echo $! >> $1; echo $$ >> $1; wait";
  const PidFile pids;
  ExpectKilledWhenCancelled(RunProcess(Shell(script, {pids.path()}), {}, DefaultLimits(), {}),
                            pids);
  const PidFile other_pids;
  ExpectKilledWhenCancelled(RunWithoutThrowIfCancelled(Shell(script, {other_pids.path()})),
                            other_pids);
}

TEST(ProcessGroupTest, TheKernelKillsTheProgramWhenTheWorkerDies) {
  PidFile pids;
  const pid_t worker = ::fork();
  ASSERT_GE(worker, 0);
  if (worker == 0) {
    RunToEnd(Shell("echo $$ > $1; exec sleep 1000", {pids.path()}));
    ::_exit(0);
  }
  ASSERT_TRUE(pids.WaitFor(1));
  ::kill(worker, SIGKILL);
  int status = 0;
  ASSERT_EQ(::waitpid(worker, &status, 0), worker);
  ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself";
  EXPECT_TRUE(EndsSoon(pids.Read().front()));
}

}  // namespace
}  // namespace djps::worker
