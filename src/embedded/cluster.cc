// Starts, watches and stops the postmaster. The order of a start: lock the folder, end processes of
// an earlier run, create the cluster if there is none, write the settings, launch, wait. A power
// failure may interrupt any step: the next start repeats it.
#include "embedded/cluster.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <csignal>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "embedded/child_process.h"
#include "embedded/data_dir.h"
#include "embedded/init_cluster.h"
#include "embedded/leftover.h"
#include "embedded/server_log.h"
#include "embedded/server_user.h"
#include "embedded/settings.h"

namespace djps::embedded {
namespace {

constexpr auto kPollInterval = std::chrono::milliseconds(5);
constexpr auto kRelaunchInterval = std::chrono::milliseconds(50);
// After SIGQUIT a postmaster gives its children 5 s before it kills them.
constexpr std::chrono::seconds kQuitTimeout(10);
constexpr std::chrono::seconds kKillTimeout(10);

using ConnPtr = std::unique_ptr<PGconn, decltype(&PQfinish)>;

/// A value in a libpq connection string.
std::string QuoteValue(std::string_view value) {
  std::string quoted = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

std::string ConnectionString(const std::filesystem::path& socket_dir) {
  return fmt::format("host={} port=5432 user={} password={} dbname={}",
                     QuoteValue(socket_dir.string()), kRole, kPassword, kDatabase);
}

enum class Readiness { kReady, kEnded, kTooLate, kRefused };

struct ReadinessReport {
  Readiness readiness = Readiness::kReady;
  std::string reason;  ///< libpq's message, if there is one.
};

/// One attempt; nothing while the server may still come up.
std::optional<ReadinessReport> TryConnect(const std::string& connection_string) {
  const std::string once = connection_string + " connect_timeout=5";
  const ConnPtr connection(PQconnectdb(once.c_str()), &PQfinish);
  if (PQstatus(connection.get()) == CONNECTION_OK) return ReadinessReport{Readiness::kReady, {}};
  // If the server answers a ping but refuses our login, waiting does not help (such as a changed
  // password).
  if (PQping(once.c_str()) != PQPING_OK) return std::nullopt;
  return ReadinessReport{Readiness::kRefused, PQerrorMessage(connection.get())};
}

/// Watches postmaster.pid first, since each connection that is too early writes a line to the log.
ReadinessReport WaitUntilReady(Cluster& cluster, const std::filesystem::path& pg_dir,
                               Clock::time_point deadline) {
  while (cluster.Running()) {
    const std::optional<PidFile> file = ReadPidFile(pg_dir);
    if (file && file->pid == cluster.postmaster_pid() && file->ready) {
      if (auto report = TryConnect(cluster.connection_string())) return *report;
    }
    if (Clock::now() >= deadline) return {Readiness::kTooLate, {}};
    std::this_thread::sleep_for(kPollInterval);
  }
  return {Readiness::kEnded, {}};
}

Error NotStarted(const ReadinessReport& report, const ClusterConfig& config, const ServerLog& log) {
  const std::string where =
      fmt::format("PostgreSQL {} in {}", config.binaries.major, PgDir(config.data_dir).string());
  std::string what;
  switch (report.readiness) {
    case Readiness::kReady:
    case Readiness::kEnded:
      what = fmt::format("{} ended while starting.", where);
      break;
    case Readiness::kTooLate:
      what = fmt::format("{} did not accept connections within {} s.", where,
                         config.start_timeout.count() / 1000);
      break;
    case Readiness::kRefused:
      what = fmt::format("{} started, but refuses DJPS: {}", where, report.reason);
      break;
  }
  return {ErrorCode::kUnavailable, fmt::format("{} {}", what, log.LastLines())};
}

/// Backends that are invisible here, such as in another container, end by themselves.
bool MayPassSoon(const ServerLog& log) {
  return log.Text().find("pre-existing shared memory block") != std::string::npos;
}

}  // namespace

Cluster::Cluster(ClusterConfig config) : config_(std::move(config)) {}

Result<std::unique_ptr<Cluster>> Cluster::Start(ClusterConfig config) {
  const Result<ServerUser> user = FindServerUser();
  if (!user) return tl::unexpected<Error>(user.error());
  Result<DataDir> data_dir = OpenDataDir(config.data_dir, *user);
  if (!data_dir) return tl::unexpected<Error>(data_dir.error());
  config.data_dir = data_dir->path;

  std::unique_ptr<Cluster> cluster(new Cluster(std::move(config)));
  cluster->lock_ = std::move(data_dir->lock);
  cluster->connection_string_ = ConnectionString(SocketDir(data_dir->path));
  Result<ServerLog> log = ServerLog::Open(data_dir->path, *user);
  if (!log) return tl::unexpected<Error>(log.error());
  Result<void> done = EnsureCluster(cluster->config_, *user, *log);
  if (done) done = cluster->Launch();
  if (!done) return tl::unexpected<Error>(done.error());
  return cluster;
}

Cluster::~Cluster() {
  Stop();
  const std::filesystem::path socket_dir = SocketDir(config_.data_dir);
  if (socket_dir != config_.data_dir) rmdir(socket_dir.c_str());
}

Result<void> Cluster::Launch() {
  const auto started = Clock::now();
  const auto deadline = started + config_.start_timeout;
  const std::filesystem::path pg_dir = PgDir(config_.data_dir);
  const std::filesystem::path socket_dir = SocketDir(config_.data_dir);
  const Result<ServerUser> user = FindServerUser();
  if (!user) return tl::unexpected<Error>(user.error());
  Result<void> done = EndLeftovers(pg_dir, socket_dir, config_.stop_timeout);
  if (done) done = PrepareSocketDir(config_.data_dir, *user);
  if (done) done = WriteSettings(pg_dir, {socket_dir, config_.durable}, *user);
  if (!done) return done;

  for (;;) {
    const Result<ServerLog> log = ServerLog::Open(config_.data_dir, *user);
    if (!log) return tl::unexpected<Error>(log.error());
    // The death signal asks for a fast shutdown: a killed djps leaves a clean cluster behind.
    Result<os::Child> child = Spawn({.program = config_.binaries.bin_dir / "postgres",
                                     .args = {"-D", pg_dir.string()},
                                     .user = *user,
                                     .work_dir = config_.data_dir,
                                     .output_fd = log->fd(),
                                     .death_signal = SIGINT});
    if (!child) return tl::unexpected<Error>(child.error());
    postmaster_ = *std::move(child);
    const ReadinessReport report = WaitUntilReady(*this, pg_dir, deadline);
    if (report.readiness == Readiness::kReady) break;
    const bool again = report.readiness == Readiness::kEnded && MayPassSoon(*log);
    if (!again || Clock::now() >= deadline) {
      Stop();
      return tl::unexpected<Error>(NotStarted(report, config_, *log));
    }
    std::this_thread::sleep_for(kRelaunchInterval);
  }
  spdlog::info(
      "PostgreSQL {} runs in {} (process {}, ready after {} ms)", config_.binaries.major,
      pg_dir.string(), postmaster_pid(),
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started).count());
  return {};
}

bool Cluster::Running() {
  const int pid = postmaster_pid();
  const std::optional<os::ProcessEnd> end = postmaster_.Reap();
  if (end) {
    spdlog::warn("PostgreSQL in {} ended (process {}): {}", config_.data_dir.string(), pid,
                 os::Describe(*end));
  }
  return postmaster_pid() > 0;
}

Result<void> Cluster::Restart() {
  if (Running()) return {};
  return Launch();
}

bool Cluster::Stop() {
  const int pid = postmaster_pid();
  if (pid < 0) return true;
  postmaster_.Signal(SIGINT);
  std::optional<os::ProcessEnd> end = postmaster_.ReapBy(Clock::now() + config_.stop_timeout);
  const bool clean = end && end->Succeeded();
  if (!end) {
    spdlog::warn("PostgreSQL (process {}) has not stopped within {} ms: stopping it at once", pid,
                 config_.stop_timeout.count());
    postmaster_.Signal(SIGQUIT);
    end = postmaster_.ReapBy(Clock::now() + kQuitTimeout);
  }
  if (!end) {
    postmaster_.Signal(SIGKILL);  // Like a power failure; the next start recovers.
    end = postmaster_.ReapBy(Clock::now() + kKillTimeout);
  }
  spdlog::debug("PostgreSQL (process {}) stopped: {}", pid,
                os::Describe(end.value_or(os::ProcessEnd{})));
  return clean;
}

}  // namespace djps::embedded
