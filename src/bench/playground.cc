#include "bench/playground.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <system_error>
#include <thread>

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
  std::unique_ptr<BenchServer> server(new BenchServer(conninfo, FindFreePort()));
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!Listens(server->port_)) {
    if (server->process_.Ended() || std::chrono::steady_clock::now() > deadline) {
      return Failure(ErrorCode::kUnavailable, "djps server did not start; see above");
    }
    std::this_thread::sleep_for(kLookAgain);
  }
  return server;
}

BenchServer::BenchServer(const std::string& conninfo, int port)
    : port_(port), process_([&conninfo, port] {
        // Not an argument, where others would see the password.
        setenv("DJPS_DATABASE_URL", conninfo.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
        return ExecuteSelf({"server", "--port", std::to_string(port), "--log-level", "warn"});
      }) {}

BenchServer::~BenchServer() {
  process_.Terminate();
  process_.Wait(kStopPatience);
}

std::string BenchServer::url() const { return fmt::format("http://127.0.0.1:{}", port_); }

}  // namespace djps::bench
