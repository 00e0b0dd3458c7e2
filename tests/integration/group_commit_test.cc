// Group commit over the stores, over HTTP and in the client. tests/unit/group_commit_test.cc tests
// its lines alone.
#include <fmt/format.h>

#include <atomic>
#include <deque>
#include <map>
#include <set>
#include <thread>

#include "djps/client.h"
#include "store/batching/job_writer.h"
#include "store/claims/lease_writer.h"
#include "support/together.h"
#include "support/work_api.h"

namespace djps::test_support {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using store::JobWriter;
using store::LeaseWriter;
using store::SubmissionKind;

/// JSON, but a number that jsonb cannot hold.
constexpr std::string_view kBadPayload = "1e400000";

class GroupCommitTest : public StoreTest {
 protected:
  using Submissions = Together<JobWriter::Line::Written>;

  void Submit(Submissions& calls, NewJob job) {
    std::vector<NewJob> jobs;
    jobs.push_back(std::move(job));
    calls.Start(io_, writer_.EnqueueJobs(std::move(jobs), Soon()));
  }

  /// Nothing can be submitted until Unlock. First waits for `connections` that were not used yet:
  /// to prepare its statements a connection needs the lock too.
  void LockFacts(const std::string& connections = "2") {
    ASSERT_TRUE(RunUntil(io_, [&] {
      return sql_.Value(
                 "select count(*) from pg_stat_activity where datname = current_database() "
                 "and state = 'idle' and query like '%configure_session(text)%'") == connections;
    }));
    sql_.Run("begin; lock table djps.facts in share row exclusive mode");
  }
  void Unlock() { sql_.Run("commit"); }
  int Blocked() {
    // Of one transaction all answers are the same, unless it is told otherwise.
    sql_.Run("select pg_stat_clear_snapshot()");
    return std::stoi(
        sql_.Value("select count(*) from pg_stat_activity where datname = current_database() "
                   "and wait_event_type = 'Lock'"));
  }
  bool AwaitBlocked(int count) {
    return RunUntil(io_, [this, count] { return Blocked() == count; });
  }
  int Transactions() {
    return std::stoi(sql_.Value("select count(distinct xmin::text) from djps.facts"));
  }

  store::WorkSignal signal_{*pool_};
  JobWriter writer_{io_.get_executor(), jobs_, signal_};
  LeaseWriter outcomes_{io_.get_executor(), leases_};
};

TEST_F(GroupCommitTest, AnIdleWriterWritesEachCallAtOnceAndAlone) {
  for (int i = 1; i <= 3; ++i) {
    const auto written = Run(writer_.EnqueueJobs({{.type = "t", .payload = "7"}}, Soon()));
    EXPECT_EQ(written.items.front().payload, "7");
    EXPECT_EQ(Job(written.answers.front().id).payload, "7");
    EXPECT_EQ(writer_.counts(SubmissionKind::kPlain).writes, static_cast<std::uint64_t>(i));
  }
  EXPECT_EQ(Transactions(), 3);
  EXPECT_EQ(writer_.backlog().items(), 0U);
  EXPECT_TRUE(Run(writer_.EnqueueJobs({}, Soon())).answers.empty());
}

TEST_F(GroupCommitTest, ManyCallersShareFewTransactionsAndGetTheirOwnJobs) {
  Submissions calls;
  for (int i = 0; i < 200; ++i) Submit(calls, {.type = "t", .payload = std::to_string(i)});
  const auto& outcomes = calls.Finish(io_);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    ASSERT_TRUE(outcomes[i]->value.has_value()) << outcomes[i]->sqlstate;
    EXPECT_EQ(Job(outcomes[i]->value->answers.front().id).payload, std::to_string(i));
  }
  EXPECT_EQ(writer_.counts(SubmissionKind::kPlain).callers, 200U);
  EXPECT_LT(writer_.counts(SubmissionKind::kPlain).writes, 20U);
  EXPECT_LT(Transactions(), 20);
}

