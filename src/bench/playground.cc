#include "bench/playground.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "pg/conninfo.h"
#include "store/migrator.h"

namespace djps::bench {
namespace {

namespace fs = std::filesystem;
using Tcp = boost::asio::ip::tcp;
using std::chrono::milliseconds;

constexpr milliseconds kPatience{30'000};
constexpr milliseconds kStopPatience{10'000};
constexpr milliseconds kLookAgain{10};

Result<fs::path> MakeFolder() {
  std::error_code failed;
  std::string pattern = fs::temp_directory_path(failed) / "djps-bench-XXXXXX";
  if (failed || mkdtemp(pattern.data()) == nullptr) {
    return Failure(ErrorCode::kUnsupported,
                   fmt::format("no folder can be made in {} ({}); set TMPDIR to one where it can",
                               fs::path(pattern).parent_path().string(),
                               std::generic_category().message(errno)));
  }
  // Postgres may run as another user than this program, and must be able to pass through.
  fs::permissions(pattern, static_cast<fs::perms>(0755), failed);
  return fs::path(pattern);
}

bool Listens(int port) {
  boost::asio::io_context io;
  Tcp::socket socket(io);
  boost::system::error_code error;
  socket.connect({boost::asio::ip::address_v4::loopback(), static_cast<unsigned short>(port)},
                 error);
  return !error;
}

/// A free port of 127.0.0.1; very likely still free when it is used.
int FindFreePort() {
  boost::asio::io_context io;
  return Tcp::acceptor(io, {boost::asio::ip::address_v4::loopback(), 0}).local_endpoint().port();
}

std::vector<std::string> ServerEnvironment(const std::string& conninfo) {
  constexpr std::string_view kDatabase = "DJPS_DATABASE_URL=";
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with(kDatabase)) environment.emplace_back(*entry);
  }
  // Not an argument, where others would see the password.
  environment.push_back(fmt::format("{}{}", kDatabase, conninfo));
  return environment;
}

}  // namespace

Result<std::unique_ptr<Playground>> Playground::Make(const std::optional<fs::path>& pg_bin) {
  const auto binaries = embedded::FindServerBinaries(pg_bin);
  if (!binaries) return tl::unexpected<Error>(binaries.error());
  const auto folder = MakeFolder();
  if (!folder) return tl::unexpected<Error>(folder.error());
  std::unique_ptr<Playground> playground(new Playground());
  playground->folder_ = *folder;
  auto cluster = embedded::Cluster::Start({.binaries = *binaries, .data_dir = *folder / "data"});
  if (!cluster) return tl::unexpected<Error>(cluster.error());
  playground->cluster_ = *std::move(cluster);
  auto conninfo = pg::ResolveConninfo(playground->cluster_->connection_string(), "djps bench");
  if (!conninfo) return tl::unexpected<Error>(conninfo.error());
  playground->conninfo_ = *std::move(conninfo);
  const auto migrated = store::ApplyMigrations(playground->conninfo_);
  if (!migrated) return tl::unexpected<Error>(migrated.error());
  return playground;
}

Playground::~Playground() {
  cluster_.reset();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

Result<std::unique_ptr<BenchServer>> BenchServer::Start(const std::string& conninfo) {
  const int port = FindFreePort();
  auto process =
      os::Start({.path = "/proc/self/exe",
                 .argv = {"djps", "server", "--port", std::to_string(port), "--log-level", "warn"},
                 .environment = ServerEnvironment(conninfo),
                 .stdio = {-1, STDOUT_FILENO, STDERR_FILENO}});
  if (!process) {
    return Failure(ErrorCode::kUnavailable,
                   fmt::format("djps server cannot be started: {}",
                               std::generic_category().message(process.error().error)));
  }
  std::unique_ptr<BenchServer> server(new BenchServer(port, *std::move(process)));
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!Listens(server->port_)) {
    if (server->process_.Reap() || std::chrono::steady_clock::now() > deadline) {
      return Failure(ErrorCode::kUnavailable, "djps server did not start; see above");
    }
    std::this_thread::sleep_for(kLookAgain);
  }
  return server;
}

BenchServer::~BenchServer() {
  process_.Signal(SIGTERM);
  process_.ReapBy(os::Clock::now() + kStopPatience);
}

std::string BenchServer::url() const { return fmt::format("http://127.0.0.1:{}", port_); }

}  // namespace djps::bench
