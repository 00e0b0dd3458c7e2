#include "embedded/owned_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>

#include "embedded/child_process.h"
#include "os/unique_fd.h"

namespace djps::embedded {
namespace {

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

tl::unexpected<Error> FileFailure(std::string_view action, const std::filesystem::path& path,
                                  int error) {
  // A refused permission stays refused; other errors (such as a full disk) may be temporary.
  const bool refused = error == EACCES || error == EPERM || error == EROFS;
  return Failure(refused ? ErrorCode::kUnsupported : ErrorCode::kUnavailable,
                 fmt::format("cannot {} {}: {}", action, path.string(), ErrnoText(error)));
}

Result<void> WriteOwnedFile(const std::filesystem::path& path, std::string_view text,
                            const ServerUser& user) {
  std::filesystem::path draft = path;
  draft += ".new";
  unlink(draft.c_str());
  const os::UniqueFd file(
      open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file || !WriteAll(file.Get(), text) ||
      (user.switches && fchown(file.Get(), user.uid, user.gid) != 0) || fsync(file.Get()) != 0 ||
      rename(draft.c_str(), path.c_str()) != 0) {
    return FileFailure("write", path, errno);
  }
  return SyncFolder(path.parent_path());
}

std::optional<std::string> ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Result<void> SyncFolder(const std::filesystem::path& folder) {
  const os::UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || fsync(fd.Get()) != 0) return FileFailure("write to disk the folder", folder, errno);
  return {};
}

}  // namespace djps::embedded
