// Runs the workers of examples/, which use only HTTP.
#include <chrono>
#include <csignal>

#include "build_paths.h"
#include "support/process.h"
#include "support/work_api.h"

namespace djps::test_support {
namespace {

class ExampleWorkersTest : public WorkApiTest {
 protected:
  std::string Example(const std::string& path) {
    return std::string(kSourceDir) + "/examples/" + path;
  }
  std::vector<std::string> Environment() {
    return {fmt::format("DJPS_SERVER=http://127.0.0.1:{}", server_.port())};
  }
  std::string Submit(const std::string& type, const std::string& payload) {
    const HttpReply reply = Post(
        "/jobs", fmt::format(R"({{"type":"{}","payload":{},"maxAttempts":1}})", type, payload));
    EXPECT_EQ(reply.status, 201) << reply.body;
    return TextOf(reply.Json().as_object(), "id");
  }
  bool Ends(const std::string& id) {
    return Eventually("select count(*) from djps.outcomes where id = '" + id + "'", "1");
  }

  TemporaryFolder folder_;
  std::string log_ = folder_ / "log";
};

TEST_F(ExampleWorkersTest, BashRunsACommandPerJob) {
  const std::string script = R"(read -r line; echo "got $line"; case $line in *bad*) )"
                             R"(echo 'no "good"' >&2; exit 3;; esac)";
  const Process worker({Example("bash_worker/worker.sh"), "shout", "bash", "-c", script},
                       Environment(), log_);
  const std::string good = Submit("shout", R"({"a":["\"x\"",1]})");
  const std::string bad = Submit("shout", R"("bad")");
  ASSERT_TRUE(Ends(good)) << ReadFile(log_);
  ASSERT_TRUE(Ends(bad)) << ReadFile(log_);
  EXPECT_EQ(StatusOf(good), "succeeded");
  EXPECT_EQ(GetOk("/jobs/" + good).at("result"), json::value(R"(got {"a": ["\"x\"", 1]})"));
  const json::object failed = GetOk("/jobs/" + bad);
  EXPECT_EQ(TextOf(failed, "status"), "dead");
  EXPECT_EQ(TextOf(failed.at("last_error").as_object(), "class"), "exit_3");
  EXPECT_EQ(TextOf(failed.at("last_error").as_object(), "message"), "no \"good\"");
}

TEST_F(ExampleWorkersTest, PythonAddsUpFromACheckpoint) {
  const std::string half = Submit("add_up", R"({"numbers":[1000,2,3]})");
  const json::object claim = Ok("/worker/claim", R"({"worker":"w","types":["add_up"]})");
  const HeldJob held = JobsOf(claim).at(0);
  Ok("/worker/progress", held.With(R"(,"checkpoint":{"next":1,"sum":1})"));
  Ok("/worker/release", held.With());
  Process worker({Example("python_worker/worker.py")}, Environment(), log_);
  const std::string bad = Submit("add_up", R"({"numbers":[1,"x"]})");
  ASSERT_TRUE(Ends(half)) << ReadFile(log_);
  ASSERT_TRUE(Ends(bad)) << ReadFile(log_);
  EXPECT_EQ(GetOk("/jobs/" + half).at("result"), 6);
  EXPECT_EQ(GetOk("/jobs/" + half).at("progress").as_object().at("percent"), 100);
  const json::object failed = GetOk("/jobs/" + bad);
  EXPECT_EQ(TextOf(failed, "status"), "dead");
  EXPECT_EQ(TextOf(failed.at("last_error").as_object(), "class"), "TypeError");
}

TEST_F(ExampleWorkersTest, TheyStopAtOnceWhileTheyWait) {
  const std::vector<std::vector<std::string>> workers = {
      {Example("bash_worker/worker.sh"), "t", "true"}, {Example("python_worker/worker.py")}};
  for (const auto& argv : workers) {
    Process worker(argv, Environment(), log_);
    const std::string waits =
        fmt::format("select count(*) from djps.workers where name like '%/{}'", worker.pid());
    ASSERT_TRUE(Eventually(waits, "1")) << argv.front() << ReadFile(log_);
    const auto begin = std::chrono::steady_clock::now();
    worker.Signal(SIGTERM);
    worker.Wait();
    // Far below the 20 seconds for which the server holds their request.
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(12)) << argv.front();
  }
}

}  // namespace
}  // namespace djps::test_support
