#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <pwd.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "embedded/child_process.h"
#include "embedded/cluster.h"
#include "embedded/environment.h"
#include "os/unique_fd.h"

namespace djps::embedded {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kVersionTimeout(10);
constexpr std::size_t kVersionBytesMax = 4096;
constexpr std::string_view kVersionMark = "(PostgreSQL) ";
constexpr std::size_t kPasswdBytesMax = 16'384;  // One line of /etc/passwd, with room to spare.

bool IsProgram(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0;
}

bool HasPrograms(const fs::path& folder) {
  return IsProgram(folder / "initdb") && IsProgram(folder / "postgres");
}

/// Reads until the other end is closed, the deadline passes, or the text is too long for a version.
std::string ReadAll(int fd, Clock::time_point deadline) {
  std::string text;
  std::array<char, 512> chunk{};
  while (text.size() < kVersionBytesMax) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
    const int count = poll(&readable, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    const ssize_t got = read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return text;
}

/// What `postgres --version` prints, such as "postgres (PostgreSQL) 15.18 (Debian 15.18-1)".
Result<std::string> VersionText(const fs::path& postgres) {
  os::Pipe output = os::MakePipe();
  // As the current user: PostgreSQL prints its version even for root.
  ServerUser ourselves;
  ourselves.name = "running djps";
  Result<os::Child> child = Spawn({.program = postgres,
                                   .args = {"--version"},
                                   .user = std::move(ourselves),
                                   .output_fd = output.write.Get()});
  if (!child) return tl::unexpected<Error>(child.error());
  output.write.Reset();
  const auto deadline = Clock::now() + kVersionTimeout;
  std::string text = ReadAll(output.read.Get(), deadline);
  child->ReapBy(deadline);
  return text;
}

Result<int> MajorVersion(const fs::path& bin_dir) {
  const fs::path postgres = bin_dir / "postgres";
  Result<std::string> text = VersionText(postgres);
  if (!text) return tl::unexpected<Error>(text.error());
  const std::size_t mark = text->find(kVersionMark);
  int major = 0;
  if (mark != std::string::npos) {
    std::from_chars(text->data() + mark + kVersionMark.size(), text->data() + text->size(), major);
  }
  if (major > 0) return major;
  return Failure(ErrorCode::kNotFound, fmt::format("'{} --version' names no PostgreSQL version; it "
                                                   "printed: '{}'",
                                                   postgres.string(), *text));
}

Result<ServerBinaries> Inspect(const fs::path& bin_dir) {
  const Result<int> major = MajorVersion(bin_dir);
  if (!major) return tl::unexpected<Error>(major.error());
  if (*major < kOldestMajor || *major > kNewestMajor) {
    return Failure(
        ErrorCode::kUnsupported,
        fmt::format("{} holds PostgreSQL {}; DJPS works with {} to {}. Name the folder of "
                    "another one, for example with DJPS_PG_BIN.",
                    bin_dir.string(), *major, kOldestMajor, kNewestMajor),
        "DJPS_PG_BIN");
  }
  spdlog::debug("found PostgreSQL {} in {}", *major, bin_dir.string());
  return ServerBinaries{bin_dir, *major};
}

Result<ServerBinaries> InspectHint(const fs::path& hint) {
  std::error_code error;
  const fs::path folder = fs::absolute(hint, error).lexically_normal();
  for (const fs::path& place : {folder, folder / "bin"}) {
    if (HasPrograms(place)) return Inspect(place);
  }
  return Failure(ErrorCode::kNotFound,
                 fmt::format("neither {0} nor {1} holds the programs initdb and postgres. Name the "
                             "folder that does, such as /usr/lib/postgresql/15/bin, or install a "
                             "server: apt-get install postgresql",
                             folder.string(), (folder / "bin").string()),
                 "DJPS_PG_BIN");
}

std::vector<fs::path> UsualPlaces() {
  std::vector<fs::path> places;
  for (int major = kNewestMajor; major >= kOldestMajor; --major) {
    places.emplace_back(fmt::format("/usr/lib/postgresql/{}/bin", major));
  }
  const std::string path = EnvironmentValue("PATH");
  for (std::size_t start = 0; start < path.size();) {
    const std::size_t end = std::min(path.find(':', start), path.size());
    const fs::path place = path.substr(start, end - start);
    // A relative entry would be another folder in the child, which has another current folder.
    if (place.is_absolute()) places.push_back(place);
    start = end + 1;
  }
  return places;
}

std::string HomeFolder() {
  std::string home = EnvironmentValue("HOME");
  if (!home.empty()) return home;
  std::array<char, kPasswdBytesMax> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? "/" : found->pw_dir;
}

}  // namespace

Result<ServerBinaries> FindServerBinaries(const std::optional<fs::path>& hint) {
  if (hint) return InspectHint(*hint);
  std::vector<std::string> looked;
  std::optional<Error> unfit;
  for (const fs::path& place : UsualPlaces()) {
    looked.push_back(place.string());
    if (!HasPrograms(place)) continue;
    Result<ServerBinaries> found = Inspect(place);
    if (found) return found;
    if (!unfit) unfit = found.error();
  }
  if (unfit) return tl::unexpected<Error>(*unfit);
  return Failure(
      ErrorCode::kNotFound,
      fmt::format("no PostgreSQL server was found. Looked for initdb and postgres in: {}. "
                  "Install one (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf "
                  "install postgresql-server), or name its folder with DJPS_PG_BIN.",
                  fmt::join(looked, ", ")));
}

fs::path DefaultDataDir() {
  if (geteuid() == 0) return "/var/lib/djps";
  // The XDG Base Directory Specification: a relative path in it is to be ignored.
  const fs::path data_home = EnvironmentValue("XDG_DATA_HOME");
  if (data_home.is_absolute()) return data_home / "djps";
  return fs::path(HomeFolder()) / ".local" / "share" / "djps";
}

}  // namespace djps::embedded
