// A database and a role whose defaults are all hostile: our sessions set what their statements
// need.
#include <fmt/format.h>

#include <array>
#include <sstream>

#include "djps/client.h"
#include "store/batching/job_writer.h"
#include "store/migrator.h"
#include "support/together.h"
#include "support/work_api.h"

namespace djps::test_support {
namespace {

using namespace std::chrono_literals;

struct Setting {
  const char* name;
  const char* hostile;
  int since = 0;  // the first version that has it
};

constexpr auto kHostile = std::to_array<Setting>({
    {"default_transaction_isolation", "serializable"},
    {"default_transaction_read_only", "on"},
    {"default_transaction_deferrable", "on"},
    {"row_security", "off"},
    {"exit_on_error", "on"},
    {"client_min_messages", "error"},
    {"synchronous_commit", "off"},
    {"statement_timeout", "5s"},
    {"lock_timeout", "1ms"},
    {"idle_in_transaction_session_timeout", "1ms"},
    {"idle_session_timeout", "300ms"},
    {"transaction_timeout", "5s", 170000},
    {"search_path", "hostile, public, pg_catalog"},
    {"client_encoding", "LATIN1"},
    {"lc_messages", "POSIX"},
    {"DateStyle", "German, DMY"},
    {"IntervalStyle", "sql_standard"},
    {"TimeZone", "Pacific/Kiritimati"},
    {"extra_float_digits", "-15"},
    {"bytea_output", "escape"},
    {"standard_conforming_strings", "off"},
    {"quote_all_identifiers", "on"},
    {"array_nulls", "off"},
    {"transform_null_equals", "on"},
    {"check_function_bodies", "off"},
    {"plan_cache_mode", "force_custom_plan"},
    {"random_page_cost", "1000"},
    {"seq_page_cost", "0"},
    {"cpu_tuple_cost", "1000"},
    {"cpu_index_tuple_cost", "1000"},
    {"cpu_operator_cost", "1000"},
    {"effective_cache_size", "8kB"},
    {"cursor_tuple_fraction", "1"},
    {"constraint_exclusion", "off"},
    {"from_collapse_limit", "1"},
    {"join_collapse_limit", "1"},
    {"geqo_threshold", "2"},
    {"gin_fuzzy_search_limit", "1"},
    {"max_parallel_workers_per_gather", "8"},
    {"work_mem", "64kB"},
    {"jit", "on"},
    {"jit_above_cost", "0"},
    {"plpgsql.extra_errors", "all"},
});

class HostileSettingsTest : public testing::Test {
 protected:
  HostileSettingsTest()
      : conninfo_(Postgres().NewEmptyDatabase()), admin_(conninfo_), version_(Version()) {
    // A superuser could set more, and nobody should run djps as one.
    database_ = admin_.Value("select current_database()");
    role_ = "hostile_" + database_;
    admin_.Run(
        fmt::format("create role {0} login password 'x'; grant create on database {1} to {0}",
                    role_, database_));
    admin_.Run("create schema hostile; grant usage on schema hostile to public");
    // Functions that a careless search path would find before Postgres's own.
    admin_.Run(
        "create function hostile.now() returns timestamptz language sql as "
        "'select timestamptz ''1999-01-01''';"
        "create function hostile.clock_timestamp() returns timestamptz language sql as "
        "'select timestamptz ''1999-01-01'''");
    for (const Setting& one : kHostile) {
      if (one.since > version_) continue;
      Set("database " + database_, one.name, one.hostile);
      Set(fmt::format("role {} in database {}", role_, database_), one.name, one.hostile);
    }
    const std::string switches =
        "select string_agg(name, ' ') from pg_settings where name like 'enable%' "
        "and context = 'user' and vartype = 'bool'";
    std::istringstream names(admin_.Value(switches));
    for (std::string name; names >> name;) {
      const bool ours_are_off = name == "enable_seqscan" || name == "enable_bitmapscan";
      Set("database " + database_, name, ours_are_off ? "on" : "off");
    }
    ours_ = conninfo_ + fmt::format(" user={} password=x", role_);
    const auto migrated = store::ApplyMigrations(ours_);
    if (!migrated) throw std::runtime_error(migrated.error().message);
  }
  ~HostileSettingsTest() override {
    admin_.Run(fmt::format("drop owned by {0} cascade; drop role {0}", role_));
  }

  int Version() { return std::stoi(admin_.Value("show server_version_num")); }
  void Set(const std::string& whose, const std::string& name, const std::string& value) {
    // A list of names is not one name.
    const std::string quote = name == "search_path" ? "" : "'";
    admin_.Run(fmt::format("alter {} set {} = {}{}{}", whose, name, quote, value, quote));
  }

