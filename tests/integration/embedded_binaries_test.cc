// How the programs of PostgreSQL are found, with real ones and with scripts in their place.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "embedded/cluster.h"

namespace djps::embedded {
namespace {

namespace fs = std::filesystem;

/// Holds scripts named like the programs; removed at the end.
class FakeBinaries {
 public:
  explicit FakeBinaries(const std::string& postgres_prints) {
    std::string pattern = "/tmp/djps-binaries-test-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
    Write("initdb", "exit 0");
    Write("postgres", "echo '" + postgres_prints + "'");
  }
  ~FakeBinaries() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  FakeBinaries(const FakeBinaries&) = delete;
  FakeBinaries& operator=(const FakeBinaries&) = delete;

  const fs::path& path() const { return path_; }

 private:
  void Write(const char* name, const std::string& script) {
    std::ofstream(path_ / name) << "#!/bin/sh\n" << script << "\n";
    fs::permissions(path_ / name, static_cast<fs::perms>(0755));
  }

  fs::path path_;
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
