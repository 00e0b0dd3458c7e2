// How a worker starts, and stops, while the database is away or refuses it.
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <future>
#include <sstream>

#include "djps/worker.h"
#include "embedded/cluster.h"
#include "pg/session.h"
#include "store/migrator.h"
#include "support/postgres.h"
#include "support/run_coroutine.h"

namespace djps {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using asio::ip::tcp;
using test_support::kRunDeadline;
using test_support::Postgres;
using test_support::RunUntil;

/// A worker on a thread of its own.
class RunningWorker {
 public:
  explicit RunningWorker(const std::string& conninfo)
      : worker_({.database_url = conninfo, .name = "worker-under-test"}) {
    worker_.Handle("t", [](const Job&) -> Outcome { return Succeeded{}; });
    ended_ = std::async(std::launch::async, [this] { worker_.Run(); });
  }
  ~RunningWorker() { worker_.Stop(); }

  /// Ends as Run did.
  void Stop() {
    worker_.Stop();
    Wait();
  }
  void Wait() {
    if (ended_.wait_for(kRunDeadline) != std::future_status::ready)
      throw std::runtime_error("hangs");
    ended_.get();
  }

 private:
  Worker worker_;
  std::future<void> ended_;
};

/// Captures the log.
class LogCapture {
 public:
  LogCapture() : before_(spdlog::default_logger()) {
    const auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text_);
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", sink));
  }
  ~LogCapture() { spdlog::set_default_logger(before_); }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  int Count(const std::string& part) const {
    const std::string text = text_.str();
    int count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
  }

 private:
  std::shared_ptr<spdlog::logger> before_;
  std::ostringstream text_;
};

asio::awaitable<void> HangUpOnAll(tcp::acceptor& acceptor, int& connections) {
  while (true) {
    auto [error, socket] = co_await acceptor.async_accept(asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    ++connections;
  }
}

TEST(WorkerStartTest, WaitsBetweenTriesLongerAndLongerAndSaysItOnce) {
  const LogCapture log;
  asio::io_context io(1);
  tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  int connections = 0;
  asio::co_spawn(io, HangUpOnAll(acceptor, connections), [](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  });
  const auto begun = std::chrono::steady_clock::now();
  RunningWorker worker("host=127.0.0.1 sslmode=disable gssencmode=disable port=" +
                       std::to_string(acceptor.local_endpoint().port()));
  ASSERT_TRUE(RunUntil(io, [&] { return connections == 7; }));
  // A tenth at least of 100, 200, 400, ... ms; without pauses it is a millisecond.
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 630ms);
  worker.Stop();
  EXPECT_EQ(log.Count("trying again"), 1);
  acceptor.close();
  io.run();
}

TEST(WorkerStartTest, ADatabaseThatIsNotThereYetIsWaitedFor) {
  const test_support::TemporaryFolder folder;
  auto cluster = embedded::Cluster::Start(
      {.binaries = test_support::TestBinaries(), .data_dir = folder.path(), .durable = false});
  ASSERT_TRUE(cluster) << cluster.error().message;
  const std::string conninfo = (*cluster)->connection_string();
  ASSERT_TRUE(store::ApplyMigrations(conninfo));
  ASSERT_TRUE((*cluster)->Stop());
  RunningWorker worker(conninfo);
  ASSERT_TRUE((*cluster)->Restart());
  asio::io_context io(1);
  EXPECT_TRUE(RunUntil(
      io, [&] { return pg::Session(conninfo).Value("select count(*) from djps.workers") == "1"; }));
  worker.Stop();
}

/// The WorkerError that ended Run, if there was one.
Error StartErrorOf(const std::string& conninfo) {
  RunningWorker worker(conninfo);
  try {
    worker.Wait();
  } catch (const WorkerError& error) {
    return error.error();
  }
  return {ErrorCode::kInternal, "it has not failed"};
}

TEST(WorkerStartTest, AServerThatRefusesItEndsIt) {
  const std::string conninfo = Postgres().NewDatabase();
  const Error password = StartErrorOf(conninfo + " password=wrong");
  EXPECT_EQ(password.code, ErrorCode::kUnavailable);
  EXPECT_NE(password.message.find("password authentication failed"), std::string::npos)
      << password.message;
  EXPECT_EQ(password.message.find("28P01"), std::string::npos) << password.message;
  EXPECT_EQ(password.message.find("LOCATION"), std::string::npos) << password.message;
  const Error database = StartErrorOf(conninfo + " dbname=nonesuch");
  EXPECT_EQ(database.code, ErrorCode::kUnavailable);
  EXPECT_NE(database.message.find(R"(database "nonesuch" does not exist)"), std::string::npos)
      << database.message;
  const Error role = StartErrorOf(conninfo + " user=nobody_here");
  EXPECT_EQ(role.code, ErrorCode::kUnavailable);
  EXPECT_NE(role.message.find("nobody_here"), std::string::npos) << role.message;
}

TEST(WorkerStartTest, ASchemaThatIsNotItsOwnEndsIt) {
  const Error schema = StartErrorOf(Postgres().NewEmptyDatabase());
  EXPECT_EQ(schema.code, ErrorCode::kSchemaOutdated);
  EXPECT_NE(schema.message.find("djps migrate up"), std::string::npos) << schema.message;
}

}  // namespace
}  // namespace djps
