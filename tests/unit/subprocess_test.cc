// The input and output of a program, and when it is ended.
#include "worker/exec/subprocess.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <exception>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/child_processes.h"
#include "support/run_coroutine.h"

namespace djps::worker {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using test_support::DefaultLimits;
using test_support::EndsSoon;
using test_support::HasChildren;
using test_support::IsAlive;
using test_support::PidFile;
using test_support::RunToEnd;
using test_support::RunUntil;
using test_support::Shell;

TEST(SubprocessTest, GivesInputAndTakesOutputAndErrors) {
  const ProcessResult result = RunToEnd(Shell("cat; echo trouble >&2; exit 3"), "some input");
  EXPECT_EQ(result.output, "some input");
  EXPECT_EQ(result.error_tail, "trouble\n");
  EXPECT_EQ(result.end.kind, os::ProcessEnd::Kind::kExited);
  EXPECT_EQ(result.end.value, 3);
  EXPECT_FALSE(result.stopped);
}

TEST(SubprocessTest, ReportsTheSignalThatEndedTheProgram) {
  const ProcessResult result = RunToEnd(Shell("kill -9 $$"));
  EXPECT_EQ(result.end.kind, os::ProcessEnd::Kind::kSignaled);
  EXPECT_EQ(result.end.value, SIGKILL);
}

TEST(SubprocessTest, PassesArgumentsWithoutAShell) {
  const std::string hostile = "$(id); `id`\n\"'*";
  const ProcessResult result =
      RunToEnd({"/usr/bin/printf", {"printf", "%s|", hostile, ""}, {"PATH=/usr/bin"}});
  EXPECT_EQ(result.output, hostile + "||");
}

TEST(SubprocessTest, ExchangesMoreThanThePipesHoldInBothDirections) {
  const std::string input(3 << 20, 'x');
  EXPECT_EQ(RunToEnd(Shell("cat"), input).output, input);
}

TEST(SubprocessTest, DoesNotDeadlockWithAProgramThatWritesBeforeItReads) {
  const std::string input(1 << 20, 'x');
  const ProcessResult result =
      RunToEnd(Shell("head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2; wc -c"), input);
  EXPECT_EQ(result.output, std::string(1'000'000, '\0') + "1048576\n");
  EXPECT_TRUE(result.error_cut);
}

TEST(SubprocessTest, AcceptsAProgramThatIgnoresTenMegabytesOfInput) {
  const std::string input(10 << 20, 'x');
  const ProcessResult result = RunToEnd(Shell("echo fine"), input);
  EXPECT_EQ(result.output, "fine\n");
  EXPECT_EQ(result.end.value, 0);
}

TEST(SubprocessTest, AcceptsAProgramThatClosesItsInput) {
  const std::string input(10 << 20, 'x');
  const ProcessResult result = RunToEnd(Shell("head -c 1; exec <&-; echo fine"), input);
  EXPECT_EQ(result.output, "xfine\n");
}

TEST(SubprocessTest, LetsTheInputBeOpenedByName) {
  EXPECT_EQ(RunToEnd(Shell("cat /dev/stdin"), "by name").output, "by name");
}

TEST(SubprocessTest, WaitsForAProgramThatClosesItsOutputsEarly) {
  const ProcessResult result = RunToEnd(Shell("echo early; exec >&- 2>&-; sleep 0.1; exit 4"));
  EXPECT_EQ(result.output, "early\n");
  EXPECT_EQ(result.end.value, 4);
}

TEST(SubprocessTest, TakesAllOutputThatIsLeftWhenTheProgramHasEnded) {
  asio::io_context context(1);
  ProcessResult result;
  bool done = false;
  asio::co_spawn(context,
                 RunProcess(Shell("head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2"), {},
                            DefaultLimits(), {}),
                 [&](const std::exception_ptr&, ProcessResult value) {
                   result = std::move(value);
                   done = true;
                 });
  while (!HasChildren()) context.run_one();
  // With larger pipes the program can end although nobody reads.
  for (int fd = 3; fd < 100; ++fd) {
    if (::fcntl(fd, F_GETPIPE_SZ) < 0) continue;
    ASSERT_GT(::fcntl(fd, F_SETPIPE_SZ, 1 << 20), 300'000);
  }
  siginfo_t ended{};
  ASSERT_EQ(::waitid(P_ALL, 0, &ended, WEXITED | WNOWAIT), 0);
  ASSERT_TRUE(RunUntil(context, [&] { return done; }));
  EXPECT_EQ(result.output.size(), 300'000U);
  EXPECT_EQ(result.error_tail.size(), 1024U);
}

TEST(SubprocessTest, StopsAProgramThatHasClosedItsOutputs) {
  PidFile pids;
  std::stop_source stop;
  const std::jthread stopper([&] {
    pids.WaitFor(1);
    stop.request_stop();
  });
  const ProcessResult result =
      RunToEnd(Shell("exec >&- 2>&-; echo $$ > $1; exec sleep 1000", {pids.path()}), {},
               DefaultLimits(), stop.get_token());
  EXPECT_TRUE(result.stopped);
  EXPECT_EQ(result.end.value, SIGTERM);
}

TEST(SubprocessTest, KeepsOnlyTheEndOfStandardError) {
  const ProcessResult result = RunToEnd(Shell("seq 1 100000 >&2"));
  EXPECT_EQ(result.error_tail.size(), 1024U);
  EXPECT_TRUE(result.error_tail.ends_with("\n99999\n100000\n"));
  EXPECT_TRUE(result.error_cut);
}

TEST(SubprocessTest, KillsAProgramThatWritesWithoutEnd) {
  ProcessLimits limits = DefaultLimits();
  limits.output_bytes_max = 100'000;
  const ProcessResult result = RunToEnd(Shell("cat /dev/zero"), {}, limits);
  EXPECT_TRUE(result.output_too_large);
  EXPECT_EQ(result.output.size(), 100'000U);
  EXPECT_EQ(result.end.value, SIGKILL);
}

TEST(SubprocessTest, AcceptsOutputOfExactlyTheLimit) {
  ProcessLimits limits = DefaultLimits();
  limits.output_bytes_max = 100'000;
  EXPECT_FALSE(RunToEnd(Shell("head -c 100000 /dev/zero"), {}, limits).output_too_large);
  EXPECT_TRUE(RunToEnd(Shell("head -c 100001 /dev/zero"), {}, limits).output_too_large);
}

TEST(SubprocessTest, AStopRequestEndsTheWholeGroup) {
  PidFile pids;
  std::stop_source stop;
  const std::jthread stopper([&] {
    pids.WaitFor(2);
    stop.request_stop();
  });
  const ProcessResult result =
      RunToEnd(Shell("sleep 1000 & echo $! >> $1; echo $$ >> $1; wait", {pids.path()}), {},
               DefaultLimits(), stop.get_token());
  EXPECT_TRUE(result.stopped);
  EXPECT_FALSE(result.killed);
  EXPECT_EQ(result.end.value, SIGTERM);
  ASSERT_EQ(pids.Read().size(), 2U);
  for (const pid_t pid : pids.Read()) EXPECT_TRUE(EndsSoon(pid)) << pid;
  EXPECT_FALSE(HasChildren());
}

TEST(SubprocessTest, AStopRequestGivesTheProgramTimeToCleanUp) {
  PidFile pids;
  std::stop_source stop;
  const std::jthread stopper([&] {
    pids.WaitFor(1);
    stop.request_stop();
  });
  const std::string script =
      "trap 'echo cleaned; exit 0' TERM; echo $$ > $1; while :; do sleep 0.02; done";
  const ProcessResult result =
      RunToEnd(Shell(script, {pids.path()}), {}, DefaultLimits(), stop.get_token());
  EXPECT_TRUE(result.stopped);
  EXPECT_EQ(result.output, "cleaned\n");
}

void ExpectKilledAfterStopRequest(const std::string& preparation) {
  PidFile pids;
  std::stop_source stop;
  const std::jthread stopper([&] {
    pids.WaitFor(1);
    stop.request_stop();
  });
  ProcessLimits limits = DefaultLimits();
  limits.kill_after = 50ms;
  const std::string script = "trap '' TERM; echo $$ > $1; while :; do sleep 0.02; done";
  const ProcessResult result =
      RunToEnd(Shell(preparation + script, {pids.path()}), {}, limits, stop.get_token());
  EXPECT_TRUE(result.stopped);
  EXPECT_TRUE(result.killed);
  EXPECT_EQ(result.end.kind, os::ProcessEnd::Kind::kSignaled);
  EXPECT_EQ(result.end.value, SIGKILL);
  EXPECT_FALSE(HasChildren());
}

TEST(SubprocessTest, KillsAProgramThatIgnoresTheStopRequest) { ExpectKilledAfterStopRequest(""); }

TEST(SubprocessTest, KillsAProgramThatIgnoresTheStopRequestAndHasClosedItsOutputs) {
  ExpectKilledAfterStopRequest("exec >&- 2>&-; ");
}

TEST(SubprocessTest, AStopRequestBeforeTheStartStillEndsTheProgram) {
  std::stop_source stop;
  stop.request_stop();
  const ProcessResult result = RunToEnd(Shell("sleep 1000"), {}, DefaultLimits(), stop.get_token());
  EXPECT_TRUE(result.stopped);
}

TEST(SubprocessTest, KillsWhatTheProgramLeftBehindInItsGroup) {
  PidFile pids;
  const ProcessResult result =
      RunToEnd(Shell("sleep 1000 & echo $! > $1; echo done", {pids.path()}));
  EXPECT_EQ(result.output, "done\n");
  EXPECT_EQ(result.end.value, 0);
  ASSERT_EQ(pids.Read().size(), 1U);
  EXPECT_TRUE(EndsSoon(pids.Read().front()));
}

TEST(SubprocessTest, DoesNotWaitForAProcessThatLeftTheGroupWithThePipes) {
  PidFile pids;
  const ProcessResult result = RunToEnd(
      Shell("setsid sh -c 'echo $$ > $1; exec sleep 1000' sh $1 & while ! [ -s $1 ]; do :; "
            "done; echo done",
            {pids.path()}));
  EXPECT_EQ(result.output, "done\n");
  ASSERT_TRUE(pids.WaitFor(1));
  const pid_t escaped = pids.Read().front();
  EXPECT_TRUE(IsAlive(escaped));
  ::kill(escaped, SIGKILL);
}

TEST(SubprocessTest, RunsHundredsAtOnce) {
  const std::size_t count = 200;
  asio::io_context context(1);
  std::vector<std::string> outputs(count);
  std::size_t finished = 0;
  const std::size_t padding = 100'000;  // Beyond what the pipes hold.
  std::vector<std::string> inputs;
  inputs.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    inputs.push_back(std::to_string(i) + std::string(padding, ' '));
  }
  for (std::size_t i = 0; i < count; ++i) {
    asio::co_spawn(context, RunProcess(Shell("cat"), inputs[i], DefaultLimits(), {}),
                   [&, i](const std::exception_ptr& error, ProcessResult result) {
                     if (!error) outputs[i] = std::move(result.output);
                     ++finished;
                   });
  }
  ASSERT_TRUE(RunUntil(context, [&] { return finished == count; }));
  EXPECT_EQ(outputs, inputs);
  EXPECT_FALSE(HasChildren());
}

}  // namespace
}  // namespace djps::worker