TEST_F(GroupCommitTest, EachKindOfSubmissionHasItsLineAndLargeBatchesGoByThemselves) {
  Submissions calls;
  for (int i = 0; i < 20; ++i) {
    Submit(calls, {.type = "t"});
    Submit(calls, {.type = "t", .idempotency_key = std::to_string(i)});
    Submit(calls, {.type = "t", .tags = {"a"}});
  }
  calls.Start(io_, writer_.EnqueueJobs(std::vector<NewJob>(500, {.type = "t"}), Soon()));
  calls.Start(
      io_, writer_.EnqueueJobs({{.type = "t", .payload = '"' + std::string(1U << 20U, 'x') + '"'}},
                               Soon()));
  for (const auto& outcome : calls.Finish(io_)) ASSERT_TRUE(outcome->value) << outcome->sqlstate;
  for (const auto kind :
       {SubmissionKind::kPlain, SubmissionKind::kKeyed, SubmissionKind::kWithOptions}) {
    EXPECT_EQ(writer_.counts(kind).items, 20U);
    EXPECT_LT(writer_.counts(kind).writes, 20U);
  }
  EXPECT_EQ(Count("facts"), "561");
}

TEST_F(GroupCommitTest, OneBadJobDoesNotFailItsNeighbours) {
  for (const NewJob& kind : {NewJob{.type = "t"}, NewJob{.type = "t", .idempotency_key = "k"},
                             NewJob{.type = "t", .tags = {"a"}}}) {
    sql_.Run("truncate djps.facts, djps.ready, djps.idempotency_keys");
    Submissions calls;
    for (int i = 0; i < 50; ++i) {
      NewJob job = kind;
      if (job.idempotency_key) job.idempotency_key = std::to_string(i);
      if (i == 20) job.payload = kBadPayload;
      Submit(calls, std::move(job));
    }
    const auto& outcomes = calls.Finish(io_);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      EXPECT_EQ(outcomes[i]->value.has_value(), i != 20) << i << " " << outcomes[i]->sqlstate;
    }
    EXPECT_TRUE(outcomes[20]->sqlstate.starts_with("22")) << outcomes[20]->sqlstate;
    EXPECT_EQ(Count("facts"), "49");
    EXPECT_EQ(Count("ready"), "49");
  }
}

TEST_F(GroupCommitTest, WhatSomebodysTransactionHoldsFailsWhoNeedsItAndNobodyElse) {
  sql_.Run(
      "begin; select djps.enqueue('t', idempotency_key => '7'), "
      "djps.enqueue('t', \"unique\" => '{}')");
  for (const NewJob& kind :
       {NewJob{.type = "t", .idempotency_key = "k"}, NewJob{.type = "t", .unique = Uniqueness{}}}) {
    Submissions calls;
    for (int i = 0; i < 16; ++i) {
      NewJob job = kind;
      if (job.idempotency_key) job.idempotency_key = std::to_string(i);
      if (job.unique && i != 7) job.payload = std::to_string(i);
      Submit(calls, std::move(job));
    }
    const auto& outcomes = calls.Finish(io_);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      EXPECT_EQ(outcomes[i]->value.has_value(), i != 7) << i << " " << outcomes[i]->sqlstate;
    }
    EXPECT_EQ(outcomes[7]->sqlstate, "55P03");
  }
  sql_.Run("commit");
  Submissions calls;
  Submit(calls, {.type = "t", .idempotency_key = "7"});
  Submit(calls, {.type = "t", .unique = Uniqueness{}});
  for (const auto& outcome : calls.Finish(io_)) {
    ASSERT_TRUE(outcome->value) << outcome->sqlstate;
    EXPECT_FALSE(outcome->value->answers.front().created());
  }
}

TEST_F(GroupCommitTest, OneKeyFromAHundredCallersMakesOneJob) {
  for (const NewJob& job : {NewJob{.type = "t", .idempotency_key = "a"},
                            NewJob{.type = "t", .idempotency_key = "b", .tags = {"x"}}}) {
    Submissions calls;
    for (int i = 0; i < 100; ++i) Submit(calls, job);
    std::set<Uuid> ids;
    int created = 0;
    for (const auto& outcome : calls.Finish(io_)) {
      ASSERT_TRUE(outcome->value) << outcome->sqlstate;
      created += outcome->value->answers.front().created() ? 1 : 0;
      ids.insert(outcome->value->answers.front().id);
    }
    EXPECT_EQ(created, 1);
    EXPECT_EQ(ids.size(), 1U);
  }
  EXPECT_EQ(Count("facts"), "2");
}

TEST_F(GroupCommitTest, OfUniqueJobsInOneBatchOneIsMade) {
  Submissions calls;
  for (int i = 0; i < 30; ++i) Submit(calls, {.type = "t", .unique = Uniqueness{}});
  int created = 0;
  for (const auto& outcome : calls.Finish(io_)) {
    ASSERT_TRUE(outcome->value) << outcome->sqlstate;
    created += outcome->value->answers.front().created() ? 1 : 0;
  }
  EXPECT_EQ(created, 1);
  EXPECT_EQ(Count("facts"), "1");
}

