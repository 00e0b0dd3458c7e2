// djps::Client: each call against a database, and each way in which it can fail.
#include "djps/client.h"

#include <fmt/format.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <stdexcept>
#include <thread>

#include "support/store_fixture.h"

namespace djps {
namespace {

using namespace std::chrono_literals;
using test_support::Postgres;
using test_support::StoreTest;

class ClientTest : public StoreTest {
 protected:
  template <typename T>
  static T Ok(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message);
    return *std::move(result);
  }

  template <typename T>
  static void ExpectError(const Result<T>& result, ErrorCode code, const std::string& field = {}) {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(ErrorName(result.error().code), ErrorName(code)) << result.error().message;
    EXPECT_EQ(result.error().field, field) << result.error().message;
    EXPECT_FALSE(result.error().message.empty());
  }

  Uuid Submitted(const NewJob& job = {.type = "t"}) { return Ok(client_.Submit(job)).id; }

  Client client_{{.database_url = conninfo_, .name = "ann"}};
  const Uuid unknown_ = *Uuid::Parse("01980000-0000-7000-8000-000000000000");
};

TEST_F(ClientTest, SubmitsAndFinds) {
  const SubmittedJob made = Ok(client_.Submit({.type = "t",
                                               .payload = R"({ "a" : 1 })",
                                               .queue = "q",
                                               .priority = -3,
                                               .max_attempts = 7,
                                               .idempotency_key = "k"}));
  EXPECT_TRUE(made.created());
  const auto job = Ok(client_.Find(made.id));
  ASSERT_TRUE(job.has_value());
  EXPECT_EQ(job->type, "t");
  EXPECT_EQ(job->queue, "q");
  EXPECT_EQ(job->payload, R"({"a": 1})");
  EXPECT_EQ(job->priority, -3);
  EXPECT_EQ(job->max_attempts, 7);
  EXPECT_EQ(job->status, JobStatus::kQueued);

  const SubmittedJob again =
      Ok(client_.Submit({.type = "t", .payload = "2", .queue = "q", .idempotency_key = "k"}));
  EXPECT_TRUE(again.replayed);
  EXPECT_TRUE(again.payload_differs);
  EXPECT_EQ(again.id, made.id);
  EXPECT_FALSE(Ok(client_.Find(unknown_)).has_value());
}

TEST_F(ClientTest, SubmitsWithOptions) {
  const Uuid id = Submitted({.type = "t",
                             .delay = 60s,
                             .tags = {"red", "gr\"een"},
                             .metadata = R"({"by": "ann"})",
                             .retry = RetryPolicy{.kind = RetryPolicy::Kind::kList, .delays = {1s}},
                             .timeout = 5s,
                             .unique = Uniqueness{.key = "one"}});
  const auto job = *Ok(client_.Find(id));
  EXPECT_EQ(job.tags, R"(["red", "gr\"een"])");
  EXPECT_EQ(job.metadata, R"({"by": "ann"})");
  EXPECT_EQ(job.timeout, 5s);
  EXPECT_GT(job.run_at, job.created_at);
  const SubmittedJob second = Ok(client_.Submit({.type = "t", .unique = Uniqueness{.key = "one"}}));
  EXPECT_EQ(second.conflict, SubmittedJob::Conflict::kExisting);
  EXPECT_EQ(second.id, id);
}

TEST_F(ClientTest, AUniqueJobWhosePlaceIsTakenDoesNotComeBack) {
  const NewJob job{.type = "t", .unique = Uniqueness{}};
  const Uuid first = Submitted(job);
  EXPECT_EQ(Ok(client_.Cancel(first)), CancelOutcome::kCanceled);
  const Uuid second = Submitted(job);
  const auto refused = client_.Retry(first);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_NE(refused.error().message.find(second.ToString()), std::string::npos);
  const Uuid other = Submitted({.type = "t", .payload = "2", .unique = Uniqueness{}});
  ExpectError(client_.Edit(other, {.payload = "{}"}), ErrorCode::kConflict);
}

