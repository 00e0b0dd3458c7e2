#include "embedded/data_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "embedded/child_process.h"
#include "embedded/owned_file.h"

namespace djps::embedded {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLockFile = "djps.lock";
constexpr std::string_view kSocketName = "/.s.PGSQL.5432";
constexpr std::size_t kSocketPathBytesMax = 107;  // sun_path holds 108 with its final NUL.
constexpr mode_t kPrivate = S_IRWXU;

/// A data folder of ours has our lock file; an empty folder may become one. Anything else could be
/// a home folder or /etc, which must not get a new owner because of a typing mistake.
Result<void> CheckNotForeign(const fs::path& data_dir) {
  std::error_code error;
  if (fs::exists(data_dir / kLockFile, error)) return {};
  fs::directory_iterator entries(data_dir, error);
  if (error) return FileFailure("read", data_dir, error.value());
  for (const fs::directory_entry& entry : entries) {
    // Made by mkfs at the top of a fresh volume.
    if (entry.path().filename() == "lost+found") continue;
    return Failure(ErrorCode::kUnsupported,
                   fmt::format("{} contains files that DJPS did not make (such as '{}'). Choose an "
                               "empty or new folder.",
                               data_dir.string(), entry.path().filename().string()),
                   "--data");
  }
  return {};
}

/// The topmost folder on the path that `user` cannot enter.
std::optional<fs::path> FirstClosedFolder(const fs::path& data_dir, const ServerUser& user) {
  if (CanEnter(data_dir.parent_path(), user)) return std::nullopt;
  fs::path folder;
  for (const fs::path& part : data_dir.parent_path()) {
    folder /= part;
    if (!CanEnter(folder, user)) return folder;
  }
  return std::nullopt;
}

Result<void> CheckReachable(const fs::path& data_dir, const ServerUser& user) {
  const std::optional<fs::path> closed = FirstClosedFolder(data_dir, user);
  if (!closed) return {};
  return Failure(
      ErrorCode::kUnsupported,
      fmt::format("PostgreSQL runs as the user '{0}' here, because djps was started as root, and "
                  "'{0}' cannot enter {1}, so it cannot reach {2}. Choose another --data (such as "
                  "/var/lib/djps), or let others pass through: chmod o+x {1}",
                  user.name, closed->string(), data_dir.string()),
      "--data");
}

Result<os::UniqueFd> Lock(const fs::path& data_dir, const ServerUser& user) {
  const fs::path path = data_dir / kLockFile;
  os::UniqueFd file(
      open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file) return FileFailure("open", path, errno);
  if (flock(file.Get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return FileFailure("lock", path, errno);
    std::string owner = ReadFile(path).value_or("");
    while (!owner.empty() && owner.back() == '\n') owner.pop_back();
    return Failure(ErrorCode::kAlreadyRunning,
                   fmt::format("the data folder {} is in use by process {}. Stop that process, or "
                               "choose another --data.",
                               data_dir.string(), owner.empty() ? "(still starting)" : owner),
                   "--data");
  }
  const std::string pid = fmt::format("{}\n", getpid());
  if (ftruncate(file.Get(), 0) != 0 || write(file.Get(), pid.data(), pid.size()) < 0 ||
      (user.switches && fchown(file.Get(), user.uid, user.gid) != 0)) {
    return FileFailure("write", path, errno);
  }
  return file;
}

Result<void> MakePrivate(const fs::path& folder, const ServerUser& user) {
  const os::UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd || (user.switches && fchown(fd.Get(), user.uid, user.gid) != 0) ||
      fchmod(fd.Get(), kPrivate) != 0) {
    return FileFailure("restrict the access to", folder, errno);
  }
  return {};
}

/// FNV-1a: the same in every build, unlike std::hash. Used only for a short, stable name.
/// Source: Fowler, Noll, Vo; RFC 9923.
std::uint64_t StableHash(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3U;
  }
  return hash;
}

}  // namespace

fs::path PgDir(const fs::path& data_dir) { return data_dir / "pg"; }

Result<DataDir> OpenDataDir(const fs::path& path, const ServerUser& user) {
  std::error_code error;
  if (fs::create_directories(path, error)) spdlog::debug("created the folder {}", path.string());
  if (error) return FileFailure("create the data folder", path, error.value());
  const fs::path data_dir = fs::canonical(path, error);
  if (error) return FileFailure("find", path, error.value());
  if (Result<void> own = CheckNotForeign(data_dir); !own) return tl::unexpected(own.error());
  if (Result<void> reachable = CheckReachable(data_dir, user); !reachable) {
    return tl::unexpected(reachable.error());
  }
  Result<os::UniqueFd> lock = Lock(data_dir, user);
  if (!lock) return tl::unexpected(lock.error());
  if (Result<void> taken = MakePrivate(data_dir, user); !taken) {
    return tl::unexpected(taken.error());
  }
  return DataDir{data_dir, *std::move(lock)};
}

fs::path SocketDir(const fs::path& data_dir) {
  const std::string path = data_dir.string();
  // libpq and the server both split lists of folders at commas, and no quoting reaches both; the
  // configuration file cannot hold a line break.
  const bool usable = path.size() + kSocketName.size() <= kSocketPathBytesMax &&
                      path.find_first_of(",\n\r") == std::string::npos;
  return usable ? data_dir : fs::path(fmt::format("/tmp/djps-{:016x}", StableHash(path)));
}

Result<void> PrepareSocketDir(const fs::path& data_dir, const ServerUser& user) {
  const fs::path folder = SocketDir(data_dir);
  if (folder == data_dir) return {};
  if (mkdir(folder.c_str(), kPrivate) == 0) return MakePrivate(folder, user);
  if (errno != EEXIST) return FileFailure("create the folder of the socket", folder, errno);
  // The name can be guessed and everyone may write to /tmp: another user could make this folder and
  // impersonate our server.
  struct stat info{};
  if (lstat(folder.c_str(), &info) != 0) return FileFailure("look at", folder, errno);
  if (!S_ISDIR(info.st_mode) || (info.st_uid != user.uid && info.st_uid != geteuid())) {
    return Failure(ErrorCode::kUnsupported,
                   fmt::format("the folder {} is needed for the socket, because the path of {} is "
                               "too long for one, but it belongs to another user. Remove it, or "
                               "choose a --data with a short path.",
                               folder.string(), data_dir.string()),
                   "--data");
  }
  return MakePrivate(folder, user);
}

Result<void> GiveTo(const ServerUser& user, const fs::path& path) {
  struct stat info{};
  if (!user.switches || lstat(path.c_str(), &info) != 0 || info.st_uid == user.uid) return {};
  spdlog::info("giving {} to the user {}", path.string(), user.name);
  std::error_code error;
  for (fs::recursive_directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    if (lchown(entry->path().c_str(), user.uid, user.gid) != 0) {
      return FileFailure("change the owner of", entry->path(), errno);
    }
  }
  if (error) return FileFailure("read", path, error.value());
  // The folder itself last: until then the next start repeats an interrupted one.
  if (lchown(path.c_str(), user.uid, user.gid) != 0) {
    return FileFailure("change the owner of", path, errno);
  }
  return {};
}

}  // namespace djps::embedded
