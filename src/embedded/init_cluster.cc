#include "embedded/init_cluster.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <locale.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <charconv>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "embedded/child_process.h"
#include "embedded/data_dir.h"
#include "embedded/leftover.h"
#include "embedded/owned_file.h"
#include "embedded/settings.h"

namespace djps::embedded {
namespace {

namespace fs = std::filesystem;

// It takes about a second, or minutes on a slow disk. The limit prevents an endless wait.
constexpr std::chrono::minutes kStepTimeout(10);

/// The folders and files of a creation in progress.
struct Draft {
  fs::path folder;    ///< Renamed to PgDir at the very end.
  fs::path password;  ///< For initdb, which reads the password only from a file.
  fs::path statements;
};

Draft DraftIn(const fs::path& data_dir) {
  return {data_dir / "pg.new", data_dir / "pg.new.password", data_dir / "pg.new.sql"};
}

Result<void> RemoveDraft(const fs::path& data_dir) {
  const Draft draft = DraftIn(data_dir);
  std::error_code error;
  if (fs::exists(draft.folder, error)) {
    spdlog::info("removing {}: its creation was interrupted", draft.folder.string());
    KillCreators(data_dir, draft.folder);
  }
  for (const fs::path& path : {draft.folder, draft.password, draft.statements}) {
    fs::remove_all(path, error);
    if (error) return FileFailure("remove", path, error.value());
  }
  return {};
}

/// C.UTF-8 sorts by code point like C, so that no update of the C library can corrupt an index, but
/// knows letters outside ASCII.
const char* BestLocale() {
  const locale_t locale = newlocale(LC_ALL_MASK, "C.UTF-8", nullptr);
  if (locale == nullptr) return "C";
  freelocale(locale);
  return "C.UTF-8";
}

Result<void> RunStep(const ChildSpec& spec, const ServerLog& log) {
  const Result<os::ProcessEnd> end = RunToEnd(spec, kStepTimeout);
  if (!end) return tl::unexpected<Error>(end.error());
  if (end->Succeeded()) return {};
  return Failure(ErrorCode::kUnavailable,
                 fmt::format("creating the PostgreSQL cluster failed: {} ended with {}. {}",
                             spec.program.string(), os::Describe(*end), log.LastLines()));
}

Result<void> RunInitdb(const ClusterConfig& config, const ServerUser& user, const ServerLog& log) {
  const Draft draft = DraftIn(config.data_dir);
  Result<void> written = WriteOwnedFile(draft.password, fmt::format("{}\n", kPassword), user);
  if (!written) return written;
  ChildSpec spec{.program = config.binaries.bin_dir / "initdb",
                 .args = {"--pgdata", draft.folder.string(), "--encoding=UTF8",
                          fmt::format("--locale={}", BestLocale()),
                          fmt::format("--username={}", kRole), "--auth=scram-sha-256", "--pwfile",
                          draft.password.string(), "--data-checksums", "--no-instructions"},
                 .user = user,
                 .work_dir = config.data_dir,
                 .output_fd = log.fd()};
  if (!config.durable) spec.args.emplace_back("--no-sync");
  return RunStep(spec, log);
}

/// Uses a single-user server, so that the database exists before the cluster gets its final name.
Result<void> CreateDatabase(const ClusterConfig& config, const ServerUser& user,
                            const ServerLog& log) {
  const Draft draft = DraftIn(config.data_dir);
  Result<void> written =
      WriteOwnedFile(draft.statements, fmt::format("create database {}\n", kDatabase), user);
  if (!written) return written;
  const os::UniqueFd statements(open(draft.statements.c_str(), O_RDONLY | O_CLOEXEC));
  if (!statements) return FileFailure("open", draft.statements, errno);
  ChildSpec spec{.program = config.binaries.bin_dir / "postgres",
                 .args = {"--single", "-D", draft.folder.string(), "-c", "exit_on_error=on"},
                 .user = user,
                 .work_dir = config.data_dir,
                 .input_fd = statements.Get(),
                 .output_fd = log.fd()};
  if (!config.durable) spec.args.emplace_back("-F");
  spec.args.emplace_back("postgres");
  return RunStep(spec, log);
}

Result<void> CreateCluster(const ClusterConfig& config, const ServerUser& user,
                           const ServerLog& log) {
  spdlog::info("creating a PostgreSQL {} cluster in {}", config.binaries.major,
               config.data_dir.string());
  const Draft draft = DraftIn(config.data_dir);
  const ServerSettings settings{SocketDir(config.data_dir), config.durable};
  Result<void> done = RunInitdb(config, user, log);
  if (done) done = CreateDatabase(config, user, log);
  if (done) done = WriteSettings(draft.folder, settings, user);
  if (!done) return done;
  std::error_code error;
  fs::rename(draft.folder, PgDir(config.data_dir), error);
  if (error) return FileFailure("rename", draft.folder, error.value());
  done = SyncFolder(config.data_dir);
  return done ? RemoveDraft(config.data_dir) : done;
}

Result<void> CheckExisting(const ClusterConfig& config) {
  const fs::path pg_dir = PgDir(config.data_dir);
  const std::string version = ReadFile(pg_dir / "PG_VERSION").value_or("");
  int major = 0;
  std::from_chars(version.data(), version.data() + version.size(), major);
  std::error_code error;
  if (major == 0 || !fs::exists(pg_dir / kSettingsFile, error)) {
    return Failure(ErrorCode::kUnsupported,
                   fmt::format("{} is not a PostgreSQL cluster made by DJPS ({} is missing or not "
                               "readable). Move it away, or choose another --data.",
                               pg_dir.string(), major == 0 ? "PG_VERSION" : kSettingsFile),
                   "--data");
  }
  if (major == config.binaries.major) return {};
  return Failure(
      ErrorCode::kUnsupported,
      fmt::format("{0} was made by PostgreSQL {1}, but the programs in {2} are PostgreSQL "
                  "{3}. Point djps at PostgreSQL {1} (DJPS_PG_BIN is its folder of "
                  "programs), or choose another --data.",
                  pg_dir.string(), major, config.binaries.bin_dir.string(), config.binaries.major),
      "--data");
}

}  // namespace

Result<void> EnsureCluster(const ClusterConfig& config, const ServerUser& user,
                           const ServerLog& log) {
  if (Result<void> removed = RemoveDraft(config.data_dir); !removed) return removed;
  const fs::path pg_dir = PgDir(config.data_dir);
  std::error_code error;
  if (!fs::exists(fs::symlink_status(pg_dir, error))) return CreateCluster(config, user, log);
  Result<void> checked = CheckExisting(config);
  return checked ? GiveTo(user, pg_dir) : checked;
}

}  // namespace djps::embedded
