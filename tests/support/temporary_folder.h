#pragma once

#include <stdlib.h>

#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

namespace djps::test_support {

/// A new, empty folder that only we may enter, where TMPDIR says.
inline std::filesystem::path MakeTemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "djps-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    const std::error_code why(errno, std::generic_category());
    throw std::runtime_error("cannot make the folder " + pattern + ": " + why.message());
  }
  return pattern;
}

/// A new folder, removed with everything in it at the end of the scope. If root starts a server in
/// it, another user runs it, and may enter.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_(MakeTemporaryFolder()) {
    std::filesystem::permissions(path_, static_cast<std::filesystem::perms>(0755));
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::permissions(path_, std::filesystem::perms::owner_all, ignored);
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  const std::filesystem::path path_;
};

}  // namespace djps::test_support
