// The options of os::Command, and that nothing is left of a child. Signals, descriptors and groups:
// process_group_test.cc.
#include "os/child.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "os/unique_fd.h"
#include "support/child_processes.h"

namespace djps::os {
namespace {

using Step = StartFailure::Step;
using test_support::HasChildren;
using test_support::Shell;

Clock::time_point Soon() { return Clock::now() + test_support::kRunDeadline; }

std::string ReadAll(const UniqueFd& fd) {
  std::string text;
  std::array<char, 512> chunk{};
  for (ssize_t got = 0; (got = ::read(fd.Get(), chunk.data(), chunk.size())) > 0;) {
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return text;
}

/// The output of the program.
std::string OutputOf(Command command) {
  Pipe output = MakePipe();
  command.stdio[STDOUT_FILENO] = output.write.Get();
  auto child = Start(command);
  output.write.Reset();
  if (!child) return "not started";
  std::string text = ReadAll(output.read);
  const auto end = child->ReapBy(Soon());
  EXPECT_TRUE(end && end->Succeeded());
  return text;
}

TEST(ChildTest, StartsInItsFolderWithItsUmaskAndWithEmptyStreams) {
  Command command = Shell("pwd; umask; cat; readlink /proc/self/fd/2");
  command.work_dir = "/usr";
  command.file_mask = 0027;
  EXPECT_EQ(OutputOf(command), "/usr\n0027\n/dev/null\n");
}

TEST(ChildTest, BecomesAnotherUserAndKeepsItsDeathSignal) {
  Command command = Shell("id -u; id -g; id -G");
  command.identity = Identity{65534, 65533, {65532}};
  if (::geteuid() != 0) {  // only root may
    const auto refused = Start(command);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().step, StartFailure::Step::kBecomeUser);
    return;
  }
  EXPECT_EQ(OutputOf(command), "65534\n65533\n65533 65532\n");
  EXPECT_EQ(::geteuid(), 0U);
  EXPECT_EQ(::prctl(PR_GET_DUMPABLE), 1) << "the child's change of user must not reach its parent";
}

StartFailure FailureOf(const Command& command) {
  auto child = Start(command);
  EXPECT_FALSE(child);
  return child ? StartFailure{} : child.error();
}

TEST(ChildTest, NamesTheStepThatFailed) {
  Command command = Shell("exit 0");
  command.work_dir = "/nonexistent";
  EXPECT_EQ(FailureOf(command).step, Step::kEnterFolder);
  EXPECT_EQ(FailureOf(command).error, ENOENT);
  command.work_dir.clear();
  command.path = "/dev/null";
  EXPECT_EQ(FailureOf(command).step, Step::kExecute);
  EXPECT_EQ(FailureOf(command).error, EACCES);
  command.stdio[0] = 1'000'000;  // No descriptor.
  EXPECT_EQ(FailureOf(command).step, Step::kPrepare);
  EXPECT_FALSE(HasChildren());
}

TEST(ChildTest, ReportsTheEndOnce) {
  auto child = Start(Shell("kill -TERM $$"));
  ASSERT_TRUE(child);
  const auto end = child->ReapBy(Soon());
  ASSERT_TRUE(end);
  EXPECT_EQ(Describe(*end), "killed by signal 15");
  EXPECT_EQ(child->pid(), -1);
  EXPECT_FALSE(child->Reap());
  child->Signal(SIGKILL);  // Nobody's: must not reach this process's own group.
}

TEST(ChildTest, WaitsNoLongerThanItIsTold) {
  auto child = Start(Shell("exec sleep 1000"));
  ASSERT_TRUE(child);
  EXPECT_FALSE(child->ReapBy(Clock::now() + std::chrono::milliseconds(1)));
  EXPECT_GT(child->pid(), 0);
}

TEST(ChildTest, AssigningEndsTheOneBefore) {
  auto child = Start(Shell("exec sleep 1000"));
  ASSERT_TRUE(child);
  *child = Child();
  EXPECT_FALSE(HasChildren());
}

TEST(ForkTest, TheResultOfTheWorkIsTheExitStatus) {
  EXPECT_EQ(Describe(Fork([] { return 3; }).ReapBy(Soon()).value()), "exit status 3");
  const auto fails = []() -> int { throw std::runtime_error("expected in the test's output"); };
  EXPECT_EQ(Describe(Fork(fails).ReapBy(Soon()).value()), "exit status 1");
}

TEST(ForkTest, TheChildLeadsAGroupThatIsKilledWithItsOwner) {
  Pipe pipe = MakePipe();
  {
    const Child child = Fork([&] {
      const bool leads = ::getpgrp() == ::getpid();
      const ssize_t written = ::write(pipe.write.Get(), leads ? "leads" : "", leads ? 5 : 0);
      for (;;) ::pause();
      return static_cast<int>(written);
    });
    std::array<char, 5> text{};
    ASSERT_EQ(::read(pipe.read.Get(), text.data(), text.size()), 5);
  }
  EXPECT_FALSE(HasChildren());
}

}  // namespace
}  // namespace djps::os
