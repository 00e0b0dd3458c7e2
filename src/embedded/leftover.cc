#include "embedded/leftover.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>

#include "embedded/child_process.h"
#include "embedded/owned_file.h"

namespace djps::embedded {
namespace {

namespace fs = std::filesystem;

constexpr auto kPollInterval = std::chrono::milliseconds(5);
constexpr std::chrono::milliseconds kOrphanTimeout(1'000);
// After SIGQUIT a postmaster gives its children 5 s before it kills them.
constexpr std::chrono::milliseconds kQuitTimeout(10'000);
constexpr std::chrono::milliseconds kKillTimeout(5'000);
constexpr int kStatusLine = 8;  // Of postmaster.pid, since PostgreSQL 10.

std::optional<pid_t> ParsePid(const std::string& text) {
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (error != std::errc() || end != text.data() + text.size() || pid <= 0) return std::nullopt;
  return pid;
}

/// The processes called postgres or initdb that work in `folder`: every process of a server does,
/// whatever its command line, and a reused process id does not.
std::vector<pid_t> ServersIn(const fs::path& folder) {
  std::vector<pid_t> found;
  struct stat wanted{};
  if (stat(folder.c_str(), &wanted) != 0) return found;
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::optional<pid_t> pid = ParsePid(entry->path().filename().string());
    struct stat actual{};
    if (!pid || stat((entry->path() / "cwd").c_str(), &actual) != 0) continue;
    if (actual.st_dev != wanted.st_dev || actual.st_ino != wanted.st_ino) continue;
    const std::string name = ReadFile(entry->path() / "comm").value_or("");
    if (name == "postgres\n" || name == "initdb\n") found.push_back(*pid);
  }
  return found;
}

void SignalAll(const std::vector<pid_t>& pids, int signal) {
  for (const pid_t pid : pids) kill(pid, signal);
}

bool WaitUntilEmpty(const fs::path& folder, std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  while (!ServersIn(folder).empty()) {
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kPollInterval);
  }
  return true;
}

/// No server of ours runs, so lock files name processes that are gone, or (after a reboot, and soon
/// in containers) others that got the same id; PostgreSQL would refuse to start because of those.
void RemoveStaleLocks(const fs::path& pg_dir, const fs::path& socket_dir) {
  std::error_code ignored;
  fs::remove(socket_dir / ".s.PGSQL.5432", ignored);
  fs::remove(socket_dir / ".s.PGSQL.5432.lock", ignored);
  const std::optional<PidFile> file = ReadPidFile(pg_dir);
  // Otherwise the file stays: PostgreSQL uses it to find the shared memory that backends may still
  // use.
  if (!file || (kill(file->pid, 0) != 0 && errno == ESRCH)) return;
  spdlog::info("removing {}/postmaster.pid: process {} is not a PostgreSQL of this folder",
               pg_dir.string(), file->pid);
  fs::remove(pg_dir / "postmaster.pid", ignored);
}

}  // namespace

std::optional<PidFile> ReadPidFile(const fs::path& pg_dir) {
  const std::optional<std::string> text = ReadFile(pg_dir / "postmaster.pid");
  if (!text) return std::nullopt;
  std::istringstream lines(*text);
  std::string line;
  std::optional<PidFile> file;
  for (int number = 1; number <= kStatusLine && std::getline(lines, line); ++number) {
    if (number == 1) {
      const std::optional<pid_t> pid = ParsePid(line);
      if (!pid) return std::nullopt;
      file = PidFile{.pid = *pid};
    }
    if (number == kStatusLine) file->ready = line.rfind("ready", 0) == 0;
  }
  return file;
}

Result<void> EndLeftovers(const fs::path& pg_dir, const fs::path& socket_dir,
                          std::chrono::milliseconds stop_timeout) {
  const std::vector<pid_t> servers = ServersIn(pg_dir);
  if (!servers.empty()) {
    const std::optional<PidFile> file = ReadPidFile(pg_dir);
    const bool has_postmaster =
        file && std::find(servers.begin(), servers.end(), file->pid) != servers.end();
    spdlog::info("waiting for a PostgreSQL left over in {} to end (processes {})", pg_dir.string(),
                 fmt::join(servers, ", "));
    if (has_postmaster) kill(file->pid, SIGINT);
    if (!WaitUntilEmpty(pg_dir, has_postmaster ? stop_timeout : kOrphanTimeout)) {
      spdlog::warn("it has not ended: stopping it as after a crash, nothing committed is lost");
      SignalAll(ServersIn(pg_dir), SIGQUIT);
    }
    if (!WaitUntilEmpty(pg_dir, kQuitTimeout)) SignalAll(ServersIn(pg_dir), SIGKILL);
    if (!WaitUntilEmpty(pg_dir, kKillTimeout)) {
      return Failure(ErrorCode::kUnavailable,
                     fmt::format("a PostgreSQL left over in {} does not end (processes {}). End it "
                                 "by hand, then start again.",
                                 pg_dir.string(), fmt::join(ServersIn(pg_dir), ", ")));
    }
  }
  RemoveStaleLocks(pg_dir, socket_dir);
  return {};
}

void KillCreators(const fs::path& data_dir, const fs::path& unfinished) {
  // initdb works in the data folder, the servers that it starts in the unfinished one.
  for (const fs::path& folder : {data_dir, unfinished}) {
    SignalAll(ServersIn(folder), SIGKILL);
    WaitUntilEmpty(folder, kKillTimeout);
  }
}

}  // namespace djps::embedded