  std::string conninfo_;
  pg::Session admin_;  // made before the settings were
  int version_;
  std::string database_;
  std::string role_;
  std::string ours_;  // who meets the settings
};

const pg::Column kTextColumn[] = {{"text", pg::Type::kText}};
/// The settings that still have a value of the database or the role.
const pg::Statement kNotPinned{
    "not_pinned",
    "select coalesce(string_agg(name || ' = ' || setting, ', ' order by name), '') as text "
    "from pg_catalog.pg_settings where source like '%database%'",
    {},
    kTextColumn};
const pg::Statement kIsolation{
    "isolation", "select current_setting('transaction_isolation') as text", {}, kTextColumn};

TEST_F(HostileSettingsTest, APoolPinsWhatItsStatementsWereWrittenFor) {
  boost::asio::io_context io(1);
  pg::Pool pool(io.get_executor(),
                {.conninfo = ours_, .size = 1, .setup = &sql::kConfigureSession});
  pool.Start();
  const auto ask = [&](const pg::Statement& statement) {
    const pg::Rows rows = RunCoroutine(io, pool.Execute(statement, {}, pg::After(20s)));
    return rows[0].Get(pg::ColumnAt<std::string>(0));
  };
  // Those that only a superuser may set are the administrator's; so is memory.
  EXPECT_EQ(ask(kNotPinned), "jit_above_cost = 0, lc_messages = POSIX, work_mem = 64");
  EXPECT_EQ(ask(kIsolation), "read committed");
  pool.Close();
}

TEST_F(HostileSettingsTest, APlainSessionOfASuperuserCanBePinnedToo) {
  pg::Session session(conninfo_);
  session.Run(sql::kConfigureSession, "30s");
  EXPECT_EQ(session.Value("show lc_messages"), "C");
  EXPECT_EQ(session.Value("show transaction_isolation"), "read committed");
  EXPECT_EQ(session.Value("show client_min_messages"), "warning");
  EXPECT_EQ(session.Value("show synchronous_commit"), "on");
  EXPECT_EQ(session.Value("show enable_nestloop"), "on");
  EXPECT_EQ(session.Value("show enable_seqscan"), "off");
  EXPECT_EQ(session.Value("show statement_timeout"), "30s");
}

/// The stores over a pool of such sessions.
class HostileStoresTest : public HostileSettingsTest {
 protected:
  HostileStoresTest() { pool_.Start(); }
  ~HostileStoresTest() override {
    pool_.Close();
    io_.restart();
    io_.run_for(5s);
  }
  template <typename T>
  T Run(boost::asio::awaitable<T> work) {
    return RunCoroutine(io_, std::move(work));
  }
  pg::Deadline Soon() const { return pg::After(20s); }
  SubmittedJob Submit(NewJob job) {
    const std::vector<NewJob> jobs(1, std::move(job));
    return Run(stores_.jobs.EnqueueJobs(jobs, Soon())).front();
  }
  store::ClaimedBatch Claim(std::size_t limit) {
    return Run(stores_.leases.ClaimJobs(
        {.queue = "default", .types = {"t"}, .limit = limit, .worker = "w", .lease = 60s}, Soon()));
  }

  boost::asio::io_context io_{1};
  pg::Pool pool_{io_.get_executor(),
                 {.conninfo = ours_, .size = 4, .setup = &sql::kConfigureSession}};
  store::Stores stores_{pool_};
};

TEST_F(HostileStoresTest, JobsAreSubmittedClaimedAndEnded) {
  const Timestamp then = Timestamp{} + std::chrono::hours(24 * 365 * 60);
  NewJob full{.type = "t", .idempotency_key = "k", .tags = {"null", "a"}};
  full.payload = R"({"pi":3.141592653589793,"text":"a\\b \u00fc"})";
  full.metadata = R"({"by":"me"})";
  full.unique = Uniqueness{};
  full.timeout = 90s;
  full.retry = RetryPolicy{};
  const auto first = Submit(full);
  EXPECT_TRUE(first.created());
  EXPECT_TRUE(Submit(full).replayed);
  EXPECT_GT(first.created_at, Timestamp{} + std::chrono::hours(24 * 365 * 50)) << "not 1999";
  const auto plain = Submit({.type = "t"});
  const auto later = Submit({.type = "t", .run_at = then});
  const auto keyed = Submit({.type = "t", .idempotency_key = "other"});

  const auto batch = Claim(10);
  ASSERT_EQ(batch.jobs.size(), 3U);
  const auto done =
      Run(stores_.leases.CompleteJobs({{batch.lease, first.id, R"({"half":0.1})"}}, Soon()));
  EXPECT_EQ(done.size(), 1U);
  const auto failed = Run(stores_.leases.FailJobs(
      {{.lease = batch.lease, .job = plain.id, .error_class = "boom", .message = "it \\ broke"}},
      Soon()));
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].status, JobStatus::kFailed);
  EXPECT_EQ(Run(stores_.leases.ExtendLeases({batch.lease}, 60s, Soon())).size(), 1U);
  EXPECT_EQ(Run(stores_.leases.ReturnJobs({{batch.lease, keyed.id, 1s}}, Soon())).size(), 1U);

