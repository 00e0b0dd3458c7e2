// How the programs of PostgreSQL are found, with real ones and with scripts in their place.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "embedded/cluster.h"
#include "support/temporary_folder.h"

namespace djps::embedded {
namespace {

namespace fs = std::filesystem;

/// Holds scripts named like the programs; removed at the end.
class FakeBinaries {
 public:
  explicit FakeBinaries(const std::string& postgres_prints) {
    Write("initdb", "exit 0");
    Write("postgres", "echo '" + postgres_prints + "'");
  }

  const fs::path& path() const { return folder_.path(); }

 private:
  void Write(const char* name, const std::string& script) {
    std::ofstream(folder_ / name) << "#!/bin/sh\n" << script << "\n";
    fs::permissions(folder_ / name, static_cast<fs::perms>(0755));
  }

  test_support::TemporaryFolder folder_;
};

TEST(FindServerBinariesTest, FindsThemThroughAHintToTheFolderOrItsParent) {
  const Result<ServerBinaries> usual = FindServerBinaries(std::nullopt);
  ASSERT_TRUE(usual) << usual.error().message;
  EXPECT_GE(usual->major, kOldestMajor);
  for (const fs::path& hint : {usual->bin_dir, usual->bin_dir.parent_path()}) {
    const Result<ServerBinaries> found = FindServerBinaries(hint);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_TRUE(fs::equivalent(found->bin_dir, usual->bin_dir));
    EXPECT_EQ(found->major, usual->major);
  }
}

TEST(FindServerBinariesTest, NamesThePlaceOfAHintWithoutPrograms) {
  const FakeBinaries fake("postgres (PostgreSQL) 15.1");
  fs::remove(fake.path() / "initdb");
  const Result<ServerBinaries> found = FindServerBinaries(fake.path());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kNotFound);
  EXPECT_NE(found.error().message.find(fake.path().string()), std::string::npos);
}

TEST(FindServerBinariesTest, RefusesVersionsOutsideTheSupportedRange) {
  for (const char* version : {"13.4", "19beta1"}) {
    const FakeBinaries fake(std::string("postgres (PostgreSQL) ") + version);
    const Result<ServerBinaries> found = FindServerBinaries(fake.path());
    ASSERT_FALSE(found) << version;
    EXPECT_EQ(found.error().code, ErrorCode::kUnsupported) << version;
    EXPECT_NE(found.error().message.find("14 to 18"), std::string::npos) << found.error().message;
  }
}

TEST(FindServerBinariesTest, ReadsTheMajorOfReleasesAndBetas) {
  for (const char* version : {"14.9 (Debian 14.9-1)", "18rc1"}) {
    const FakeBinaries fake(std::string("postgres (PostgreSQL) ") + version);
    const Result<ServerBinaries> found = FindServerBinaries(fake.path());
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->major, std::stoi(version));
  }
}

TEST(FindServerBinariesTest, RefusesAProgramThatTellsNoVersion) {
  const FakeBinaries fake("hello");
  const Result<ServerBinaries> found = FindServerBinaries(fake.path());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kNotFound);
  EXPECT_NE(found.error().message.find("hello"), std::string::npos) << found.error().message;
}

}  // namespace
}  // namespace djps::embedded