TEST_F(ClientTest, SubmitsABatchInOrderOrNothing) {
  std::vector<NewJob> jobs(50, NewJob{.type = "t"});
  for (std::size_t i = 0; i < jobs.size(); ++i) jobs[i].payload = std::to_string(i);
  const auto made = Ok(client_.SubmitBatch(jobs));
  ASSERT_EQ(made.size(), jobs.size());
  for (std::size_t i = 0; i < made.size(); ++i) {
    EXPECT_EQ(Job(made[i].id).payload, std::to_string(i));
  }
  jobs[7].max_attempts = 0;
  ExpectError(client_.SubmitBatch(jobs), ErrorCode::kInvalidArgument, "jobs[7].maxAttempts");
  ExpectError(client_.SubmitBatch(std::vector<NewJob>(10'001, NewJob{.type = "t"})),
              ErrorCode::kInvalidArgument, "jobs");
  EXPECT_TRUE(Ok(client_.SubmitBatch({})).empty());
  EXPECT_EQ(Count("jobs"), "50");
}

TEST_F(ClientTest, NamesWhatIsWrongWithAJob) {
  const auto retry = [](RetryPolicy policy) { return NewJob{.type = "t", .retry = policy}; };
  const auto unique = [](Uniqueness u) { return NewJob{.type = "t", .unique = std::move(u)}; };
  const std::vector<std::pair<std::string, NewJob>> cases = {
      {"type", {}},
      {"type", {.type = "a b"}},
      {"payload", {.type = "t", .payload = "{"}},
      {"payload", {.type = "t", .payload = "\"\\u0000\""}},
      {"payload", {.type = "t", .payload = "1e200000"}},
      {"payload", {.type = "t", .payload = '"' + std::string(1U << 20U, 'a') + '"'}},
      {"queue", {.type = "t", .queue = ""}},
      {"maxAttempts", {.type = "t", .max_attempts = 1001}},
      {"runAt", {.type = "t", .run_at = Timestamp(-1us)}},
      {"idempotencyKey", {.type = "t", .idempotency_key = ""}},
      {"idempotencyKey", {.type = "t", .idempotency_key = "\xff"}},
      {"delayMs", {.type = "t", .delay = -1ms}},
      {"delayMs", {.type = "t", .run_at = Timestamp(1s), .delay = 1ms}},
      {"keyLifetimeMs", {.type = "t", .key_lifetime = 1h}},
      {"keyLifetimeMs", {.type = "t", .idempotency_key = "k", .key_lifetime = 1ms}},
      {"tags[0]", {.type = "t", .tags = {""}}},
      {"tags[0]", {.type = "t", .tags = {"\xff"}}},
      {"tags", {.type = "t", .tags = std::vector<std::string>(21, "x")}},
      {"metadata", {.type = "t", .metadata = "[]"}},
      {"metadata", {.type = "t", .metadata = "{"}},
      {"timeoutMs", {.type = "t", .timeout = 0ms}},
      {"finishBy", {.type = "t", .finish_by = Timestamp(-1us)}},
      {"retry.factor", retry({.factor = 0.5})},
      {"retry.factor", retry({.factor = std::numeric_limits<double>::quiet_NaN()})},
      {"retry.capMs", retry({.cap = -1ms})},
      {"retry.delaysMs", retry({.kind = RetryPolicy::Kind::kList})},
      {"unique.key", unique({.key = ""})},
      {"unique.fields[0]", unique({.fields = {""}})},
      {"unique.periodMs", unique({.period = 0ms})},
  };
  for (const auto& [field, job] : cases) {
    SCOPED_TRACE(field + " " + job.payload.substr(0, 20));
    ExpectError(client_.Submit(job), ErrorCode::kInvalidArgument, field);
  }
  EXPECT_EQ(Count("jobs"), "0");
}

TEST_F(ClientTest, WaitEndsWithTheJob) {
  const Uuid id = Submitted();
  const auto lease = Claim().lease;
  std::optional<Result<JobRecord>> waited;
  std::thread waiting([&] { waited = client_.Wait(id, 60s); });
  EXPECT_EQ(Complete(lease, id, R"({"done":true})").size(), 1U);
  waiting.join();
  const JobRecord job = Ok(*std::move(waited));
  EXPECT_TRUE(HasEnded(job.status));
  EXPECT_EQ(job.result, R"({"done": true})");
}

TEST_F(ClientTest, WaitEndsWithItsTime) {
  const Uuid id = Submitted();
  EXPECT_EQ(Ok(client_.Wait(id, 20ms)).status, JobStatus::kQueued);
  EXPECT_EQ(Ok(client_.Wait(id, 0ms)).status, JobStatus::kQueued);
  EXPECT_EQ(Ok(client_.Wait(id, -1h)).status, JobStatus::kQueued);
  ExpectError(client_.Wait(unknown_, 1h), ErrorCode::kNotFound, "id");
}

TEST_F(ClientTest, Cancels) {
  const Uuid waits = Submitted();
  EXPECT_EQ(Ok(client_.Cancel(waits, "no need")), CancelOutcome::kCanceled);
  EXPECT_EQ(Status(waits), JobStatus::kCanceled);
  EXPECT_EQ(Ok(client_.Cancel(waits)), CancelOutcome::kHadEnded);
  const Uuid runs = Submitted();
  Claim();
  EXPECT_EQ(Ok(client_.Cancel(runs)), CancelOutcome::kRequested);
  EXPECT_TRUE(Job(runs).cancel_requested);
  ExpectError(client_.Cancel(unknown_), ErrorCode::kNotFound, "id");
  ExpectError(client_.Cancel(waits, std::string(1001, 'a')), ErrorCode::kInvalidArgument, "reason");
  EXPECT_EQ(sql_.Value("select actor from djps.audit order by id limit 1"), "ann");
}

TEST_F(ClientTest, RetriesAndShowsAttempts) {
  const Uuid id = Submitted();
  Fail(Claim().lease, id, false);
  ASSERT_EQ(Status(id), JobStatus::kDead);
  const auto attempts = Ok(client_.Attempts(id));
  ASSERT_EQ(attempts.size(), 1U);
  EXPECT_EQ(attempts[0].error_class, "boom");
  EXPECT_EQ(Ok(client_.Retry(id)).status, JobStatus::kQueued);
  const auto lease = Claim().lease;
  ExpectError(client_.Retry(id, true), ErrorCode::kConflict);
  Complete(lease, id);
  ExpectError(client_.Retry(id), ErrorCode::kConflict);
  EXPECT_EQ(Ok(client_.Retry(id, true)).status, JobStatus::kQueued);
  ExpectError(client_.Retry(unknown_), ErrorCode::kNotFound, "id");
  EXPECT_TRUE(Ok(client_.Attempts(unknown_)).empty());
}

TEST_F(ClientTest, EditsWhatWaits) {
  const Uuid id = Submitted();
  const JobRecord job = Ok(client_.Edit(id, {.priority = 5, .payload = "[1]", .max_attempts = 2}));
  EXPECT_EQ(job.priority, 5);
  EXPECT_EQ(job.payload, "[1]");
  EXPECT_EQ(job.max_attempts, 2);
  ExpectError(client_.Edit(id, {}), ErrorCode::kInvalidArgument, "priority");
  ExpectError(client_.Edit(id, {.payload = "x"}), ErrorCode::kInvalidArgument, "payload");
  ExpectError(client_.Edit(id, {.max_attempts = 0}), ErrorCode::kInvalidArgument, "maxAttempts");
  ExpectError(client_.Edit(unknown_, {.priority = 1}), ErrorCode::kNotFound, "id");
  Claim();
  ExpectError(client_.Edit(id, {.priority = 1}), ErrorCode::kConflict);
}

TEST_F(ClientTest, PurgesWhatHasEnded) {
  const Uuid id = Submitted();
  ExpectError(client_.Purge(id), ErrorCode::kConflict);
  Complete(Claim().lease, id);
  EXPECT_TRUE(client_.Purge(id).has_value());
  EXPECT_FALSE(Ok(client_.Find(id)).has_value());
  ExpectError(client_.Purge(id), ErrorCode::kNotFound, "id");
}

TEST_F(ClientTest, ListsInPages) {
  const auto made = Ok(client_.SubmitBatch(std::vector<NewJob>(5, NewJob{.type = "t"})));
  Submitted({.type = "other", .tags = {"red"}});
  std::vector<Uuid> seen;
  ListOptions options{.limit = 2, .payload = true};
  do {
    const JobPage page = Ok(client_.List({.type = "t"}, options));
    for (const JobRecord& job : page.jobs) {
      seen.push_back(job.id);
      EXPECT_EQ(job.payload, "{}");
    }
    options.after = page.next;
  } while (options.after);
  ASSERT_EQ(seen.size(), 5U);
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], made[4 - i].id);
  EXPECT_EQ(Ok(client_.List()).jobs.size(), 6U);
  EXPECT_EQ(Ok(client_.List({.tag = "red"})).jobs.size(), 1U);
  EXPECT_TRUE(Ok(client_.List({.statuses = {JobStatus::kDead}})).jobs.empty());
  ExpectError(client_.List({.idempotency_key = "k"}), ErrorCode::kInvalidArgument,
              "idempotencyKey");
  ExpectError(client_.List({.queue = "a b"}), ErrorCode::kInvalidArgument, "queue");
  ExpectError(client_.List({}, {.limit = 0}), ErrorCode::kInvalidArgument, "limit");
}

