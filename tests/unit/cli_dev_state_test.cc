#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

#include "cli/link/dev_state.h"
#include "support/temporary_folder.h"

namespace djps::cli {
namespace {

namespace fs = std::filesystem;

class DevStateTest : public testing::Test {
 protected:
  fs::path file() const { return dir_ / "dev.json"; }

  const test_support::TemporaryFolder folder_;
  const fs::path dir_ = folder_.path();
};

DevState StateOf(int pid) {
  return {.pid = pid,
          .process_start = ProcessStart(pid),
          .api_url = "http://127.0.0.1:3000",
          .database_url = "host='/a \"b\"' password='it\\'s'",
          .started_at = Timestamp(std::chrono::microseconds(1'700'000'000'123'456))};
}

/// The id of a process that has ended and been reaped.
int EndedProcess() {
  const pid_t pid = fork();
  if (pid == 0) _exit(0);
  if (pid < 0 || waitpid(pid, nullptr, 0) != pid) throw std::runtime_error("no child process");
  return pid;
}

TEST_F(DevStateTest, IsFoundAsItWasWrittenWhileTheProcessLives) {
  DevStateFile written(dir_);
  ASSERT_TRUE(written.Write(StateOf(getpid())));
  EXPECT_EQ(FindDev(dir_), StateOf(getpid()));
}

TEST_F(DevStateTest, IsReadableByItsOwnerAlone) {
  DevStateFile written(dir_);
  ASSERT_TRUE(written.Write(StateOf(getpid())));
  struct stat info{};
  ASSERT_EQ(stat(file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_EQ(info.st_uid, geteuid());
}

TEST_F(DevStateTest, IsGoneWhenTheServiceEnds) {
  {
    DevStateFile written(dir_);
    ASSERT_TRUE(written.Write(StateOf(getpid())));
  }
  EXPECT_FALSE(fs::exists(file()));
}

TEST_F(DevStateTest, AnOtherProcessesFileIsNotRemovedByOneThatWroteNone) {
  std::ofstream(file()) << "{}";
  {
    const DevStateFile unused(dir_);
  }
  EXPECT_TRUE(fs::exists(file()));
}

TEST_F(DevStateTest, IsStaleWhenTheProcessIsGone) {
  const int pid = EndedProcess();
  DevStateFile written(dir_);
  ASSERT_TRUE(written.Write(StateOf(pid)));
  EXPECT_EQ(FindDev(dir_), std::nullopt);
}

TEST_F(DevStateTest, IsStaleWhenAnotherProcessHasTheSameId) {
  DevState state = StateOf(getpid());
  ASSERT_GT(state.process_start, 0);
  --state.process_start;
  DevStateFile written(dir_);
  ASSERT_TRUE(written.Write(state));
  EXPECT_EQ(FindDev(dir_), std::nullopt);
}

TEST_F(DevStateTest, IsNotFoundInAnythingElse) {
  EXPECT_EQ(FindDev(dir_), std::nullopt);
  for (const char* text :
       {"", "{", "[]", "{}", "{\"pid\":0}", "{\"pid\":-1}", "{\"pid\":1}",
        "{\"pid\":99999999999,\"api_url\":\"a\",\"database_url\":\"b\",\"started_at\":"
        "\"2026-01-01T00:00:00Z\"}",
        "{\"pid\":1,\"api_url\":2,\"database_url\":\"b\",\"started_at\":"
        "\"2026-01-01T00:00:00Z\"}"}) {
    std::ofstream(file()) << text;
    EXPECT_EQ(FindDev(dir_), std::nullopt) << text;
  }
  EXPECT_EQ(FindDev(dir_ / "missing"), std::nullopt);
}

}  // namespace
}  // namespace djps::cli
