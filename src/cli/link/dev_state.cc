#include "cli/link/dev_state.h"

#include <fmt/format.h>
#include <sys/types.h>

#include <cerrno>
#include <csignal>
#include <sstream>
#include <utility>

#include "core/json_members.h"
#include "core/time_text.h"
#include "embedded/owned_file.h"

namespace djps::cli {
namespace {

namespace fs = std::filesystem;

/// The number of fields between the program's name in /proc/PID/stat and its start time.
constexpr int kFieldsBefore = 19;

fs::path StatePath(const fs::path& data_dir) { return data_dir / "dev.json"; }

std::string Serialize(const DevState& state) {
  return fmt::format(
      R"({{"pid":{},"process_start":{},"api_url":{},"database_url":{},"started_at":"{}"}})"
      "\n",
      state.pid, state.process_start, JsonString(state.api_url), JsonString(state.database_url),
      FormatTimestamp(state.started_at));
}

std::optional<DevState> Parse(std::string_view json) {
  const auto members = SplitObject(json);
  if (!members) return std::nullopt;
  const auto integer = [&members](std::string_view name) {
    return ReadJsonInteger(FindMember(*members, name).value_or(""));
  };
  const auto text = [&members](std::string_view name) {
    return ReadJsonString(FindMember(*members, name).value_or(""));
  };
  const auto pid = integer("pid");
  const auto api_url = text("api_url");
  const auto database_url = text("database_url");
  const auto started_at = ParseTimestamp(text("started_at").value_or(""));
  if (!pid || *pid <= 0 || !std::in_range<pid_t>(*pid) || !api_url || !database_url ||
      !started_at) {
    return std::nullopt;
  }
  return DevState{.pid = static_cast<int>(*pid),
                  .process_start = integer("process_start").value_or(0),
                  .api_url = *api_url,
                  .database_url = *database_url,
                  .started_at = *started_at};
}

bool Alive(const DevState& state) {
  if (kill(state.pid, 0) != 0 && errno == ESRCH) return false;
  return state.process_start == 0 || ProcessStart(state.pid) == state.process_start;
}

}  // namespace

long long ProcessStart(int pid) {
  const auto stat = embedded::ReadFile(fmt::format("/proc/{}/stat", pid));
  // The second field is the program's name in parentheses and may hold anything; the rest is
  // numbers, of which the start is the 20th.
  const std::size_t name_end = stat ? stat->rfind(')') : std::string::npos;
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(stat->substr(name_end + 1));
  std::string skipped;
  for (int i = 0; i < kFieldsBefore; ++i) fields >> skipped;
  long long start = 0;
  return fields >> start ? start : 0;
}

std::optional<DevState> FindDev(const fs::path& data_dir) {
  const auto json = embedded::ReadFile(StatePath(data_dir));
  auto state = json ? Parse(*json) : std::nullopt;
  if (!state || !Alive(*state)) return std::nullopt;
  return state;
}

Result<void> DevStateFile::Write(const DevState& state) {
  // The file belongs to the user who started djps, not to the Postgres user: it has the password.
  auto done =
      embedded::WriteOwnedFile(StatePath(data_dir_), Serialize(state), embedded::ServerUser{});
  written_ = written_ || done.has_value();
  return done;
}

DevStateFile::~DevStateFile() {
  std::error_code ignored;
  if (written_) fs::remove(StatePath(data_dir_), ignored);
}

}  // namespace djps::cli
