// The commands that talk to a server or a database, as processes.
#include "build_paths.h"
#include "integration/cli_program.h"
#include "pg/session.h"
#include "support/postgres.h"

namespace djps::cli {
namespace {

constexpr int kJobs = 1'234;

/// A port without a listener.
constexpr const char* kNowhere = "127.0.0.1:1";

/// One `djps dev` for all tests here; each uses types of its own.
class CliCommandsTest : public DevSuite {};

TEST_F(CliCommandsTest, AKeyNamesOneJob) {
  const Args args = {"enqueue", "--type", "keyed", "--key", "k1", "--payload", "1", "--json"};
  const Ended first = dev_->Run(args);
  const Ended second = dev_->Run(args);
  ASSERT_EQ(first.code, 0) << first.err;
  ASSERT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(first.Json().at("id"), second.Json().at("id"));
  EXPECT_EQ(first.Json().at("replayed"), false);
  EXPECT_EQ(second.Json().at("replayed"), true);

  const Ended differs = dev_->Run({"enqueue", "--type", "keyed", "--key", "k1", "--payload", "2"});
  EXPECT_EQ(differs.code, 0);
  EXPECT_EQ(differs.out, std::string(first.Json().at("id").as_string()) + "\n");
  EXPECT_TRUE(Contains(differs.err, "payload differs")) << differs.err;
}

TEST_F(CliCommandsTest, EveryOptionOfAJobArrives) {
  const Ended ended = dev_->Run(
      {"enqueue", "--type", "full", "--queue", "slow", "--priority", "-7", "--max-attempts", "3",
       "--key", "k", "--run-at", "2100-01-31T09:00:00+01:00", "--payload", "-"},
      "{\"n\": 1e30}\n");
  ASSERT_EQ(ended.code, 0) << ended.err;
  const boost::json::object job = dev_->Job(ended.out.substr(0, 36));
  EXPECT_EQ(job.at("queue"), "slow");
  EXPECT_EQ(job.at("priority"), -7);
  EXPECT_EQ(job.at("max_attempts"), 3);
  EXPECT_EQ(job.at("idempotency_key"), "k");
  EXPECT_EQ(job.at("run_at"), "2100-01-31T08:00:00.000000Z");
  EXPECT_EQ(job.at("payload").at("n"), 1e30);
}

TEST_F(CliCommandsTest, APayloadMayComeFromAFile) {
  std::ofstream(*temp_ / "payload.json") << "[1, 2]";
  const std::string id = dev_->Enqueue("file", "@" + (*temp_ / "payload.json").string());
  EXPECT_EQ(boost::json::serialize(dev_->Job(id).at("payload")), "[1,2]");
  EXPECT_EQ(dev_->Run({"enqueue", "--type", "file", "--payload", "@/nowhere"}).code, 2);
}

TEST_F(CliCommandsTest, RefusesJobsThatAreNotValid) {
  for (const Args& args :
       {Args{"--type", "a b"}, Args{"--type", "a", "--payload", "{to: 1}"},
        Args{"--type", "a", "--run-at", "tomorrow"}, Args{"--type", "a", "--max-attempts", "0"},
        Args{"--type", "a", "--key", ""}, Args{}, Args{"--from", "/nowhere"}, Args{"--from", "/"},
        Args{"--type", "a", "--from", "-"}}) {
    Args all = {"enqueue"};
    all.insert(all.end(), args.begin(), args.end());
    const Ended ended = dev_->Run(all);
    EXPECT_EQ(ended.code, 2) << testing::PrintToString(args);
    EXPECT_TRUE(ended.err.starts_with("djps: ")) << ended.err;
    EXPECT_EQ(ended.out, "");
  }
}

TEST_F(CliCommandsTest, SubmitsAFileOfJobsAndKnowsThoseThatWereThere) {
  std::string lines;
  for (int i = 0; i < kJobs; ++i) {
    lines += R"({"type":"bulk","payload":1,"idempotencyKey":")" + std::to_string(i) + "\"}\n";
  }
  std::ofstream(*temp_ / "jobs.ndjson") << lines;
  const Ended first = dev_->Run({"enqueue", "--from", *temp_ / "jobs.ndjson"});
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(first.out, "submitted 1,234 jobs: 1,234 new, 0 already there\n");

