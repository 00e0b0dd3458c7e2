#include "embedded/server_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include "embedded/owned_file.h"

namespace djps::embedded {
namespace {

constexpr off_t kRotateBytes = 10'485'760;  // 10 MiB.
constexpr off_t kBytesMax = 16'384;
constexpr int kLinesMax = 12;

}  // namespace

ServerLog::ServerLog(std::filesystem::path path, os::UniqueFd fd, off_t start)
    : path_(std::move(path)), fd_(std::move(fd)), start_(start) {}

Result<ServerLog> ServerLog::Open(const std::filesystem::path& data_dir, const ServerUser& user) {
  const std::filesystem::path path = data_dir / "postgres.log";
  struct stat info{};
  if (lstat(path.c_str(), &info) == 0 && info.st_size > kRotateBytes) {
    std::error_code error;
    std::filesystem::rename(path, data_dir / "postgres.log.1", error);
    if (error) return FileFailure("rename", path, error.value());
  }
  os::UniqueFd fd(
      open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!fd || fstat(fd.Get(), &info) != 0 ||
      (user.switches && fchown(fd.Get(), user.uid, user.gid) != 0)) {
    return FileFailure("open the log", path, errno);
  }
  return ServerLog(path, std::move(fd), info.st_size);
}

std::string ServerLog::Text() const {
  struct stat info{};
  if (fstat(fd_.Get(), &info) != 0) return {};
  const off_t from = std::max(start_, info.st_size - kBytesMax);
  std::string text(static_cast<std::size_t>(std::max<off_t>(info.st_size - from, 0)), '\0');
  const ssize_t got = pread(fd_.Get(), text.data(), text.size(), from);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

std::string ServerLog::LastLines() const {
  std::string text = Text();
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (text.empty()) return fmt::format("It printed nothing to {}.", path_.string());
  std::size_t start = text.size();
  for (int lines = 0; lines < kLinesMax && start != std::string::npos && start > 0; ++lines) {
    start = text.rfind('\n', start - 1);
  }
  if (start == std::string::npos) start = 0;
  if (start > 0) ++start;
  return fmt::format("The last lines of {}:\n{}", path_.string(), text.substr(start));
}

}  // namespace djps::embedded
