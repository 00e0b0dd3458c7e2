#include "embedded/settings.h"

#include <fmt/format.h>

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>

#include "embedded/owned_file.h"

namespace djps::embedded {
namespace {

// Every setting must exist in PostgreSQL kOldestMajor to kNewestMajor.
constexpr std::string_view kTemplate = R"(# Written by DJPS at each start; changes here are lost.
# To overrule a setting use ALTER SYSTEM, whose values win over this file.

# Only processes that may enter the folder of the socket can connect; nothing listens on a network.
listen_addresses = ''
port = 5432
unix_socket_directories = {socket_dirs}
unix_socket_permissions = 0700
max_connections = 200

# An acknowledged job is on disk. Off only in tests that crash neither the machine nor the server:
# without synchronous_commit a killed server loses what it committed in its last half second.
fsync = {durable}
synchronous_commit = {durable}
full_page_writes = {durable}

# Jobs are small rows that are updated a few times each: with few, large checkpoints a page is
# written in full to the log once per quarter of an hour instead of once every five minutes, and
# compression shrinks those full pages further. The price is a longer recovery after a crash, of
# some seconds.
wal_compression = on
max_wal_size = 4GB
min_wal_size = 1GB
checkpoint_timeout = 15min

# The working set is the jobs that wait or run; finished ones are rarely read.
shared_buffers = 256MB
# Statements take less time than compiling them would.
jit = off
# Cost of a random read on solid-state disks and in memory; the default of 4 describes spinning
# disks and makes the planner prefer scanning the whole table.
random_page_cost = 1.1

# Claimed and finished jobs leave dead rows at the very front of the queue's index, where each claim
# has to step over them. So vacuum looks often, and is never put to sleep in between (the pauses
# of the default are meant for big tables; these are small, and falling behind costs more).
autovacuum_naptime = 10s
autovacuum_vacuum_cost_delay = 0

# To standard error, which is postgres.log in the data folder: time, process, and for sessions
# user@database and application.
log_destination = 'stderr'
logging_collector = off
log_line_prefix = '%m [%p] %q%u@%d %a '
)";

/// A list with one folder: double quotes for the list, single quotes for the configuration file.
std::string QuoteFolder(const std::filesystem::path& folder) {
  std::string quoted = "'\"";
  for (const char c : folder.string()) {
    if (c == '\'' || c == '\\' || c == '"') quoted += c;
    quoted += c;
  }
  return quoted + "\"'";
}

Result<void> IncludeSettings(const std::filesystem::path& pg_dir, const ServerUser& user) {
  const std::filesystem::path main_file = pg_dir / "postgresql.conf";
  const std::string include = fmt::format("include '{}'\n", kSettingsFile);
  std::optional<std::string> text = ReadFile(main_file);
  if (!text) return FileFailure("read", main_file, errno);
  if (text->find("\n" + include) != std::string::npos) return {};
  return WriteOwnedFile(main_file, *text + "\n# The settings of DJPS.\n" + include, user);
}

}  // namespace

Result<void> WriteSettings(const std::filesystem::path& pg_dir, const ServerSettings& settings,
                           const ServerUser& user) {
  const std::string text =
      fmt::format(kTemplate, fmt::arg("socket_dirs", QuoteFolder(settings.socket_dir)),
                  fmt::arg("durable", settings.durable ? "on" : "off"));
  Result<void> written = WriteOwnedFile(pg_dir / kSettingsFile, text, user);
  if (!written) return written;
  return IncludeSettings(pg_dir, user);
}

}  // namespace djps::embedded
