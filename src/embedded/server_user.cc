#include "embedded/server_user.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <optional>

namespace djps::embedded {
namespace {

constexpr std::size_t kPasswdBytesMax = 16'384;  // One line of /etc/passwd, with room to spare.

std::vector<gid_t> GroupsOf(const char* name, gid_t gid) {
  std::vector<gid_t> groups(16);
  int count = static_cast<int>(groups.size());
  while (getgrouplist(name, gid, groups.data(), &count) < 0) {
    groups.resize(static_cast<std::size_t>(count));
  }
  groups.resize(static_cast<std::size_t>(count));
  return groups;
}

std::optional<ServerUser> FindUser(const char* name) {
  std::array<char, kPasswdBytesMax> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwnam_r(name, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) {
    return std::nullopt;
  }
  return ServerUser{.name = name,
                    .uid = entry.pw_uid,
                    .gid = entry.pw_gid,
                    .groups = GroupsOf(name, entry.pw_gid),
                    .switches = true};
}

ServerUser Ourselves() {
  std::array<char, kPasswdBytesMax> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  const uid_t uid = geteuid();
  ServerUser user{.name = fmt::format("user {}", uid),
                  .uid = uid,
                  .gid = getegid(),
                  .groups = {},
                  .switches = false};
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    user.name = entry.pw_name;
  }
  return user;
}

}  // namespace

Result<ServerUser> FindServerUser() {
  if (geteuid() != 0) return Ourselves();
  for (const char* name : {"postgres", "nobody"}) {
    std::optional<ServerUser> user = FindUser(name);
    if (user && user->uid != 0) return *std::move(user);
  }
  return Failure(ErrorCode::kUnsupported,
                 "djps runs as root, and PostgreSQL refuses to. There is neither a user 'postgres' "
                 "nor 'nobody' to run it as: create one, or start djps as another user.");
}

}  // namespace djps::embedded