TEST_F(ClientTest, OperatesQueues) {
  Submitted();
  EXPECT_TRUE(Ok(client_.PauseQueue("default")));
  EXPECT_FALSE(Ok(client_.PauseQueue("default")));
  EXPECT_TRUE(Claim().jobs.empty());
  ASSERT_TRUE(client_.SetQueueLimit("default", 9).has_value());
  const auto queues = Ok(client_.ListQueues()).queues;
  ASSERT_EQ(queues.size(), 1U);
  EXPECT_EQ(queues[0].name, "default");
  EXPECT_EQ(queues[0].queued, 1);
  EXPECT_EQ(queues[0].paused_by, "ann");
  EXPECT_EQ(queues[0].max_backlog, 9);
  EXPECT_TRUE(Ok(client_.ResumeQueue("default")));
  EXPECT_EQ(Claim().jobs.size(), 1U);
  EXPECT_TRUE(client_.SetQueueLimit("default", std::nullopt).has_value());
  ExpectError(client_.SetQueueLimit("default", 0), ErrorCode::kInvalidArgument, "maxBacklog");
  ExpectError(client_.PauseQueue(""), ErrorCode::kInvalidArgument, "queue");
  ExpectError(client_.ListQueues({.limit = 0}), ErrorCode::kInvalidArgument, "limit");
  ExpectError(client_.ListQueues({.after = "a b"}), ErrorCode::kInvalidArgument, "after");
  ExpectError(client_.ResumeQueue("a b"), ErrorCode::kInvalidArgument, "queue");
}