  const auto found = Run(stores_.jobs.FindJob(first.id, Soon()));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->status, JobStatus::kSucceeded);
  EXPECT_EQ(found->result, R"({"half": 0.1})");
  EXPECT_NE(found->payload.find("3.141592653589793"), std::string::npos) << found->payload;
  EXPECT_EQ(Run(stores_.jobs.FindJob(later.id, Soon()))->run_at, then);
  EXPECT_EQ(Run(stores_.states.ListAttempts(plain.id, Soon())).front().message, "it \\ broke");
  EXPECT_TRUE(Run(stores_.states.ExplainJob(later.id, Soon())).has_value());
}

TEST_F(HostileStoresTest, ManyAtOnceDoNotDisturbEachOther) {
  store::JobWriter writer(io_.get_executor(), stores_.jobs, stores_.signal);
  Together<store::JobWriter::Line::Written> calls;
  for (int i = 0; i < 400; ++i) {
    std::vector<NewJob> jobs(1, NewJob{.type = "t"});
    if (i % 2 == 0) jobs[0].idempotency_key = std::to_string(i % 50);
    calls.Start(io_, writer.EnqueueJobs(std::move(jobs), Soon()));
  }
  for (const auto& outcome : calls.Finish(io_)) {
    EXPECT_TRUE(outcome->value.has_value()) << outcome->sqlstate;
  }
}

TEST_F(HostileStoresTest, WhatOperatorsAndUpkeepDoWorks) {
  const auto job = Submit({.type = "t"});
  const auto other = Submit({.type = "t"});
  EXPECT_EQ(Run(stores_.operators.CancelJobs({job.id}, "me", {}, Soon())).front().state,
            "canceled");
  EXPECT_EQ(Run(stores_.operators.RetryJobs({job.id}, {JobStatus::kCanceled}, "me", Soon())).size(),
            1U);
  EXPECT_TRUE(Run(stores_.operators.EditJob(other.id, {.priority = 3}, "me", Soon())).changed);
  EXPECT_TRUE(Run(stores_.operators.SetQueuePaused("q", true, "me", Soon())));
  Run(stores_.operators.SetQueueLimit("q", 10, "me", Soon()));
  EXPECT_FALSE(Run(stores_.operators.ListAudit({}, {}, 10, Soon())).entries.empty());
  EXPECT_FALSE(Run(stores_.queues.ListQueues({}, {}, Soon())).queues.empty());
  Run(stores_.queues.CountOutcomes(Soon()));
  Run(stores_.upkeep.EnsurePartitions(5, Soon()));
  EXPECT_FALSE(Run(stores_.upkeep.CheckServer(Soon())).read_only);
  EXPECT_EQ(Run(stores_.history.RunStep(100, Soon())), "idle");
  Run(stores_.history.PurgeExpiredKeys(100, Soon()));
  Run(stores_.history.PurgeAudit(100, Soon()));
  EXPECT_TRUE(Run(stores_.history.SetRetention({"q", JobStatus::kDead, 24h}, false, "me", Soon())));
  EXPECT_FALSE(Run(stores_.history.ListRetention(Soon())).empty());
  Run(stores_.leases.RescueExpiredLeases(100, Soon()));
  Run(stores_.operators.BuryOverdue(100, Soon()));
}

TEST_F(HostileSettingsTest, TheServerAndTheClientWork) {
  ApiServer server(ours_);
  HttpClient http = server.Connect();
  EXPECT_EQ(http.Get("/health").status, 200);
  EXPECT_EQ(http.Post("/jobs", R"({"type":"t","payload":{"a":"\\"}})").status, 201);
  EXPECT_EQ(http.Post("/jobs", R"({"type":"t","delayMs":60000,"tags":["x"]})").status, 201);
  EXPECT_EQ(http.Get("/jobs?limit=10").status, 200);
  EXPECT_EQ(http.Get("/jobs?status=queued").status, 200);
  EXPECT_EQ(http.Get("/jobs?tag=x").status, 200);
  EXPECT_EQ(http.Get("/stats").status, 200);
  EXPECT_EQ(http.Post("/worker/claim", R"({"worker":"w","types":["t"]})").status, 200);

  // As in production: with the defaults of a connection string.
  Client client({.database_url = ours_});
  const auto job = client.Submit({.type = "t", .idempotency_key = "k"});
  ASSERT_TRUE(job.has_value()) << job.error().message;
  EXPECT_TRUE(client.Find(job->id).has_value());
  EXPECT_TRUE(store::RequireCurrentSchema(ours_).has_value());
}

}  // namespace
}  // namespace djps::test_support