  const Ended second = dev_->Run({"enqueue", "--from", "-", "--json"}, lines);
  ASSERT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(second.Json().at("submitted"), kJobs);
  EXPECT_EQ(second.Json().at("replayed"), kJobs);
}

TEST_F(CliCommandsTest, NamesTheLineThatIsWrongAndWhatIsStored) {
  std::string lines;
  for (int i = 0; i < 600; ++i) lines += "{\"type\":\"bulk-wrong\"}\n";
  const Ended ended = dev_->Run({"enqueue", "--from", "-"}, lines + "{\"payload\":1}\n");
  EXPECT_EQ(ended.code, 2);
  EXPECT_TRUE(Contains(ended.err, "line 601 of standard input: type is required")) << ended.err;
  EXPECT_TRUE(Contains(ended.err, "500 jobs before that are stored")) << ended.err;
}

TEST_F(CliCommandsTest, WaitingForAJobThatNobodyRunsEndsWithItsOwnCode) {
  const std::string id = dev_->Enqueue("nobody");
  const Ended ended = dev_->Run({"job", "get", id, "--wait", "--wait-timeout", "200ms"});
  EXPECT_EQ(ended.code, 4);
  EXPECT_TRUE(Contains(ended.err, "is still queued after 200ms")) << ended.err;
}

TEST_F(CliCommandsTest, AJobThatIsNotThereIsNotFound) {
  const Ended missing = dev_->Run({"job", "get", "019a2b3c-4d5e-7f60-8123-456789abcdef"});
  EXPECT_EQ(missing.code, 1);
  EXPECT_TRUE(Contains(missing.err, "there is no job 019a2b3c")) << missing.err;
  EXPECT_EQ(dev_->Run({"job", "get", "nonsense"}).code, 2);
}

TEST_F(CliCommandsTest, WorksWithoutAServerStraightOnTheDatabase) {
  const Ended submitted = Djps({"enqueue", "--database-url", DatabaseUrl(), "--type", "echo"});
  ASSERT_EQ(submitted.code, 0) << submitted.err;
  const Ended got = Djps({"job", "get", submitted.out.substr(0, 36), "--wait", "--json"}, "",
                         {"DJPS_DATABASE_URL=" + DatabaseUrl()});
  ASSERT_EQ(got.code, 0) << got.err;
  EXPECT_EQ(got.Json().at("status"), "succeeded");
  const Ended same = dev_->Run({"job", "get", submitted.out.substr(0, 36), "--json"});
  EXPECT_EQ(same.out, got.out) << "both ways show a job alike";
  EXPECT_EQ(Djps({"health", "--database-url", DatabaseUrl()}).code, 0);
}

TEST_F(CliCommandsTest, ExplicitOptionsBeatVariables) {
  const Args misleading = {std::string("DJPS_SERVER=http://") + kNowhere,
                           std::string("DJPS_DATABASE_URL=postgres://") + kNowhere + "/x",
                           std::string("DATABASE_URL=postgres://") + kNowhere + "/x"};
  const Ended health = Djps({"health", "--data", dev_->data()}, "", misleading);
  EXPECT_EQ(health.code, 0) << health.err;
  const Ended status = Djps({"migrate", "status", "--data", dev_->data()}, "", misleading);
  EXPECT_EQ(status.code, 0) << status.err;
}

TEST(CliUnavailableTest, SaysWhichServerWasTriedAndWhatToDo) {
  const std::string url = std::string("http://") + kNowhere;
  const Ended ended = Djps({"enqueue", "--type", "a", "--server", url});
  EXPECT_EQ(ended.code, 5);
  EXPECT_TRUE(Contains(ended.err, "no server at " + url + " (connection refused)")) << ended.err;
  EXPECT_TRUE(Contains(ended.err, "djps dev")) << ended.err;
  EXPECT_EQ(Djps({"health", "--server", url}).code, 1);
  const Ended json = Djps({"health", "--server", url, "--json"});
  EXPECT_EQ(json.code, 1);
  EXPECT_EQ(json.Json().at("healthy"), false);
}

TEST(CliUnavailableTest, SaysWhichDatabaseWasTriedWithoutItsPassword) {
  const std::string url = std::string("postgres://me:secret@") + kNowhere + "/jobs";
  for (const Args& args : {Args{"migrate", "status"}, Args{"migrate", "up"},
                           Args{"job", "get", "019a2b3c-4d5e-7f60-8123-456789abcdef"}}) {
    const Ended ended = Djps(args, "", {"DATABASE_URL=" + url});
    EXPECT_EQ(ended.code, 5) << ended.err;
    EXPECT_TRUE(Contains(ended.err, "host='127.0.0.1' port='1' user='me' (from DATABASE_URL)"))
        << ended.err;
    EXPECT_FALSE(Contains(ended.err, "secret")) << ended.err;
  }
}

TEST(CliMigrateTest, BringsAnEmptyDatabaseUpToDate) {
  const std::string url = test_support::Postgres().NewEmptyDatabase();
  const auto migrate = [&url](Args args) {
    args.insert(args.begin(), "migrate");
    args.insert(args.end(), {"--database-url", url});
    return Djps(args);
  };
  const Ended before = migrate({"status", "--json"});
  ASSERT_EQ(before.code, 0) << before.err;
  EXPECT_EQ(before.Json().at("current"), false);
  EXPECT_EQ(before.Json().at("definitions").at("current"), false);
  const std::size_t count = before.Json().at("migrations").as_array().size();

  const Ended dry = migrate({"up", "--dry-run", "--json"});
  ASSERT_EQ(dry.code, 0) << dry.err;
  EXPECT_EQ(dry.Json().at("would_apply").as_array().size(), count);
  EXPECT_EQ(migrate({"status", "--json"}).out, before.out) << "a dry run changes nothing";

  const Ended up = migrate({"up", "--json"});
  ASSERT_EQ(up.code, 0) << up.err;
  EXPECT_EQ(up.Json().at("applied").as_array().size(), count);
  EXPECT_EQ(migrate({"status", "--json"}).Json().at("current"), true);
  EXPECT_EQ(migrate({"up"}).out, "The schema is up to date.\n");
  EXPECT_TRUE(Contains(migrate({"status"}).out, "applied"));
  EXPECT_TRUE(Contains(migrate({"status"}).out, ": current\n"));
}

TEST(CliMigrateTest, SaysWhichFunctionsDifferAndReplacesThem) {
  const std::string url = test_support::Postgres().NewDatabase();
  pg::Session(url).Run("update djps.definitions set checksum = 'x' where name = 'retry_delay'");
  const auto migrate = [&url](Args args) {
    args.insert(args.begin(), "migrate");
    args.insert(args.end(), {"--database-url", url});
    return Djps(args);
  };
  const Ended status = migrate({"status", "--json"});
  EXPECT_EQ(status.Json().at("current"), false);
  EXPECT_EQ(status.Json().at("definitions").at("differ").as_array().at(0), "function retry_delay");
  EXPECT_TRUE(Contains(migrate({"status"}).out, ": differ: function retry_delay\n"));
  EXPECT_EQ(migrate({"up", "--dry-run"}).out, "Would replace function retry_delay\n");
  EXPECT_EQ(migrate({"up"}).out, "Replaced function retry_delay\n");
  EXPECT_EQ(migrate({"up"}).out, "The schema is up to date.\n");
}

TEST(CliServerTest, RefusesASchemaThatIsNotUpToDate) {
  const std::string url = test_support::Postgres().NewEmptyDatabase();
  for (const Args& args : {Args{"server", "--port", "0"}, Args{"enqueue", "--type", "a"},
                           Args{"worker", "--type", "a", "--exec", "true"}}) {
    const Ended ended = Djps(args, "", {"DJPS_DATABASE_URL=" + url});
    EXPECT_EQ(ended.code, 1) << args.front();
    EXPECT_TRUE(Contains(ended.err, "djps migrate up")) << ended.err;
  }
}

TEST(CliServerTest, ServesAGivenPostgresUntilItIsTold) {
  Program server(WithBinary({"server", "--port", "0"}),
                 {"DJPS_DATABASE_URL=" + test_support::Postgres().NewDatabase()});
  const std::string listening = "listening on ";
  ASSERT_TRUE(WaitUntil([&] { return Contains(server.Err(), listening); })) << server.Err();
  std::istringstream rest(server.Err().substr(server.Err().find(listening) + listening.size()));
  std::string url;
  std::getline(rest, url, ';');

  const Ended submitted = Djps({"enqueue", "--type", "a", "--server", url});
  ASSERT_EQ(submitted.code, 0) << submitted.err;
  const Ended got =
      Djps({"job", "get", submitted.out.substr(0, 36), "--json"}, "", {"DJPS_SERVER=" + url});
  ASSERT_EQ(got.code, 0) << got.err;
  EXPECT_EQ(got.Json().at("status"), "queued");
  server.Signal(SIGTERM);
  const Ended ended = server.Wait();
  EXPECT_EQ(ended.code, 0) << ended.err;
}

TEST(CliServerTest, WaitsForADatabaseThatCannotBeReachedAndSaysSo) {
  Program server(WithBinary({"server", "--port", "0"}),
                 {std::string("DJPS_DATABASE_URL=postgres://me:secret@") + kNowhere + "/x"});
  ASSERT_TRUE(WaitUntil([&] { return Contains(server.Err(), "trying again"); }));
  server.Signal(SIGTERM);
  const Ended ended = server.Wait();
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_FALSE(Contains(ended.err, "secret")) << ended.err;
}

TEST(CliServerTest, ADatabaseThatDoesNotLetItInIsAnErrorAtTheStart) {
  const std::string url = test_support::Postgres().NewDatabase();
  const std::pair<std::string, std::string> cases[] = {
      {url + " password=wrong", "password authentication failed"},
      {url + " user=nobody password=x", "password authentication failed"},
      {url + " dbname=nowhere", "database \"nowhere\" does not exist"},
  };
  for (const auto& [conninfo, reason] : cases) {
    for (const Args& args :
         {Args{"server", "--port", "0"}, Args{"worker", "--type", "a", "--exec", "true"}}) {
      const Ended ended = Djps(args, "", {"DJPS_DATABASE_URL=" + conninfo});
      EXPECT_EQ(ended.code, 5) << args.front() << " " << ended.err;
      EXPECT_TRUE(Contains(ended.err, reason)) << ended.err;
      EXPECT_FALSE(Contains(ended.err, "trying again")) << ended.err;
    }
  }
}

TEST(CliServerTest, SecretsMayComeFromFilesWithALineBreakAtTheirEnd) {
  const TempDir folder;
  const std::string bootstrap(40, 'b');
  std::ofstream(folder / "url") << test_support::Postgres().NewDatabase() << "\n";
  std::ofstream(folder / "token") << bootstrap << "\r\n";
  const std::string token_file = (folder / "token").string();
  Program server(WithBinary({"server", "--port", "0", "--auth", "token"}),
                 {"DJPS_DATABASE_URL_FILE=" + (folder / "url").string(),
                  "DJPS_BOOTSTRAP_TOKEN_FILE=" + token_file});
  const std::string listening = "listening on ";
  ASSERT_TRUE(WaitUntil([&] { return Contains(server.Err(), listening); })) << server.Err();
  std::istringstream rest(server.Err().substr(server.Err().find(listening) + listening.size()));
  std::string url;
  std::getline(rest, url, ';');

  const Ended submitted = Djps({"enqueue", "--type", "a"}, "",
                               {"DJPS_SERVER=" + url + " \n", "DJPS_TOKEN_FILE=" + token_file});
  EXPECT_EQ(submitted.code, 0) << submitted.err;
  EXPECT_EQ(
      Djps({"enqueue", "--type", "a"}, "", {"DJPS_SERVER=" + url, "DJPS_TOKEN=" + bootstrap + "\n"})
          .code,
      0);
  const Ended missing =
      Djps({"enqueue", "--type", "a"}, "", {"DJPS_SERVER=" + url, "DJPS_TOKEN_FILE=/nowhere"});
  EXPECT_EQ(missing.code, 2);
  EXPECT_TRUE(Contains(missing.err, "DJPS_TOKEN_FILE names /nowhere, which cannot be read"))
      << missing.err;
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait().code, 0);
}

