// `djps worker` as a process of its own: its options, and how it begins.
#include "integration/cli_program.h"
#include "support/postgres.h"

namespace djps::cli {
namespace {

using test_support::Postgres;

/// The error for a wrong option.
std::string Complaint(const std::string& option, const std::string& value) {
  Args args = {"worker", "--database-url", "host=/nonexistent"};
  if (option != "--type") args.insert(args.end(), {"--type", "t"});
  args.insert(args.end(), {option, value, "--exec", "true"});
  const Ended ended = Djps(args);
  EXPECT_EQ(ended.code, 2) << option << ' ' << value.substr(0, 20) << ended.err;
  return ended.err;
}

TEST(CliWorkerTest, NamesThatNoJobOrWorkerCanHaveAreRefusedByOption) {
  for (const char* option : {"--type", "--queue"}) {
    EXPECT_TRUE(Contains(Complaint(option, "two words"), option));
    EXPECT_TRUE(Contains(Complaint(option, "two words"), "may hold only A-Z a-z 0-9"));
    EXPECT_TRUE(Contains(Complaint(option, std::string(10'000, 'x')), "at most 128 bytes"));
    EXPECT_TRUE(Contains(Complaint(option, "\xff"), option));
  }
  EXPECT_TRUE(Contains(Complaint("--name", std::string(10'000, 'x')), "at most 128 bytes"));
  EXPECT_TRUE(Contains(Complaint("--name", "\xff"), "--name"));
  EXPECT_TRUE(Contains(Complaint("--name", "a\nb"), "control characters"));
}

TEST(CliWorkerTest, ADatabaseThatRefusesItEndsItWithTheReason) {
  const std::string conninfo = Postgres().NewDatabase();
  for (const char* command : {"worker", "server"}) {
    Args args = {command, "--database-url", conninfo + " password=wrong"};
    if (args[0] == "worker") args.insert(args.end(), {"--type", "t", "--exec", "true"});
    const Ended ended = Djps(args);
    EXPECT_EQ(ended.code, 5) << command << ended.err;
    EXPECT_TRUE(Contains(ended.err, "djps: could not connect to Postgres: ")) << ended.err;
    EXPECT_TRUE(Contains(ended.err, "password authentication failed")) << ended.err;
    EXPECT_FALSE(Contains(ended.err, "trying again")) << ended.err;
  }
}

TEST(CliWorkerTest, OneThatWaitsForItsDatabaseCanBeStopped) {
  Program worker(WithBinary(
      {"worker", "--database-url", "host=/nonexistent", "--type", "t", "--exec", "true"}));
  ASSERT_TRUE(WaitUntil([&] { return Contains(worker.Err(), "trying again"); })) << worker.Err();
  worker.Signal(SIGTERM);
  EXPECT_EQ(worker.Wait().code, 0);
}

}  // namespace
}  // namespace djps::cli