TEST_F(GroupCommitTest, KilledConnectionsLeaveNobodyWithoutAnAnswerAndKeysMakeRepeatingSafe) {
  const auto submit_all = [this](Submissions& calls) {
    for (int i = 0; i < 100; ++i) {
      Submit(calls, {.type = "t", .idempotency_key = std::to_string(i)});
    }
  };
  LockFacts();
  Submissions calls;
  Submit(calls, {.type = "t", .idempotency_key = "first"});
  ASSERT_TRUE(AwaitBlocked(1));
  submit_all(calls);
  ASSERT_TRUE(AwaitBlocked(2));
  sql_.Run(
      "select pg_terminate_backend(pid) from pg_stat_activity "
      "where datname = current_database() and pid <> pg_backend_pid()");
  Unlock();
  const auto& outcomes = calls.Finish(io_);
  EXPECT_FALSE(outcomes.front()->value) << "its connection was killed before it could commit";
  for (const auto& outcome : outcomes) {
    const std::string& state = outcome->sqlstate;
    EXPECT_TRUE(outcome->value || state.starts_with("57P") || state.starts_with("08")) << state;
  }
  EXPECT_EQ(writer_.backlog().items(), 0U);

  Submissions repeated;
  submit_all(repeated);
  for (const auto& outcome : repeated.Finish(io_)) {
    EXPECT_TRUE(outcome->value) << outcome->sqlstate;
  }
  EXPECT_EQ(sql_.Value("select count(*) from djps.facts where idempotency_key <> 'first'"), "100");
}

// ---- Outcomes and heartbeats ------------------------------------------------------------------

TEST_F(GroupCommitTest, CompletionsOfManyCallersShareTransactions) {
  Enqueue(std::vector<NewJob>(50, {.type = "t"}));
  const auto batch = Claim(50);
  ASSERT_EQ(batch.jobs.size(), 50U);
  Together<std::vector<Uuid>> calls;
  const Uuid bad = batch.jobs[7].id;
  for (const auto& job : batch.jobs) {
    const std::string result(job.id == bad ? kBadPayload : "1");
    calls.Start(io_, outcomes_.CompleteJobs({{batch.lease, job.id, result}}, Soon()));
  }
  // A caller that reports twice, or holds nothing, gets the same answer as alone.
  const Uuid twice = batch.jobs[0].id;
  calls.Start(io_, outcomes_.CompleteJobs({{batch.lease, twice, "2"}}, Soon()));
  calls.Start(io_, outcomes_.CompleteJobs({{Uuid{}, batch.jobs[1].id, "2"}}, Soon()));
  const auto& outcomes = calls.Finish(io_);
  for (std::size_t i = 1; i < 50; ++i) {
    if (batch.jobs[i].id == bad) {
      EXPECT_TRUE(outcomes[i]->sqlstate.starts_with("22")) << outcomes[i]->sqlstate;
      continue;
    }
    ASSERT_TRUE(outcomes[i]->value) << outcomes[i]->sqlstate;
    EXPECT_EQ(*outcomes[i]->value, std::vector<Uuid>{batch.jobs[i].id});
  }
  ASSERT_TRUE(outcomes[0]->value && outcomes[50]->value && outcomes[51]->value);
  EXPECT_EQ(outcomes[0]->value->size() + outcomes[50]->value->size(), 1U);
  EXPECT_TRUE(outcomes[51]->value->empty());
  EXPECT_LT(outcomes_.completions().writes, 25U);
  EXPECT_EQ(Count("outcomes"), "49");
  EXPECT_EQ(Status(bad), JobStatus::kRunning);
}