TEST(CliUsageTest, WrongUsageHasItsOwnExitCodeAndPointsToTheHelp) {
  const std::pair<Args, const char*> cases[] = {
      {{"wrker"}, "did you mean worker?"},
      {{"worker", "--tpye", "a"}, "did you mean --type?"},
      {{"worker", "--type", "a", "--lease", "10", "--exec", "true"}, "the unit is missing"},
      {{"worker", "--type", "a", "--lease", "1ms", "--exec", "true"}, "lease"},
      {{"worker", "--type", "a", "--exec", "/nowhere/program"}, "/nowhere/program"},
      {{"worker", "--type", "a"}, "--exec is required"},
      {{"dev", "--type", "a"}, "--exec"},
      {{"dev", "--port", "65536"}, "--port must be a whole number from 0 to 65535"},
      {{"job", "get"}, "ID is required"},
      {{"health", "--server", "x", "--data", "y"}, "--server excludes"},
      {{"health", "--server", "https://x"}, "supports only http"},
      {{"version", "--log-level", "loud"}, "--log-level"},
      {{"server", "--allow-host", "jobs.example:80"},
       "--allow-host must be a name or an IP address"},
      {{"server", "--max-connections", "0"}, "--max-connections must be a whole number from 1"},
  };
  for (const auto& [args, expected] : cases) {
    const Ended ended = Djps(args);
    EXPECT_EQ(ended.code, 2) << ended.err;
    EXPECT_TRUE(ended.err.starts_with("djps: ")) << ended.err;
    EXPECT_TRUE(Contains(ended.err, expected)) << ended.err;
    EXPECT_EQ(ended.out, "");
  }
}

