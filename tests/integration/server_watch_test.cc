// Waiting for jobs over HTTP: the long poll and the stream of events.
#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <thread>

#include "support/api_server.h"
#include "support/store_fixture.h"

namespace djps::test_support {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

server::ServerConfig WithHeartbeat(std::chrono::milliseconds heartbeat) {
  server::ServerConfig config;
  config.stream_heartbeat = heartbeat;
  return config;
}

class ServerWatchTest : public StoreTest {
 protected:
  std::string Make() { return EnqueueOne({.type = "t"}).ToString(); }

  /// Asks for the events of a job on a connection of its own; ReadToEnd gives all of them.
  static HttpClient OpenEvents(const ApiServer& server, const std::string& id,
                               const std::string& headers = "") {
    HttpClient client = server.Connect();
    client.SendRaw(fmt::format(
        "GET /jobs/{}/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}\r\n", id,
        headers));
    return client;
  }

  /// The text after `name` in each line that begins with it.
  static std::vector<std::string> Lines(const std::string& text, const std::string& name) {
    std::vector<std::string> lines;
    for (std::size_t at = text.find("\n" + name); at != std::string::npos;
         at = text.find("\n" + name, at + 1)) {
      const std::size_t begin = at + 1 + name.size();
      lines.push_back(text.substr(begin, text.find_first_of("\r\n", begin) - begin));
    }
    return lines;
  }

  /// Waits until a server polls the state of jobs, which it does only while a client waits.
  void AwaitWatchers() {
    const auto asked = [this] {
      return sql_.Value(
                 "select count(*) > 0 from pg_stat_activity where datname = current_database() "
                 "and query like '-- watch_jobs%'") == "t";
    };
    ASSERT_TRUE(RunUntil(io_, asked));
  }

  /// A worker that uses nothing but SQL.
  void CompleteBySql(const std::string& id) {
    sql_.Run(fmt::format(
        "delete from djps.ready where id = '{0}'; insert into djps.outcomes (id, finished_at, "
        "status, lane, attempts, result) values ('{0}', now(), 'succeeded', 0, 1, '42')",
        id));
  }

  ApiServer server_{conninfo_};
  HttpClient client_ = server_.Connect();
};

TEST_F(ServerWatchTest, AWaitReturnsWhenAWorkerEndsTheJobInSql) {
  const std::string id = Make();
  std::thread worker([&] {
    AwaitWatchers();
    CompleteBySql(id);
  });
  const HttpReply reply = client_.Get("/jobs/" + id + "/wait?timeoutMs=60000");
  worker.join();
  EXPECT_EQ(reply.status, 200);
  const json::object job = reply.Json().as_object();
  EXPECT_EQ(job.at("status"), "succeeded");
  EXPECT_EQ(job.at("result"), 42);
  EXPECT_NE(reply.Header("Djps-Waited-Ms"), "");
}

TEST_F(ServerWatchTest, AWaitThatIsTooShortGivesTheJobAsItIs) {
  const std::string id = Make();
  for (const std::string timeout : {"0", "1", "100"}) {
    const HttpReply reply = client_.Get("/jobs/" + id + "/wait?timeoutMs=" + timeout);
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.Json().at("status"), "queued");
  }
}

TEST_F(ServerWatchTest, AWaitForAJobThatHasEndedReturnsAtOnce) {
  const std::string id = Make();
  CompleteBySql(id);
  EXPECT_EQ(client_.Get("/jobs/" + id + "/wait?timeoutMs=60000").Json().at("status"), "succeeded");
}

TEST_F(ServerWatchTest, ManyMayWaitForOneJob) {
  const std::string id = Make();
  std::vector<HttpClient> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(server_.Connect());
    clients.back().SendRaw(
        fmt::format("GET /jobs/{}/wait?timeoutMs=60000 HTTP/1.1\r\nHost: localhost\r\n\r\n", id));
  }
  AwaitWatchers();
  CompleteBySql(id);
  for (HttpClient& client : clients) {
    EXPECT_EQ(client.ReadReply().Json().at("status"), "succeeded");
  }
}

TEST_F(ServerWatchTest, RefusesTimesThatAreNone) {
  const std::string id = Make();
  for (const std::string query :
       {"timeoutMs=-1", "timeoutMs=60001", "timeoutMs=soon", "timeoutMs=1.5", "timeout=1"}) {
    EXPECT_EQ(client_.Get("/jobs/" + id + "/wait?" + query).status, 422) << query;
  }
}