TEST_F(GroupCommitTest, FailuresAndReturnsComeBackToWhoSentThem) {
  Enqueue(std::vector<NewJob>(40, {.type = "t"}));
  const auto batch = Claim(40);
  ASSERT_EQ(batch.jobs.size(), 40U);
  Together<std::vector<store::FailedAttempt>> failures;
  Together<std::vector<Uuid>> returns;
  for (std::size_t i = 0; i < 20; ++i) {
    failures.Start(io_, outcomes_.FailJobs({{.lease = batch.lease,
                                             .job = batch.jobs[i].id,
                                             .error_class = "boom",
                                             .message = "it broke",
                                             .retryable = i % 2 == 0}},
                                           Soon()));
    returns.Start(io_, outcomes_.ReturnJobs({{batch.lease, batch.jobs[20 + i].id}}, Soon()));
  }
  const auto& failed = failures.Finish(io_);
  const auto& returned = returns.Finish(io_);
  for (std::size_t i = 0; i < 20; ++i) {
    ASSERT_TRUE(failed[i]->value && returned[i]->value);
    ASSERT_EQ(failed[i]->value->size(), 1U);
    EXPECT_EQ(failed[i]->value->front().id, batch.jobs[i].id);
    EXPECT_EQ(failed[i]->value->front().status, i % 2 == 0 ? JobStatus::kFailed : JobStatus::kDead);
    EXPECT_EQ(*returned[i]->value, std::vector<Uuid>{batch.jobs[20 + i].id});
    EXPECT_EQ(Status(batch.jobs[20 + i].id), JobStatus::kQueued);
  }
}

TEST_F(GroupCommitTest, HeartbeatsOfManyWorkersShareStatements) {
  Enqueue(std::vector<NewJob>(30, {.type = "t"}));
  std::vector<store::ClaimedBatch> batches;
  for (int i = 0; i < 30; ++i) batches.push_back(Claim(1, fmt::format("worker-{}", i)));
  const Uuid canceled = batches[3].jobs[0].id;
  sql_.Run(fmt::format("update djps.leases set canceled = '{{{}}}' where id = '{}'",
                       canceled.ToString(), batches[3].lease.ToString()));
  Together<std::vector<store::BeatAnswer>> calls;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    const std::vector<Uuid> leases = {batches[i].lease, Uuid{}};
    calls.Start(io_, outcomes_.ExtendLeases(leases, i % 2 == 0 ? 60s : 600s, Soon()));
  }
  const auto& outcomes = calls.Finish(io_);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    ASSERT_TRUE(outcomes[i]->value) << outcomes[i]->sqlstate;
    const auto& answers = *outcomes[i]->value;
    ASSERT_EQ(answers.size(), 2U);
    ASSERT_TRUE(answers[0].expires_at.has_value()) << i;
    const auto gained = *answers[0].expires_at - batches[i].expires_at;
    EXPECT_EQ(gained > 300s, i % 2 == 1);
    EXPECT_EQ(answers[0].canceled, i == 3 ? std::vector<Uuid>{canceled} : std::vector<Uuid>{});
    EXPECT_FALSE(answers[1].expires_at.has_value());
  }
  EXPECT_LT(outcomes_.heartbeats().writes, 15U);
}

// ---- Over HTTP, and in the client -------------------------------------------------------------

class GroupCommitServerTest : public GroupCommitTest {
 protected:
  /// Sends each body on a connection of its own; the answers are read later.
  static std::deque<HttpClient> SendAll(ApiServer& server, const std::vector<std::string>& bodies,
                                        std::string_view path = "/jobs") {
    const auto io = std::make_shared<asio::io_context>(1);
    std::deque<HttpClient> clients;
    for (const std::string& body : bodies) {
      clients.emplace_back(server.port(), io);
      clients.back().SendRaw(
          fmt::format("POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n{}", path,
                      body.size(), body));
    }
    return clients;
  }

  /// Refused callers get their answers while the others still wait. Returns the waiting ones.
  std::vector<HttpClient*> AwaitRefusals(std::deque<HttpClient>& clients, int count) {
    std::map<int, int> statuses;
    std::vector<HttpClient*> waiting;
    for (HttpClient& client : clients) waiting.push_back(&client);
    EXPECT_TRUE(RunUntil(io_, [&] {
      std::erase_if(waiting, [&](HttpClient* client) {
        if (!client->HasReply()) return false;
        const HttpReply reply = client->ReadReply();
        ++statuses[reply.status];
        EXPECT_EQ(reply.Header("Retry-After"), "1");
        EXPECT_EQ(TextOf(reply.Json().as_object(), "type"), "urn:djps:problem:overloaded");
        EXPECT_EQ(TextOf(reply.Json().as_object(), "code"), "unavailable");
        return true;
      });
      return statuses[503] == count;
    }));
    return waiting;
  }
};

TEST_F(GroupCommitServerTest, OneBadJobAmongFiftyIsTheOnlyOneRefused) {
  ApiServer server(conninfo_);
  std::vector<std::string> bodies(50, R"({"type":"t"})");
  bodies[30] = fmt::format(R"({{"type":"t","payload":{}}})", kBadPayload);
  LockFacts("4");
  auto clients = SendAll(server, bodies);
  ASSERT_TRUE(AwaitBlocked(2));
  Unlock();
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const HttpReply reply = clients[i].ReadReply();
    EXPECT_EQ(reply.status, i == 30 ? 422 : 201) << i << " " << reply.body;
  }
  EXPECT_EQ(Count("facts"), "49");
  EXPECT_LT(Transactions(), 49);
}