TEST(CliUsageTest, AloneItPrintsAnOverview) {
  const Ended ended = Djps({});
  EXPECT_EQ(ended.code, 0);
  for (const char* command : {"dev", "server", "worker", "migrate", "enqueue", "job", "health",
                              "version", "completion"}) {
    EXPECT_TRUE(Contains(ended.out, std::string("\n  ") + command + " ")) << command;
  }
  EXPECT_EQ(Djps({"help", "enqueue"}).out, Djps({"enqueue", "--help"}).out);
  EXPECT_EQ(Djps({"version", "--json"}).Json().at("version").as_string().empty(), false);
}

TEST(CliUsageTest, BashCompletesCommandsAndOptions) {
  const std::string script = std::string("source <(") + test_support::kDjpsBinary +
                             " completion bash) && COMP_WORDS=($1) && "
                             "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) && _djps && "
                             "echo \"${COMPREPLY[*]}\"";
  const auto complete = [&script](const std::string& words) {
    const Ended ended = Program({"/bin/bash", "-c", script, "bash", words}).Wait();
    EXPECT_EQ(ended.code, 0) << ended.err;
    return ended.out;
  };
  EXPECT_EQ(complete("djps wor"), "worker workers\n");
  EXPECT_EQ(complete("djps migrate st"), "status\n");
  EXPECT_EQ(complete("djps migrate up --dry"), "--dry-run\n");
  EXPECT_EQ(complete("djps dev --data enqueue --po"), "--port\n") << "a value is no command";
  EXPECT_EQ(complete("djps enqueue --from ."), "\n") << "left to the shell: files";
  EXPECT_EQ(complete("djps worker --exec prog --ty"), "\n") << "a program's own arguments";
}

TEST(CliUsageTest, AReaderThatLeavesIsNotACrash) {
  const Ended ended = Program({"/bin/bash", "-c",
                               std::string("for i in 1 2 3; do ") + test_support::kDjpsBinary +
                                   " completion zsh | true; echo ${PIPESTATUS[0]}; done"})
                          .Wait();
  for (const char c : ended.out) EXPECT_TRUE(c == '0' || c == '1' || c == '\n') << ended.out;
  EXPECT_EQ(ended.err, "");
}

}  // namespace
}  // namespace djps::cli
