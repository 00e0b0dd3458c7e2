#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "cli/link/target.h"
#include "support/temporary_folder.h"

namespace djps::cli {
namespace {

namespace fs = std::filesystem;

/// Inputs with a running `djps dev` on each of `devs`.
TargetInputs Inputs(TargetOptions options, Environment environment,
                    std::vector<std::string> devs = {}) {
  return {std::move(options), std::move(environment), "/default",
          [devs](const fs::path& dir) -> std::optional<DevState> {
            for (const std::string& dev : devs) {
              if (dir == dev) {
                return DevState{.pid = 1,
                                .process_start = 1,
                                .api_url = "http://api" + dev,
                                .database_url = "host=" + dev,
                                .started_at = {}};
              }
            }
            return std::nullopt;
          }};
}

std::string DatabaseOf(const TargetInputs& inputs) {
  const auto choice = ChooseDatabase(inputs);
  return choice ? choice->given : "error: " + choice.error().message;
}

/// "server URL" or "database CONNINFO".
std::string JobsOf(const TargetInputs& inputs) {
  const auto choice = ChooseJobs(inputs);
  if (!choice) return "error: " + choice.error().message;
  if (const auto* server = std::get_if<ServerTarget>(&*choice)) return "server " + server->url;
  return "database " + std::get<DatabaseChoice>(*choice).given;
}

const Environment kEverything = {{"DJPS_SERVER", "http://variable"},
                                 {"DJPS_DATABASE_URL", "djps-variable"},
                                 {"DJPS_DATA", "/variable"},
                                 {"DATABASE_URL", "usual-variable"},
                                 {"PGHOST", "pghost"}};

Environment Without(Environment environment, std::initializer_list<const char*> names) {
  for (const char* name : names) environment.erase(name);
  return environment;
}

TEST(DatabaseTargetTest, OptionsBeatEveryVariable) {
  EXPECT_EQ(DatabaseOf(Inputs({.server = {}, .database_url = "given", .data = {}}, kEverything,
                              {"/variable", "/default"})),
            "given");
  EXPECT_EQ(DatabaseOf(Inputs({.server = {}, .database_url = {}, .data = "/given"}, kEverything,
                              {"/given", "/variable", "/default"})),
            "host=/given");
}

TEST(DatabaseTargetTest, VariablesGoFromOursToTheUsualOnes) {
  Environment environment = kEverything;
  const std::vector<std::string> devs = {"/variable", "/default"};
  EXPECT_EQ(DatabaseOf(Inputs({}, environment, devs)), "djps-variable");
  environment.erase("DJPS_DATABASE_URL");
  EXPECT_EQ(DatabaseOf(Inputs({}, environment, devs)), "host=/variable");
  environment.erase("DJPS_DATA");
  EXPECT_EQ(DatabaseOf(Inputs({}, environment, devs)), "usual-variable");
  environment.erase("DATABASE_URL");
  EXPECT_EQ(ChooseDatabase(Inputs({}, environment, devs)).value(),
            (DatabaseChoice{"", "the PG* variables"}));
  environment.erase("PGHOST");
  EXPECT_EQ(DatabaseOf(Inputs({}, environment, devs)), "host=/default");
}

TEST(DatabaseTargetTest, WithoutAnythingTheDefaultsCount) {
  EXPECT_EQ(ChooseDatabase(Inputs({}, {})).value(), (DatabaseChoice{"", "the defaults"}));
}

TEST(DatabaseTargetTest, AUserNameAloneNamesNoDatabase) {
  EXPECT_EQ(DatabaseOf(Inputs({}, {{"PGUSER", "me"}, {"PGPASSWORD", "x"}}, {"/default"})),
            "host=/default");
}

TEST(DatabaseTargetTest, AFolderThatWasAskedForMustHaveADev) {
  const auto choice = ChooseDatabase(
      Inputs({.server = {}, .database_url = {}, .data = "/given"}, kEverything, {"/default"}));
  ASSERT_FALSE(choice);
  EXPECT_EQ(choice.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(choice.error().message.find("djps dev --data /given"), std::string::npos);
}

TEST(DatabaseTargetTest, AFolderFromTheVariableMayBeWithoutDev) {
  EXPECT_EQ(DatabaseOf(Inputs({}, {{"DJPS_DATA", "/variable"}}, {"/default"})), "host=/default");
}

TEST(JobsTargetTest, OptionsBeatEveryVariable) {
  const std::vector<std::string> devs = {"/given", "/variable", "/default"};
  EXPECT_EQ(
      JobsOf(Inputs({.server = "http://given", .database_url = {}, .data = {}}, kEverything, devs)),
      "server http://given");
  EXPECT_EQ(JobsOf(Inputs({.server = {}, .database_url = "given", .data = {}}, kEverything, devs)),
            "database given");
  EXPECT_EQ(JobsOf(Inputs({.server = {}, .database_url = {}, .data = "/given"}, kEverything, devs)),
            "server http://api/given");
}

TEST(JobsTargetTest, VariablesGoFromOursToTheUsualOnes) {
  const std::vector<std::string> devs = {"/variable", "/default"};
  EXPECT_EQ(JobsOf(Inputs({}, kEverything, devs)), "server http://variable");
  EXPECT_EQ(JobsOf(Inputs({}, Without(kEverything, {"DJPS_SERVER"}), devs)),
            "database djps-variable");
  EXPECT_EQ(JobsOf(Inputs({}, Without(kEverything, {"DJPS_SERVER", "DJPS_DATABASE_URL"}), devs)),
            "server http://api/variable");
  EXPECT_EQ(JobsOf(Inputs(
                {}, Without(kEverything, {"DJPS_SERVER", "DJPS_DATABASE_URL", "DJPS_DATA"}), devs)),
            "database usual-variable");
}

TEST(JobsTargetTest, VariablesOfPsqlDoNotCount) {
  EXPECT_EQ(JobsOf(Inputs({}, {{"PGHOST", "pghost"}}, {"/default"})), "server http://api/default");
  EXPECT_EQ(JobsOf(Inputs({}, {{"PGHOST", "pghost"}})), "server http://127.0.0.1:3000");
}

TEST(TargetTest, WhiteSpaceAtTheEndOfVariablesIsCutOff) {
  EXPECT_EQ(DatabaseOf(Inputs({}, {{"DJPS_DATABASE_URL", "url\n"}})), "url");
  EXPECT_EQ(DatabaseOf(Inputs({}, {{"DATABASE_URL", "url \t\r\n"}})), "url");
  EXPECT_EQ(JobsOf(Inputs({}, {{"DJPS_SERVER", "http://a\n"}})), "server http://a");
  const auto choice = ChooseJobs(Inputs({}, {{"DJPS_TOKEN", "secret\n"}}));
  EXPECT_EQ(std::get<ServerTarget>(choice.value()).token, "secret");
  EXPECT_EQ(JobsOf(Inputs({}, {{"DJPS_SERVER", " \n"}})), "server http://127.0.0.1:3000")
      << "as good as not set";
}

TEST(TargetTest, SecretsMayBeInFiles) {
  const test_support::TemporaryFolder folder;
  const std::string file = (folder / "secret").string();
  std::ofstream(file) << "se cret\n\n";
  EXPECT_EQ(ChooseDatabase(Inputs({}, {{"DJPS_DATABASE_URL_FILE", file}})).value(),
            (DatabaseChoice{"se cret", "DJPS_DATABASE_URL_FILE"}));
  EXPECT_EQ(JobsOf(Inputs({}, {{"DJPS_DATABASE_URL_FILE", file}})), "database se cret");
  const auto choice = ChooseJobs(Inputs({}, {{"DJPS_TOKEN_FILE", file}}));
  EXPECT_EQ(std::get<ServerTarget>(choice.value()).token, "se cret");
}

TEST(TargetTest, AFileThatIsNoSecretIsAnErrorThatSaysSo) {
  const test_support::TemporaryFolder folder;
  const auto write = [&folder](const std::string& text) {
    std::ofstream(folder / "secret") << text;
    return (folder / "secret").string();
  };
  const auto error = [](const Environment& environment) {
    return DatabaseOf(Inputs({}, environment));
  };
  EXPECT_EQ(error({{"DJPS_DATABASE_URL_FILE", "/nowhere"}}),
            "error: DJPS_DATABASE_URL_FILE names /nowhere, which cannot be read: No such file or "
            "directory");
  const std::string folder_name = folder.path().string();
  EXPECT_EQ(error({{"DJPS_DATABASE_URL_FILE", folder_name}}),
            "error: DJPS_DATABASE_URL_FILE names " + folder_name +
                ", which cannot be read: Is a directory");
  std::string file = write(" \n");
  EXPECT_EQ(error({{"DJPS_DATABASE_URL_FILE", file}}),
            "error: DJPS_DATABASE_URL_FILE names " + file + ", which is empty");
  file = write(std::string(100'000, 'x'));
  EXPECT_EQ(error({{"DJPS_DATABASE_URL_FILE", file}}),
            "error: DJPS_DATABASE_URL_FILE names " + file + ", which has more than 65536 bytes");
  EXPECT_EQ(error({{"DJPS_DATABASE_URL_FILE", file}, {"DJPS_DATABASE_URL", "url"}}),
            "error: DJPS_DATABASE_URL and DJPS_DATABASE_URL_FILE are both set; unset one of them");
  EXPECT_EQ(JobsOf(Inputs({}, {{"DJPS_TOKEN_FILE", "/nowhere"}})),
            "error: DJPS_TOKEN_FILE names /nowhere, which cannot be read: No such file or "
            "directory");
}

TEST(TargetTest, SaysWhereAnInvalidConnectionStringCameFromAndHidesPasswords) {
  const auto target =
      ResolveDatabase(Inputs({}, {{"DATABASE_URL", "host=a password=secret nonsense=1"}}), "test");
  ASSERT_FALSE(target);
  EXPECT_EQ(target.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(target.error().message.find("DATABASE_URL"), std::string::npos);
  EXPECT_EQ(target.error().message.find("secret"), std::string::npos) << target.error().message;
}

TEST(TargetTest, DescribesADatabaseWithoutItsPassword) {
  const auto target = ResolveDatabase(
      Inputs({.server = {}, .database_url = "postgres://me:secret@db/jobs", .data = {}}, {}),
      "test");
  ASSERT_TRUE(target) << target.error().message;
  EXPECT_EQ(target->Describe(), "dbname='jobs' host='db' user='me' (from --database-url)");
  EXPECT_NE(target->conninfo.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace djps::cli
