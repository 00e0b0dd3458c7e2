// What the server does when clients are slow, when it is full, when Postgres is away, when it
// stops.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <deque>
#include <filesystem>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include "embedded/cluster.h"
#include "pg/session.h"
#include "store/migrator.h"
#include "support/api_server.h"
#include "support/file_limit.h"
#include "support/postgres.h"
#include "support/test_seed.h"

namespace djps::test_support {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kPatience{60};

/// Asks again until the answer has `status`; the last answer's status.
int StatusWithin(ApiServer& server, std::string_view target, int status) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  int got = 0;
  do {
    got = server.Connect().Get(target).status;
  } while (got != status && std::chrono::steady_clock::now() < end);
  return got;
}

std::size_t OpenFiles() {
  const std::filesystem::directory_iterator files("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

class ServerFaultsTest : public testing::Test {
 protected:
  std::string JobCount() { return pg::Session(conninfo_).Value("select count(*) from djps.jobs"); }

  std::string conninfo_ = Postgres().NewDatabase();
};

TEST_F(ServerFaultsTest, AHeaderThatDoesNotEndIsClosed) {
  ApiServer server(conninfo_, {.head_timeout = 50ms});
  HttpClient slow = server.Connect();
  slow.SendRaw("GET /health HTTP/1.1\r\nHost: ");
  const HttpReply reply = slow.ReadReply();
  EXPECT_EQ(reply.status, 408);
  EXPECT_EQ(reply.Header("Connection"), "close");
  EXPECT_EQ(slow.ReadToEnd(), "");
}

TEST_F(ServerFaultsTest, ABodyThatDoesNotEndIsClosed) {
  ApiServer server(conninfo_, {.body_timeout = 50ms});
  HttpClient slow = server.Connect();
  slow.SendRaw(
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 13\r\n\r\n{\"type\":\"t\"}");
  EXPECT_EQ(slow.ReadReply().status, 408);
  EXPECT_EQ(slow.ReadToEnd(), "");
  EXPECT_EQ(JobCount(), "0");
}

TEST_F(ServerFaultsTest, AnIdleConnectionIsClosedWithoutAWord) {
  ApiServer server(conninfo_, {.idle_timeout = 50ms});
  HttpClient kept = server.Connect();
  EXPECT_EQ(kept.Get("/jobs/x").status, 400);
  EXPECT_EQ(kept.ReadToEnd(), "");
  ApiServer strict(conninfo_, {.head_timeout = 50ms});
  EXPECT_EQ(strict.Connect().ReadToEnd(), "");  // one that never says anything
}

TEST_F(ServerFaultsTest, AnAnswerThatIsNotTakenIsGivenUp) {
  ApiServer server(conninfo_, {.write_timeout = 50ms});
  HttpClient client = server.Connect();
  const std::string body =
      fmt::format(R"({{"type":"t","payload":"{}"}})", std::string(1'000'000, 'x'));
  const HttpReply created = client.Post("/jobs", body);
  ASSERT_EQ(created.status, 201);
  // Far more answers than the kernel's buffers hold, none of them read.
  std::string requests;
  for (int i = 0; i < 64; ++i) {
    requests +=
        fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", created.Header("Location"));
  }
  client.SendRaw(requests);
  EXPECT_EQ(StatusWithin(server, "/health", 200), 200);
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!client.Ended() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_TRUE(client.Ended());
}

TEST_F(ServerFaultsTest, SurvivesHavingNoFileDescriptorsLeft) {
  ApiServer server(conninfo_);
  EXPECT_EQ(StatusWithin(server, "/health", 200), 200);  // the pool has its connections
  const auto io = std::make_shared<boost::asio::io_context>(1);
  std::deque<HttpClient> clients;
  clients.emplace_back(server.port(), io);  // opens what the context itself needs
  EXPECT_EQ(clients.front().Get("/jobs/x").status, 400);
  constexpr std::size_t kWaiting = 20;
  constexpr std::size_t kLeft = 5;
  for (std::size_t i = 0; i < kWaiting; ++i) clients.emplace_back(io);
  {
    // OpenFiles counts the descriptor it reads the folder with.
    const FileLimit tight(OpenFiles() - 1 + kLeft);
    for (std::size_t i = 1; i <= kWaiting; ++i) clients[i].Connect(server.port());
    // More wait than can be accepted; those that were are served.
    EXPECT_EQ(clients[0].Get("/jobs/x").status, 400);
    EXPECT_EQ(clients[1].Get("/jobs/x").status, 400);
    // Those at the front give up, which leaves room for the ones that still wait.
    while (clients.size() > kLeft) {
      clients.pop_front();
      EXPECT_EQ(clients.front().Get("/jobs/x").status, 400);
    }
  }
  EXPECT_EQ(server.Connect().Get("/health").status, 200);
}

TEST_F(ServerFaultsTest, StopLetsARequestInProgressFinish) {
  ApiServer server(conninfo_);
  HttpClient idle = server.Connect();
  EXPECT_EQ(idle.Get("/jobs/x").status, 400);
  HttpClient busy = server.Connect();
  const std::string body = R"({"type":"t"})";
  // Half of a request has arrived for sure: the server has asked for the rest.
  busy.SendRaw(
      fmt::format("POST /jobs HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                  "Content-Length: {}\r\n\r\n",
                  body.size()));
  EXPECT_EQ(busy.ReadReply(true).status, 100);
  auto stopped = server.Stop(kPatience);
  EXPECT_EQ(idle.ReadToEnd(), "");  // closed at once
  busy.SendRaw(body);
  const HttpReply reply = busy.ReadReply();
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(reply.Header("Connection"), "close");
  ASSERT_EQ(stopped.wait_for(kPatience), std::future_status::ready);
  EXPECT_THROW(server.Connect(), std::runtime_error);
  EXPECT_EQ(JobCount(), "1");
}

TEST_F(ServerFaultsTest, StopClosesWhatOutlastsTheGrace) {
  ApiServer server(conninfo_);
  HttpClient busy = server.Connect();
  busy.SendRaw(
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: "
      "9\r\n\r\n");
  EXPECT_EQ(busy.ReadReply(true).status, 100);
  auto stopped = server.Stop(10ms);
  ASSERT_EQ(stopped.wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(busy.ReadToEnd(), "");
}

TEST_F(ServerFaultsTest, ARequestThatWaitsForALockFinishesOrFailsCleanly) {
  ApiServer server(conninfo_, {.store_timeout = 300ms});
  EXPECT_EQ(StatusWithin(server, "/health", 200), 200);
  HttpClient client = server.Connect();
  pg::Session locker(conninfo_);
  locker.Run("begin; lock table djps.facts in access exclusive mode");
  const HttpReply reply = client.Post("/jobs", R"({"type":"t","idempotencyKey":"k"})");
  EXPECT_EQ(reply.status, 503) << reply.body;
  EXPECT_EQ(reply.Header("Retry-After"), "1");
  locker.Run("rollback");
  const auto end = std::chrono::steady_clock::now() + kPatience;
  int status = 0;
  do {
    status = client.Post("/jobs", R"({"type":"t","idempotencyKey":"k"})").status;
  } while (status == 503 && std::chrono::steady_clock::now() < end);
  EXPECT_TRUE(status == 200 || status == 201) << status;
  EXPECT_EQ(JobCount(), "1");
}

TEST(ServerOutageTest, AnswersUnavailableWhilePostgresIsAwayAndRecovers) {
  const TemporaryFolder folder;
  auto cluster = embedded::Cluster::Start(
      {.binaries = TestBinaries(), .data_dir = folder.path(), .durable = false});
  ASSERT_TRUE(cluster) << cluster.error().message;
  const std::string conninfo = (*cluster)->connection_string();
  ASSERT_TRUE(store::ApplyMigrations(conninfo));
  ApiServer server(conninfo, {.store_timeout = 300ms, .health_timeout = 300ms});
  HttpClient client = server.Connect();
  const HttpReply before = client.Post("/jobs", R"({"type":"t","idempotencyKey":"before"})");
  ASSERT_EQ(before.status, 201);

  ASSERT_TRUE((*cluster)->Stop());
  const HttpReply away = client.Post("/jobs", R"({"type":"t","idempotencyKey":"during"})");
  EXPECT_EQ(away.status, 503);
  EXPECT_EQ(away.Header("Retry-After"), "1");
  EXPECT_EQ(away.body.find("host="), std::string::npos);
  EXPECT_EQ(client.Get("/health").status, 503);
  EXPECT_EQ(client.Get(before.Header("Location")).status, 503);
  EXPECT_EQ(client.Post("/jobs", R"({"type":""})").status, 422);  // needs no database

  ASSERT_TRUE((*cluster)->Restart());
  EXPECT_EQ(StatusWithin(server, "/health", 200), 200);
  EXPECT_EQ(client.Get(before.Header("Location")).status, 200);
  EXPECT_EQ(client.Post("/jobs", R"({"type":"t","idempotencyKey":"during"})").status, 201);
}

TEST_F(ServerFaultsTest, ListenSaysWhyItCannot) {
  ApiServer server(conninfo_);
  boost::asio::io_context io;
  pg::Pool pool(io.get_executor(), {.conninfo = conninfo_});
  store::Stores stores(pool);
  const auto listen = [&](server::ServerConfig config) {
    return server::Server(io.get_executor(), std::move(config), stores).Listen();
  };
  const auto taken = listen({.port = server.port()});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::kAlreadyRunning);
  EXPECT_EQ(taken.error().message,
            fmt::format("port {} is taken by another program; choose another with --port",
                        server.port()));
  const auto nonsense = listen({.address = "localhost:3000"});
  ASSERT_FALSE(nonsense);
  EXPECT_EQ(nonsense.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(nonsense.error().field, "address");
  const auto foreign = listen({.address = "203.0.113.7"});
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(listen({.port = 0}));
}

TEST_F(ServerFaultsTest, NoiseNeverBreaksIt) {
  const std::uint64_t seed = TestSeed();
  SCOPED_TRACE(fmt::format("DJPS_TEST_SEED={}", seed));
  std::mt19937_64 random(seed);
  ApiServer server(conninfo_,
                   {.head_timeout = 200ms, .body_timeout = 200ms, .linger_timeout = 20ms});
  const std::string good =
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
      "c\r\n{\"type\":\"t\"}\r\n0\r\n\r\n"
      "POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
      "26\r\n\r\n{\"type\":\"t\",\"payload\":[1]}"
      "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  for (int round = 0; round < 600; ++round) {
    std::string bytes = good;
    if (round % 3 == 0) {
      bytes.resize(1 + random() % 2000);
      for (char& byte : bytes) byte = static_cast<char>(random());
    } else {
      for (std::uint64_t n = 1 + random() % 6; n > 0; --n) {
        bytes[random() % bytes.size()] = static_cast<char>(random());
      }
    }
    HttpClient client = server.Connect();
    client.TrySendRaw(bytes);
    client.ShutdownSend();
    const std::string answer = client.ReadToEnd();
    ASSERT_EQ(answer.find("HTTP/1.1 5"), std::string::npos) << answer;
    ASSERT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 ")) << answer;
  }
  EXPECT_EQ(server.Connect().Get("/health").status, 200);
}

TEST_F(ServerFaultsTest, ManyConnectionsThatSayNothingDelayNobody) {
  constexpr std::size_t kSilent = 2000;
  const FileLimit room(4 * kSilent);
  ApiServer server(conninfo_);
  const auto io = std::make_shared<boost::asio::io_context>(1);
  std::deque<HttpClient> silent;
  for (std::size_t i = 0; i < kSilent; ++i) silent.emplace_back(server.port(), io);
  EXPECT_EQ(StatusWithin(server, "/health", 200), 200);
  EXPECT_EQ(server.Connect().Post("/jobs", R"({"type":"t"})").status, 201);
  EXPECT_EQ(silent.back().Get("/health").status, 200);
}

}  // namespace
}  // namespace djps::test_support