TEST_F(ServerWatchTest, EventsComeInOrderAndEndWithTheJob) {
  const std::string id = Make();
  HttpClient client = OpenEvents(server_, id);
  client.AwaitText("id: 0.queued");
  store::ClaimedBatch batch = Claim(1);
  client.AwaitText("id: 1.running");
  Fail(batch.lease, batch.jobs.at(0).id);
  client.AwaitText("id: 1.failed");
  EndBackoffs();
  batch = Claim(1);
  client.AwaitText("id: 2.running");
  Complete(batch.lease, batch.jobs.at(0).id, R"({"ok":true})");
  const std::string events = client.ReadToEnd();
  EXPECT_EQ(events.find("HTTP/1.1 200 OK\r\n"), 0U) << events;
  EXPECT_NE(events.find("Content-Type: text/event-stream\r\n"), std::string::npos);
  EXPECT_EQ(Lines(events, "event: "),
            (std::vector<std::string>{"queued", "running", "failed", "running", "succeeded"}));
  EXPECT_EQ(Lines(events, "id: "), (std::vector<std::string>{"0.queued", "1.running", "1.failed",
                                                             "2.running", "2.succeeded"}));
  const json::object last = json::parse(Lines(events, "data: ").back()).as_object();
  EXPECT_EQ(last.at("id"), json::value(id));
  EXPECT_EQ(last.at("result").at("ok"), true);
  EXPECT_FALSE(last.contains("payload"));
  EXPECT_TRUE(events.ends_with("\r\n0\r\n\r\n")) << "the last chunk says that nothing is missing";
}

TEST_F(ServerWatchTest, AStreamWithoutNewsSaysThatItIsAlive) {
  const ApiServer server(conninfo_, WithHeartbeat(10ms));
  const std::string id = Make();
  HttpClient client = OpenEvents(server, id);
  client.AwaitText("\n: nothing new\n\n");
  CompleteBySql(id);
  EXPECT_EQ(Lines(client.ReadToEnd(), "event: "),
            (std::vector<std::string>{"queued", "succeeded"}));
}

TEST_F(ServerWatchTest, WhoComesBackIsNotToldAgain) {
  const std::string id = Make();
  HttpClient client = OpenEvents(server_, id, "Last-Event-ID: 0.queued\r\n");
  client.AwaitText(": nothing new");
  CompleteBySql(id);
  EXPECT_EQ(Lines(client.ReadToEnd(), "event: "), std::vector<std::string>{"succeeded"});
}

TEST_F(ServerWatchTest, AConnectionGoesOnAfterAStream) {
  const std::string id = Make();
  CompleteBySql(id);
  const HttpReply events = client_.Get("/jobs/" + id + "/events");
  EXPECT_EQ(events.Header("Transfer-Encoding"), "chunked");
  EXPECT_TRUE(events.body.starts_with("event: succeeded\n")) << events.body;
  EXPECT_EQ(client_.Get("/health").status, 200);
  const HttpReply head = client_.Send("HEAD", "/jobs/" + id + "/events");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.Header("Content-Type"), "text/event-stream");
  EXPECT_EQ(client_.Get("/health").status, 200);
}

TEST_F(ServerWatchTest, ClientsOfHttp10GetTheStreamUntilTheConnectionEnds) {
  const std::string id = Make();
  CompleteBySql(id);
  HttpClient client = server_.Connect();
  client.SendRaw(fmt::format("GET /jobs/{}/events HTTP/1.0\r\n\r\n", id));
  const std::string events = client.ReadToEnd();
  EXPECT_EQ(events.find("Transfer-Encoding"), std::string::npos) << events;
  EXPECT_NE(events.find("\r\n\r\nevent: succeeded\nid: 1.succeeded\ndata: {"), std::string::npos)
      << events;
}

TEST_F(ServerWatchTest, StoppingTheServerEndsWaitsAndStreams) {
  const std::string id = Make();
  HttpClient waiting = server_.Connect();
  waiting.SendRaw(
      fmt::format("GET /jobs/{}/wait?timeoutMs=60000 HTTP/1.1\r\nHost: localhost\r\n\r\n", id));
  HttpClient events = OpenEvents(server_, id);
  AwaitWatchers();
  // The grace is far longer than the test may take: nothing is cut off.
  std::future<void> stopped = server_.Stop(1h);
  ASSERT_EQ(stopped.wait_for(kRunDeadline), std::future_status::ready);
  const HttpReply reply = waiting.ReadReply();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.Json().at("status"), "queued");
  const std::string stream = events.ReadToEnd();
  EXPECT_TRUE(stream.ends_with("\r\n0\r\n\r\n")) << stream;
}

}  // namespace
}  // namespace djps::test_support
