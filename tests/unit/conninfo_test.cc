#include "pg/conninfo.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <map>

#include "pg/password_file.h"
#include "support/temporary_folder.h"

namespace djps::pg {
namespace {

constexpr std::array kVariables = {"DATABASE_URL", "HOME",     "PGHOST",     "PGHOSTADDR",
                                   "PGPORT",       "PGUSER",   "PGPASSWORD", "PGDATABASE",
                                   "PGPASSFILE",   "PGSERVICE"};

/// A process with only these variables, and an empty home.
class ConninfoTest : public testing::Test {
 protected:
  ConninfoTest() {
    for (const char* name : kVariables) {
      if (const char* value = std::getenv(name)) before_[name] = value;
      unsetenv(name);
    }
    setenv("HOME", home_.path().c_str(), 1);
  }
  ~ConninfoTest() override {
    for (const char* name : kVariables) {
      const auto value = before_.find(name);
      value == before_.end() ? unsetenv(name) : setenv(name, value->second.c_str(), 1);
    }
  }

  static std::string Resolve(const std::string& given) {
    const auto conninfo = ResolveConninfo(given, "test");
    return conninfo ? *conninfo : "error: " + conninfo.error().message;
  }
  /// The password that goes along; empty where libpq has to find it.
  static std::string Password(const std::string& given) {
    const std::string conninfo = Resolve(given);
    const std::size_t at = conninfo.find("password='");
    if (at == std::string::npos) return "";
    return conninfo.substr(at + 10, conninfo.find('\'', at + 10) - at - 10);
  }
  void WritePasswordFile(const std::string& text) {
    const auto path = home_ / ".pgpass";
    std::ofstream(path) << text;
    chmod(path.c_str(), 0600);
  }

  test_support::TemporaryFolder home_;
  std::map<std::string, std::string> before_;
};

TEST_F(ConninfoTest, TheBuiltInPasswordIsForTheBuiltInUserAtTheDefaultAddress) {
  EXPECT_EQ(Password(""), "djps");
  EXPECT_EQ(Password("dbname=other"), "djps");
  EXPECT_EQ(Password("postgres://djps@localhost:5432/djps"), "djps");
  for (const char* other : {"host=db", "host=/var/run/postgresql", "hostaddr=127.0.0.1",
                            "port=6432", "user=me", "postgres://me@db/jobs", "service=mine"}) {
    EXPECT_EQ(Password(other), "") << other;
  }
  const std::pair<const char*, const char*> variables[] = {
      {"PGHOST", "db"}, {"PGHOSTADDR", "127.0.0.1"}, {"PGPORT", "6432"},
      {"PGUSER", "me"}, {"PGPASSWORD", "x"},         {"PGSERVICE", "mine"}};
  for (const auto& [name, value] : variables) {
    setenv(name, value, 1);
    EXPECT_EQ(Password(""), "") << name;
    unsetenv(name);
  }
}

TEST_F(ConninfoTest, NoMessageShowsAPassword) {
  for (const char* broken : {"postgres://u:s3cret@[::1/db", "postgres://u:s3cret%zz@h/db",
                             "postgres://u:s3cret@h/db?s3cret", "postgres://u:a\"s3cret\"b@[::1/db",
                             "host=h password=a s3cret", "host=h password=a s3cret=b",
                             "host=h password='s3cret", "postgres://[h]s3cret"}) {
    const std::string message = Resolve(broken);
    EXPECT_TRUE(message.starts_with("error: the database connection string is not valid: "))
        << message;
    EXPECT_EQ(message.find("s3cret"), std::string::npos) << broken << ": " << message;
  }
  EXPECT_EQ(Resolve("host=h password"),
            "error: the database connection string is not valid: missing \"=\" after \"...\" in "
            "connection info string");
}

TEST_F(ConninfoTest, APasswordFileIsReadAsPsqlDoes) {
  WritePasswordFile("# mine\nlocalhost:5432:*:djps:from file\n");
  EXPECT_EQ(Password(""), "") << "libpq reads it";
  EXPECT_EQ(Password("password=given"), "given");
  WritePasswordFile("db:5432:*:djps:x\n");
  EXPECT_EQ(Password(""), "djps") << "it is about another host";
  const std::string elsewhere = (home_ / "passwords").string();
  std::ofstream(elsewhere) << "*:*:*:*:x\n";
  EXPECT_EQ(Password("passfile=" + elsewhere), "");
  setenv("PGPASSFILE", elsewhere.c_str(), 1);
  EXPECT_EQ(Password(""), "");
}

TEST_F(ConninfoTest, WhiteSpaceAtTheEndIsCutOff) {
  EXPECT_EQ(Resolve("postgres://me:x@db/jobs\n"), Resolve("postgres://me:x@db/jobs"));
  setenv("DATABASE_URL", "postgres://me:x@db/jobs \r\n", 1);
  EXPECT_EQ(Resolve(""), Resolve("postgres://me:x@db/jobs"));
}

TEST(PasswordFileTest, FindsTheLineThatFits) {
  const PasswordFor wanted{"db", "5432", "jobs", "me"};
  EXPECT_TRUE(HasPassword("db:5432:jobs:me:x", wanted));
  EXPECT_TRUE(HasPassword("other:1:a:b:c\n*:*:*:me:x\n", wanted));
  EXPECT_FALSE(HasPassword("#db:5432:jobs:me:x", wanted));
  EXPECT_FALSE(HasPassword("db:5432:jobs:you:x\ndb:5433:jobs:me:x", wanted));
  EXPECT_FALSE(HasPassword("", wanted));
  EXPECT_FALSE(HasPassword("db:5432", wanted));
  EXPECT_FALSE(HasPassword("\\*:5432:jobs:me:x", wanted)) << "a host that is called *";
  EXPECT_TRUE(HasPassword("a\\:b\\\\:5432:jobs:me:x", {"a:b\\", "5432", "jobs", "me"}));
}

}  // namespace
}  // namespace djps::pg
