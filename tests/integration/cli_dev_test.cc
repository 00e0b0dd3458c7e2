// `djps dev` as a process of its own: what it starts, what survives it, and how it ends.
#include "integration/cli_program.h"

namespace djps::cli {
namespace {

std::string StatusOf(const Dev& dev, const std::string& id) {
  const boost::json::object job = dev.Job(id);
  return job.empty() ? "none" : std::string(job.at("status").as_string());
}

TEST(CliDevTest, FirstJobIsDoneWithoutAnythingElse) {
  const TempDir temp;
  Dev dev(temp / "data");
  const std::string id = dev.Enqueue("echo", R"({"hello": "world"})");
  const Ended got = dev.Run({"job", "get", id, "--wait", "--json"});
  ASSERT_EQ(got.code, 0) << got.err;
  EXPECT_EQ(got.Json().at("status"), "succeeded");
  EXPECT_EQ(got.Json().at("result").at("hello"), "world");

  const Ended health = dev.Run({"health", "--json"});
  EXPECT_EQ(health.code, 0) << health.err;
  EXPECT_EQ(health.Json().at("healthy"), true);
  EXPECT_EQ(dev.Run({"health"}).code, 0);
  EXPECT_TRUE(Contains(dev.program().Out(), dev.State().at("api_url").as_string().c_str()));
}

TEST(CliDevTest, ThePsqlLineThatItPrintsWorksAsItIs) {
  const TempDir temp;
  Dev dev(temp / "a folder for $HOME's `data`");
  const std::string out = dev.program().Out();
  const std::size_t begin = out.find("psql ");
  ASSERT_NE(begin, std::string::npos) << out;
  const std::string line = out.substr(begin, out.find('\n', begin) - begin);
  Program psql({"/bin/sh", "-c", line + " --no-password -Atc 'select count(*) from djps.jobs'"});
  const Ended ended = psql.Wait();
  EXPECT_EQ(ended.out, "0\n") << line << ended.err;
}

TEST(CliDevTest, StopsEverythingInOrderOnOneCtrlC) {
  const TempDir temp;
  Dev dev(temp / "data");
  const int postmaster = dev.Postmaster();
  ASSERT_TRUE(ProcessExists(postmaster));
  const Ended ended = dev.Stop();
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_FALSE(ProcessExists(postmaster));
  EXPECT_FALSE(std::filesystem::exists(dev.data() + "/dev.json"));
  EXPECT_TRUE(Contains(ReadText(dev.data() + "/postgres.log"), "database system is shut down"));
}

TEST(CliDevTest, SecondCtrlCHandsARunningJobBackUnharmed) {
  const TempDir temp;
  std::string id;
  {
    Dev dev(temp / "data", {"--grace", "1h", "--type", "long", "--exec", "sleep", "3600"});
    id = dev.Enqueue("long");
    ASSERT_TRUE(WaitUntil([&] { return StatusOf(dev, id) == "running"; }));
    dev.program().Signal(SIGINT);
    ASSERT_TRUE(WaitUntil([&] { return Contains(dev.program().Err(), "waiting for 1 running"); }))
        << dev.program().Err();
    const Ended ended = dev.Stop();
    EXPECT_EQ(ended.code, 0) << ended.err;
  }
  const Dev again(temp / "data");
  const boost::json::object job = again.Job(id);
  ASSERT_FALSE(job.empty());
  EXPECT_EQ(job.at("status"), "queued");
  EXPECT_EQ(job.at("attempts"), 0) << "the attempt that was stopped does not count";
}

TEST(CliDevTest, RefusesASecondOneOnTheSameFolderAndSaysWhereTheFirstIs) {
  const TempDir temp;
  Dev dev(temp / "data");
  const Ended second = Djps({"dev", "--data", dev.data(), "--port", "0"});
  EXPECT_EQ(second.code, 1);
  EXPECT_TRUE(Contains(second.err, "is in use by process")) << second.err;
  EXPECT_TRUE(Contains(second.err, dev.State().at("api_url").as_string().c_str())) << second.err;
  EXPECT_EQ(dev.Run({"health"}).code, 0) << "the first one goes on";
}

TEST(CliDevTest, RefusesAPortThatIsTakenAndLeavesNoPostgresBehind) {
  const TempDir temp;
  Dev dev(temp / "data");
  const std::string url = dev.State().at("api_url").as_string().c_str();
  const Ended second =
      Djps({"dev", "--data", temp / "other", "--port", url.substr(url.rfind(':') + 1)});
  EXPECT_EQ(second.code, 1);
  EXPECT_TRUE(Contains(second.err, "djps: ")) << second.err;
  EXPECT_FALSE(std::filesystem::exists(temp / "other/pg/postmaster.pid"));
  EXPECT_FALSE(std::filesystem::exists(temp / "other/dev.json"));
}

TEST(CliDevTest, NothingIsLostWhenItIsKilled) {
  const TempDir temp;
  std::string id;
  {
    Dev dev(temp / "data");
    id = dev.Enqueue("nobody-runs-this", "[1]");
    dev.program().Signal(SIGKILL);
    EXPECT_EQ(dev.program().Wait().code, 128 + SIGKILL);
    EXPECT_TRUE(std::filesystem::exists(dev.data() + "/dev.json")) << "it had no time to remove it";
    const Ended found = dev.Run({"job", "get", id});
    EXPECT_EQ(found.code, 5) << "a stale dev.json is no dev";
    EXPECT_TRUE(Contains(found.err, "no djps dev runs on")) << found.err;
  }
  const Dev again(temp / "data");
  EXPECT_EQ(StatusOf(again, id), "queued");
}

TEST(CliDevTest, StartsPostgresAgainWhenItDies) {
  const TempDir temp;
  Dev dev(temp / "data");
  const std::string before = dev.Enqueue("nobody-runs-this");
  const int postmaster = dev.Postmaster();
  kill(postmaster, SIGKILL);
  ASSERT_TRUE(WaitUntil([&] { return dev.Postmaster() != postmaster; }));
  ASSERT_TRUE(WaitUntil([&] { return dev.Run({"health"}).code == 0; })) << dev.program().Err();
  EXPECT_EQ(StatusOf(dev, before), "queued");
  const std::string after = dev.Enqueue("echo");
  EXPECT_EQ(dev.Run({"job", "get", after, "--wait"}).code, 0);
  EXPECT_EQ(dev.Stop().code, 0);
}

TEST(CliDevTest, AWorkerInAnotherProcessFindsItByItsFolder) {
  const TempDir temp;
  Dev dev(temp / "data");
  Program worker(WithBinary(
      {"worker", "--data", dev.data(), "--type", "shell", "--env", "GREETING=hi", "--exec", "sh",
       "-c", "printf '[\"%s\",\"%s\",\"%s\"]' \"$1\" \"$DJPS_JOB_TYPE\" \"$GREETING\"", "name",
       "--type"}));
  const std::string id = dev.Enqueue("shell");
  const Ended got = dev.Run({"job", "get", id, "--wait", "--json"});
  ASSERT_EQ(got.code, 0) << got.out << got.err << worker.Err();
  EXPECT_EQ(boost::json::serialize(got.Json().at("result")), R"(["--type","shell","hi"])");
  worker.Signal(SIGTERM);
  const Ended ended = worker.Wait();
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_FALSE(Contains(ended.err, "password")) << ended.err;
}

TEST(CliDevTest, RunsAProgramForItsTypesBesideEcho) {
  const TempDir temp;
  Dev dev(temp / "data", {"--type", "poison", "--exec", "sh", "-c", "echo broken >&2; exit 65"});
  const std::string id = dev.Enqueue("poison");
  const Ended got = dev.Run({"job", "get", id, "--wait"});
  EXPECT_EQ(got.code, 3) << got.err;
  EXPECT_TRUE(Contains(got.out, "dead")) << got.out;
  EXPECT_TRUE(Contains(got.out, "exit_65: broken")) << got.out;
  EXPECT_EQ(dev.Run({"job", "get", dev.Enqueue("echo"), "--wait"}).code, 0);
}

}  // namespace
}  // namespace djps::cli