TEST_F(GroupCommitServerTest, OneKeyFromAHundredClientsIsCreatedOnce) {
  ApiServer server(conninfo_);
  auto clients =
      SendAll(server, std::vector<std::string>(100, R"({"type":"t","idempotencyKey":"k"})"));
  std::map<int, int> statuses;
  std::set<std::string> ids;
  for (HttpClient& client : clients) {
    const HttpReply reply = client.ReadReply();
    ++statuses[reply.status];
    ids.insert(TextOf(reply.Json().as_object(), "id"));
  }
  EXPECT_EQ(statuses, (std::map<int, int>{{200, 99}, {201, 1}}));
  EXPECT_EQ(ids.size(), 1U);
}

TEST_F(GroupCommitServerTest, RefusesWhatItCannotHoldAndRecovers) {
  ApiServer server(conninfo_, {.backlog = {.items_max = 4}});
  LockFacts("4");
  auto clients = SendAll(server, std::vector<std::string>(10, R"({"type":"t"})"));
  ASSERT_TRUE(AwaitBlocked(2));
  const auto waiting = AwaitRefusals(clients, 6);
  Unlock();
  for (HttpClient* client : waiting) EXPECT_EQ(client->ReadReply().status, 201);
  EXPECT_EQ(waiting.size(), 4U);
  EXPECT_EQ(server.Connect().Post("/jobs", R"({"type":"t"})").status, 201);
  EXPECT_EQ(Count("facts"), "5");
}

TEST_F(GroupCommitServerTest, RefusesWhatWorkersSayBeyondWhatItCanHold) {
  constexpr std::string_view kNobody = "00000000-0000-4000-8000-000000000000";
  struct Call {
    std::string path;
    std::string body;
    std::string table;  // which its statements need
  };
  const std::vector<Call> calls = {
      {"/worker/claim", R"({"worker":"w","types":["t"]})", "ready"},
      {"/worker/heartbeat", fmt::format(R"({{"worker":"w","leases":["{}"]}})", kNobody), "leases"},
      {"/worker/complete", fmt::format(R"({{"id":"{0}","leaseToken":"{0}"}})", kNobody), "leases"},
      {"/worker/fail",
       fmt::format(R"({{"id":"{0}","leaseToken":"{0}","errorClass":"e","message":"m"}})", kNobody),
       "leases"}};
  for (const auto& [path, body, table] : calls) {
    ApiServer server(conninfo_, {.backlog = {.items_max = 4}});
    EXPECT_EQ(server.Connect().Get("/health").status, 200);
    sql_.Run("begin; lock table djps." + table + " in access exclusive mode");
    auto clients = SendAll(server, std::vector<std::string>(10, body), path);
    const auto waiting = AwaitRefusals(clients, 6);
    Unlock();
    EXPECT_EQ(waiting.size(), 4U) << path;
    for (HttpClient* client : waiting) EXPECT_LT(client->ReadReply().status, 500) << path;
    EXPECT_LT(server.Connect().Post(path, body).status, 500) << path;
  }
}

TEST_F(GroupCommitServerTest, ThreadsOfAClientShareTransactions) {
  constexpr int kThreads = 32;
  Client client({.database_url = conninfo_});
  ASSERT_TRUE(client.Find(Uuid{}).has_value());  // connects
  LockFacts();
  std::atomic<int> begun = 0;
  std::vector<Uuid> ids(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      ++begun;
      const auto job = client.Submit({.type = "t", .payload = std::to_string(i)});
      if (job) ids[static_cast<std::size_t>(i)] = job->id;
    });
  }
  EXPECT_TRUE(RunUntil(io_, [&] { return begun == kThreads && Blocked() == 1; }));
  Unlock();
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < kThreads; ++i) {
    EXPECT_EQ(Job(ids[static_cast<std::size_t>(i)]).payload, std::to_string(i));
  }
  EXPECT_LT(Transactions(), kThreads);
  const auto bad = client.Submit({.type = "t", .payload = std::string(kBadPayload)});
  ASSERT_FALSE(bad.has_value());
  EXPECT_EQ(bad.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(bad.error().field, "payload");
}

}  // namespace
}  // namespace djps::test_support
