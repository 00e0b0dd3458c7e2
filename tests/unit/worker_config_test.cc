#include "worker/worker_config.h"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>

#include "worker/exec/exec_handler.h"
#include "worker/registry.h"

namespace djps::worker {
namespace {

using namespace std::chrono_literals;

TEST(WorkerConfigTest, ByDefaultAllIsHandedBackBeforeAnOrchestratorKills) {
  // Kubernetes gives 30 s; what is left is for writing.
  EXPECT_LE(WorkerConfig{}.grace + ExecConfig{}.kill_after, 25s);
}

TEST(WorkerConfigTest, OutOfRangeValuesAreRefusedByName) {
  const auto refused = [](WorkerConfig config) -> std::string {
    try {
      Checked(std::move(config));
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(refused({.concurrency = 0}).find("concurrency"), std::string::npos);
  EXPECT_NE(refused({.concurrency = 10'001}).find("10001"), std::string::npos);
  EXPECT_NE(refused({.lease = 10ms}).find("lease"), std::string::npos);
  EXPECT_NE(refused({.timeout = -1ms}).find("timeout"), std::string::npos);
  EXPECT_NE(refused({.poll_interval_max = 0ms}).find("poll_interval_max"), std::string::npos);
  EXPECT_NE(refused({.name = "\xff"}).find("name must be UTF-8"), std::string::npos);
  EXPECT_NE(refused({.name = "a\nb"}).find("name must not hold"), std::string::npos);
  EXPECT_NE(refused({.name = std::string(129, 'x')}).find("name must be at most"),
            std::string::npos);
  EXPECT_NE(refused({.queue = "two words"}).find("queue may hold only"), std::string::npos);
  EXPECT_NE(refused({.queue = ""}).find("queue must not be empty"), std::string::npos);
  EXPECT_EQ(refused({}), "");
}

TEST(WorkerConfigTest, DefaultNamesAreUnique) {
  EXPECT_NE(Checked({}).name, Checked({}).name) << "of one process, as of two with one id";
  EXPECT_LE(Checked({.queue = std::string(128, 'q')}).name.size(), 128U);
}

TEST(RegistryTest, OneHandlerPerType) {
  Registry registry;
  registry.Add("t", Handler([](const Job&) -> Outcome { return Succeeded{}; }));
  EXPECT_THROW(registry.Add("t", Handler{}), std::invalid_argument);
  EXPECT_THROW(registry.Add("", Handler{}), std::invalid_argument);
  EXPECT_THROW(registry.Add("two words", Handler{}), std::invalid_argument);
  EXPECT_EQ(registry.Find("u"), nullptr);
}

}  // namespace
}  // namespace djps::worker