TEST_F(ClientTest, ListsQueuesByPage) {
  for (const char* queue : {"b", "a", "c"}) {
    ASSERT_TRUE(client_.SetQueueLimit(queue, 9).has_value());
  }
  const QueuePage first = Ok(client_.ListQueues({.limit = 2}));
  ASSERT_EQ(first.queues.size(), 2U);
  EXPECT_EQ(first.queues[1].name, "b");
  ASSERT_EQ(first.next, "b");
  const QueuePage last = Ok(client_.ListQueues({.after = *first.next}));
  ASSERT_EQ(last.queues.size(), 1U);
  EXPECT_EQ(last.queues[0].name, "c");
  EXPECT_FALSE(last.next);
}

TEST_F(ClientTest, AFullQueueRefusesSubmissions) {
  Ok(client_.Submit({.type = "t"}));
  ASSERT_TRUE(client_.SetQueueLimit("default", 1).has_value());
  const auto refused = client_.Submit({.type = "t"});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(refused.error().message,
            "The queue default has 1 jobs waiting, which is its limit. Nothing was stored.");
  EXPECT_EQ(Count("ready"), "1");
  ASSERT_TRUE(client_.SetQueueLimit("default", 2).has_value());
  Ok(client_.Submit({.type = "t"}));
}

TEST_F(ClientTest, SubmitsFromManyThreads) {
  std::atomic<int> made = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, &made] {
      for (int i = 0; i < 25; ++i) made += client_.Submit({.type = "t"}).has_value() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(made, 100);
  EXPECT_EQ(Count("jobs"), "100");
}

TEST_F(ClientTest, RefusesAWrongConfig) {
  EXPECT_THROW(Client({.timeout = 1ms}), std::invalid_argument);
  EXPECT_THROW(Client({.connections = 0}), std::invalid_argument);
  EXPECT_THROW(Client({.database_url = "postgres://["}), std::invalid_argument);
}

TEST_F(ClientTest, SaysThatTheSchemaIsMissing) {
  Client client({.database_url = Postgres().NewEmptyDatabase()});
  ExpectError(client.Find(unknown_), ErrorCode::kSchemaOutdated);
}

TEST_F(ClientTest, ADatabaseThatIsAwayIsUnavailableInTime) {
  // Refuses; accepts and never answers.
  boost::asio::ip::tcp::acceptor silent(io_, {boost::asio::ip::address_v4::loopback(), 0});
  const std::vector<std::string> urls = {
      "host=127.0.0.1 port=1",
      fmt::format("host=127.0.0.1 port={}", silent.local_endpoint().port())};
  for (const std::string& url : urls) {
    SCOPED_TRACE(url);
    Client client({.database_url = url + " connect_timeout=2", .timeout = 200ms});
    ExpectError(client.Submit({.type = "t"}), ErrorCode::kUnavailable);
    ExpectError(client.Wait(unknown_, 10ms), ErrorCode::kUnavailable);
  }
}

TEST_F(ClientTest, ComesBackWithTheDatabase) {
  const Uuid id = Submitted();
  const std::string name = sql_.Value("select current_database()");
  pg::Session admin(Postgres().NewEmptyDatabase());
  const std::string end = fmt::format(
      "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = '{}' and "
      "application_name = 'djps client'",
      name);
  admin.Run(fmt::format("alter database {} with allow_connections false", name));
  EXPECT_EQ(admin.Value(end), "1");
  Client away({.database_url = conninfo_, .timeout = 200ms});
  EXPECT_FALSE(away.Find(id).has_value());
  admin.Run(fmt::format("alter database {} with allow_connections true", name));
  // The call on the broken connection may fail; the client reconnects automatically.
  Result<std::optional<JobRecord>> found = client_.Find(id);
  if (!found) found = client_.Find(id);
  EXPECT_TRUE(Ok(std::move(found)).has_value());
  EXPECT_TRUE(Ok(away.Find(id)).has_value());
}

}  // namespace
}  // namespace djps
