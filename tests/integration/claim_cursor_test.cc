// The claim cursor on a real server: a test for each rule of its completeness, and random
// interleavings of all changes to `ready`.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <set>

#include "store/migrator.h"
#include "support/store_fixture.h"
#include "support/test_seed.h"

namespace djps {
namespace {

using namespace std::chrono_literals;
using store::ClaimedBatch;
using store::LeaseStore;
using test_support::RunCoroutine;
using test_support::StoreTest;

/// Makes looks as often as possible, but no sweeps: the rules alone must find every job.
constexpr store::LookPace kEager{
    .busy_jobs = 1, .busy = 0ms, .empty = 0ms, .idle = 0ms, .sweep = 1h};
constexpr auto kSlice = 20ms;

class ClaimCursorRulesTest : public StoreTest {
 protected:
  std::vector<Uuid> ClaimWith(LeaseStore& fetcher, std::size_t limit = 10) {
    std::vector<Uuid> ids;
    const ClaimedBatch batch = Run(fetcher.ClaimJobs(
        {.queue = "default", .types = {"t"}, .limit = limit, .worker = "w", .lease = 10s}, Soon()));
    for (const auto& job : batch.jobs) ids.push_back(job.id);
    return ids;
  }

  /// Claims until two claims in a row are empty, so that the cursor has passed everything.
  void CatchUp(LeaseStore& fetcher) {
    for (int empty = 0; empty < 4;) empty = ClaimWith(fetcher).empty() ? empty + 1 : 0;
  }

  /// A job that the rules of the cursor do not expect.
  Uuid EnqueueBelowTheCursor() {
    const Uuid job = EnqueueOne({.type = "t"});
    sql_.Run("update djps.ready set visible_at = now() - interval '2 hours'");
    return job;
  }

  /// Moves the cursor on with later jobs, until it is far above the earlier ones.
  void LeaveBehind(LeaseStore& fetcher) {
    for (int i = 0; i < 20; ++i) {
      const Uuid later = EnqueueOne({.type = "t"});
      EXPECT_EQ(ClaimWith(fetcher), std::vector<Uuid>{later});
    }
    CatchUp(fetcher);
  }

  /// The jobs of the first of the next three claims that is not empty.
  std::vector<Uuid> ClaimSoon(LeaseStore& fetcher) {
    std::vector<Uuid> found;
    for (int i = 0; i < 3 && found.empty(); ++i) found = ClaimWith(fetcher);
    return found;
  }

  /// A job that is stored, but committed only when the cursor is far above it.
  void ExpectLateCommitFound(LeaseStore& fetcher) {
    CatchUp(fetcher);
    pg::Session late(conninfo_);
    late.Run("begin; select djps.enqueue('t')");
    LeaveBehind(fetcher);
    late.Run("commit");
    EXPECT_EQ(ClaimSoon(fetcher).size(), 1U);
  }

  LeaseStore fetcher_{*pool_, kEager};
};

TEST_F(ClaimCursorRulesTest, AJobThatIsCommittedLateBelowTheCursorIsFound) {
  ExpectLateCommitFound(fetcher_);
}

TEST_F(ClaimCursorRulesTest, ItIsKnownWhoWritesAndSinceWhen) {
  const auto list = [this] {
    std::vector<std::optional<Timestamp>> began;
    const pg::Rows rows = Run(pool_->Execute(sql::kListWriters, {}, Soon()));
    namespace columns = sql::list_writers;
    for (const pg::Row row : rows) {
      EXPECT_LE(row.Find(columns::kBegan), row.Get(columns::kAt));
      if (row.Find(columns::kWriter)) began.push_back(row.Find(columns::kBegan));
    }
    EXPECT_GE(rows.size(), 1) << "the clock, in any case";
    return began;
  };
  EXPECT_TRUE(list().empty());
  pg::Session writer(conninfo_);
  const std::string begun = writer.Value("begin; select extract(epoch from now()) * 1000000");
  EXPECT_TRUE(list().empty()) << "it may become one";
  writer.Run("select djps.enqueue('t')");
  const auto began = list();
  ASSERT_EQ(began.size(), 1U);
  ASSERT_TRUE(began.front().has_value());
  EXPECT_EQ(began.front()->time_since_epoch().count(), std::stoll(begun));
  writer.Run("commit");
  EXPECT_TRUE(list().empty());
}

TEST_F(ClaimCursorRulesTest, AJobWhoseClaimRolledBackIsFound) {
  const Uuid job = EnqueueOne({.type = "t"});
  pg::Session claimer(conninfo_);
  claimer.Run("begin; delete from djps.ready");
  LeaveBehind(fetcher_);
  claimer.Run("rollback");
  EXPECT_EQ(ClaimSoon(fetcher_), std::vector<Uuid>{job});
}

TEST_F(ClaimCursorRulesTest, ANewPriorityIsFoundAtOnceWhileIdle) {
  const Uuid first = EnqueueOne({.type = "t"});
  EXPECT_EQ(ClaimWith(fetcher_), std::vector<Uuid>{first});
  CatchUp(fetcher_);
  for (const int level : {-7, 300, 5, 4, -32'768, 32'767}) {
    const Uuid urgent = EnqueueOne({.type = "t", .priority = static_cast<std::int16_t>(level)});
    EXPECT_EQ(ClaimWith(fetcher_), std::vector<Uuid>{urgent}) << level;
  }
}

TEST_F(ClaimCursorRulesTest, RowsOfTheFutureAreNotWalkedToReachAnotherPriority) {
  sql_.Run(
      "insert into djps.ready (id, visible_at, lane, priority, attempts, failed, queue, type) "
      "select gen_random_uuid(), now() + interval '1 day' + i * interval '1 ms', 0, -1, 0, false, "
      "'default', 't' from generate_series(1, 200000) i");
  const Uuid due = EnqueueOne({.type = "t"});
  EXPECT_EQ(ClaimWith(fetcher_), std::vector<Uuid>{due});
  EXPECT_EQ(Count("ready"), "200000");
}

TEST_F(ClaimCursorRulesTest, JobsOfUnknownTypesDoNotHoldTheCursor) {
  sql_.Run(
      "insert into djps.ready (id, visible_at, lane, priority, attempts, failed, queue, type) "
      "select gen_random_uuid(), now() - interval '1 hour' + i * interval '1 us', 0, 0, 0, false, "
      "'default', 'another' from generate_series(1, 1000) i");
  const auto left = [this](const std::string& type) {
    pg::Params params;
    const std::vector<Timestamp> times = {Timestamp::min()};
    const std::vector<Timestamp> now = {
        std::chrono::time_point_cast<Timestamp::duration>(std::chrono::system_clock::now())};
    const std::vector<Uuid> ids(1);
    const std::vector<std::int16_t> priorities = {0};
    const std::vector<std::int32_t> gaps;
    const auto same = [](const auto& value) { return value; };
    params.Add(kLane).Add(std::string_view("default"));
    params.AddArray(std::vector{type}, same).AddArray(priorities, same);
    params.AddArray(times, same).AddArray(ids, same).AddArray(now, same).AddArray(ids, same);
    params.AddArray(gaps, same).AddArray(gaps, same).Add(false).Add(std::int32_t{10});
    const pg::Rows rows = Run(pool_->Execute(sql::kLookAtQueue, std::move(params), Soon()));
    int found = 0;
    for (const pg::Row row : rows) found += row.Get(sql::look_at_queue::kKind) == "left" ? 1 : 0;
    return found;
  };
  EXPECT_EQ(left("another"), 1);
  EXPECT_EQ(left("t"), 0);
  const Uuid known = EnqueueOne({.type = "t"});
  EXPECT_EQ(ClaimWith(fetcher_), std::vector<Uuid>{known});
}

TEST_F(ClaimCursorRulesTest, APausedQueueGivesNothingAndItsJobsAreFoundWhenItOpens) {
  CatchUp(fetcher_);
  sql_.Run("select djps.set_paused(0::int2, 'default', true, 'me')");
  const Uuid job = EnqueueOne({.type = "t"});
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(ClaimWith(fetcher_).empty());
  sql_.Run("select djps.set_paused(0::int2, 'default', false, 'me')");
  EXPECT_EQ(ClaimWith(fetcher_), std::vector<Uuid>{job});
}

TEST_F(ClaimCursorRulesTest, ASweepFindsAJobThatTheRulesMiss) {
  store::LookPace pace = kEager;
  pace.sweep = 0ms;
  LeaseStore sweeping(*pool_, pace);
  for (LeaseStore* one : {&sweeping, &fetcher_}) {
    EnqueueOne({.type = "t"});  // for it to know the priority
    CatchUp(*one);
  }
  const Uuid job = EnqueueBelowTheCursor();
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(ClaimWith(fetcher_).empty());
  std::vector<Uuid> found;
  ASSERT_TRUE(test_support::RunUntil(io_, [&] {
    found = ClaimWith(sweeping);
    return !found.empty();
  }));
  EXPECT_EQ(found, std::vector<Uuid>{job});
}

TEST_F(ClaimCursorRulesTest, ClaimsAndLooksGoOnWhileASweepIsUnderWay) {
  pg::Pool nobody(io_.get_executor(), {.conninfo = conninfo_});  // never started: it hangs
  store::LookPace pace = kEager;
  pace.sweep = 0ms;
  LeaseStore sweeping({*pool_, *pool_, nobody}, pace);
  ExpectLateCommitFound(sweeping);
  nobody.Close();
}

TEST_F(ClaimCursorRulesTest, AProcessThatStartsGoesOnWhereThoseBeforeItWere) {
  store::LookPace pace = kEager;
  pace.save = 0ms;
  LeaseStore before(*pool_, pace);
  EnqueueOne({.type = "t"});
  CatchUp(before);
  // Nothing is saved without a claim. The next look saves the position of the cursor.
  EnqueueOne({.type = "t"});
  sql_.Run("delete from djps.claim_cursors");
  CatchUp(before);
  ASSERT_TRUE(test_support::RunUntil(io_, [this] { return Count("claim_cursors") == "1"; }));
  Uuid job = EnqueueBelowTheCursor();
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(ClaimWith(fetcher_).empty()) << "below the cursor";
  // Not where the clock has stepped back since, nor on another server.
  for (const char* other :
       {"looked_at = looked_at + interval '1 hour'", "looked_at = now(), server = 'another'"}) {
    sql_.Run(fmt::format("update djps.claim_cursors set {}", other));
    LeaseStore anew(*pool_, kEager);
    EXPECT_EQ(ClaimWith(anew), std::vector<Uuid>{job}) << other;
    job = EnqueueBelowTheCursor();
  }
}

TEST_F(ClaimCursorRulesTest, AReplacedJobStandsWhereTheCursorComesPast) {
  const std::string submit =
      "select djps.enqueue('t', $${{\"n\": {}}}$$, \"unique\" => "
      "'{{\"key\": \"k\", \"on_conflict\": \"replace\"}}')";
  sql_.Run(fmt::format(fmt::runtime(submit), 1));
  sql_.Run("select djps.set_paused(0::int2, 'default', true, 'me')");
  CatchUp(fetcher_);
  sql_.Run(fmt::format(fmt::runtime(submit), 2));
  sql_.Run("select djps.set_paused(0::int2, 'default', false, 'me')");
  EXPECT_EQ(ClaimWith(fetcher_).size(), 1U);
}

/// A server of its own, which allows prepared transactions.
class ClaimCursorPropertyTest : public testing::Test {
 protected:
  ClaimCursorPropertyTest() {
    embedded::ClusterConfig config{
        .binaries = test_support::TestBinaries(), .data_dir = folder_ / "data", .durable = false};
    cluster_ = embedded::Cluster::Start(config).value();
    pg::Session(cluster_->connection_string())
        .Run("alter system set max_prepared_transactions = 50");
    cluster_.reset();
    cluster_ = embedded::Cluster::Start(config).value();
    EXPECT_TRUE(store::ApplyMigrations(cluster_->connection_string()));
    pool_ = std::make_unique<pg::Pool>(io_.get_executor(),
                                       pg::PoolConfig{.conninfo = cluster_->connection_string(),
                                                      .size = 2,
                                                      .setup = &sql::kConfigureSession});
    pool_->Start();
    plain_ = std::make_unique<pg::Session>(cluster_->connection_string());
    for (int i = 0; i < kTransactions; ++i) transactions_.push_back(NewTransaction());
    for (std::size_t i = 0; i < kFetchers; ++i) Restart(i);
  }
  ~ClaimCursorPropertyTest() override {
    pool_->Close();
    io_.restart();
    io_.run_for(5s);
  }

  static constexpr int kTransactions = 4;
  static constexpr int kFetchers = 2;

  /// A session with a transaction that may be open or prepared, and may have claimed or stored
  /// jobs.
  struct Transaction {
    std::unique_ptr<pg::Session> session;
    std::string prepared = {};  // its name; empty: not prepared
    bool open = false;
    bool claims = false;  // holds claimed jobs; it must roll back, since nobody would run them
    std::set<std::string> stored = {};
  };

  Transaction NewTransaction() {
    return {.session = std::make_unique<pg::Session>(cluster_->connection_string())};
  }
  void Restart(std::size_t fetcher) {
    fetchers_.resize(kFetchers);
    store::LookPace pace = kEager;
    if (!Chance(2)) {
      pace = {.busy_jobs = 3,
              .busy = 2ms,
              .empty = 1ms,
              .idle = 1ms,
              .sweep = 1h,
              .near = 5ms,
              .slice = kSlice};
    }
    pace.save = 0ms;                 // the next one goes on from there
    if (Chance(2)) pace.levels = 2;  // so that even these few levels are a crowd
    fetchers_[fetcher] = std::make_unique<LeaseStore>(*pool_, pace);
  }

  bool Chance(int one_in) { return Random(one_in) == 0; }
  int Random(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }

  std::string Submission() {
    const int priority = Chance(2) ? 0 : Random(9) - 4;
    const bool moved = Chance(4);
    return fmt::format("select djps.enqueue('t', priority => {}, delay_ms => {})", priority,
                       moved ? "1" : "null");
  }

  void Begin(Transaction& transaction) {
    if (!transaction.open) transaction.session->Run("begin");
    transaction.open = true;
  }

  void End(Transaction& transaction, bool commit) {
    if (!transaction.open) return;
    commit = commit && !transaction.claims;
    const std::string verb = commit ? "commit" : "rollback";
    if (transaction.prepared.empty()) {
      transaction.session->Run(verb);
    } else {
      transaction.session->Run(fmt::format("{} prepared '{}'", verb, transaction.prepared));
    }
    if (commit) waiting_.insert(transaction.stored.begin(), transaction.stored.end());
    transaction.stored.clear();
    transaction.prepared.clear();
    transaction.claims = false;
    transaction.open = false;
  }

  std::size_t Claim(std::size_t fetcher, std::size_t limit) {
    const ClaimedBatch batch = RunCoroutine(
        io_, fetchers_[fetcher]->ClaimJobs(
                 {.queue = "default", .types = {"t"}, .limit = limit, .worker = "w", .lease = 1h},
                 pg::After(20s)));
    for (const auto& job : batch.jobs) {
      EXPECT_EQ(waiting_.erase(job.id.ToString()), 1U) << "claimed twice, or before its commit";
      running_.push_back({batch.lease, job.id});
    }
    return batch.jobs.size();
  }

  void SetPaused(bool paused) {
    plain_->Run(fmt::format("select djps.set_paused(0::int2, 'default', {}, 'me')", paused));
    paused_ = paused;
  }

  void GiveBackOne() {
    if (running_.empty()) return;
    const auto [lease, job] = running_.back();
    running_.pop_back();
    RunCoroutine(io_, fetchers_[0]->ReturnJobs({{lease, job}}, pg::After(20s)));
    waiting_.insert(job.ToString());
  }

  /// Farther than what a cursor allows clocks to differ, so that this does not hide what is late.
  void MoveClock() { plain_->Run("select pg_sleep(0.012)"); }

  void Step() {
    if (Chance(20)) MoveClock();
    Transaction& transaction = transactions_[static_cast<std::size_t>(Random(kTransactions))];
    switch (Random(11)) {
      case 0:
      case 1:
        waiting_.insert(plain_->Value(Submission()));
        break;
      case 2:
      case 3:
        if (!transaction.prepared.empty()) break;
        Begin(transaction);
        transaction.stored.insert(transaction.session->Value(Submission()));
        break;
      case 4:
        End(transaction, !Chance(3));
        break;
      case 5:
        if (!transaction.open || !transaction.prepared.empty()) break;
        transaction.prepared = fmt::format("p{}", ++prepared_count_);
        transaction.session->Run(fmt::format("prepare transaction '{}'", transaction.prepared));
        break;
      case 6:
        // A claim that will not be committed.
        if (transaction.open) break;
        Begin(transaction);
        transaction.session->Run(
            "delete from djps.ready where ctid = any (array(select ctid from djps.ready "
            "where visible_at <= now() order by priority, visible_at limit 2 "
            "for update skip locked))");
        transaction.claims = true;
        break;
      case 10:
        SetPaused(!paused_);
        break;
      case 7:
        if (Chance(5)) Restart(static_cast<std::size_t>(Random(kFetchers)));
        GiveBackOne();
        break;
      default:
        Claim(static_cast<std::size_t>(Random(kFetchers)), static_cast<std::size_t>(1 + Random(3)));
    }
  }

  /// Ends all transactions; then each job must be claimed once, long before the next sweep. The
  /// number of claims is not checked: between slices of the past there are pauses of four times the
  /// last slice's duration, during which claims find nothing.
  void Finish() {
    for (Transaction& transaction : transactions_) End(transaction, !Chance(3));
    if (paused_) SetPaused(false);
    const std::size_t fetcher = static_cast<std::size_t>(Random(kFetchers));
    // What is delayed by a millisecond must be due, by the server's clock.
    plain_->Run("select pg_sleep(0.002)");
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (!waiting_.empty() && std::chrono::steady_clock::now() < deadline) Claim(fetcher, 5);
    EXPECT_TRUE(waiting_.empty()) << waiting_.size() << " jobs were passed over for good";
    EXPECT_EQ(plain_->Value("select count(*) from djps.ready"), "0");
    plain_->Run("delete from djps.leases");
    running_.clear();
    waiting_.clear();
  }

  test_support::TemporaryFolder folder_;
  const std::uint64_t seed_ = test_support::TestSeed();
  std::mt19937_64 random_{seed_};
  std::unique_ptr<embedded::Cluster> cluster_;
  boost::asio::io_context io_{1};
  std::unique_ptr<pg::Pool> pool_;
  std::vector<std::unique_ptr<LeaseStore>> fetchers_;
  std::vector<Transaction> transactions_;
  std::unique_ptr<pg::Session> plain_;
  std::set<std::string> waiting_;               // committed and not claimed
  std::vector<std::pair<Uuid, Uuid>> running_;  // lease and job
  int prepared_count_ = 0;
  bool paused_ = false;
};

TEST_F(ClaimCursorPropertyTest, APreparedTransactionThatCommitsBelowTheCursorIsFound) {
  fetchers_[0] = std::make_unique<LeaseStore>(*pool_, kEager);
  Claim(0, 1);
  Transaction& late = transactions_[0];
  Begin(late);
  late.stored.insert(late.session->Value("select djps.enqueue('t')"));
  for (int i = 0; i < 10; ++i) {
    if (i == 4) MoveClock();  // the next look is well behind the job
    if (i == 5) {
      late.session->Run("prepare transaction 'late'");
      late.prepared = "late";
    }
    waiting_.insert(plain_->Value("select djps.enqueue('t')"));
    EXPECT_EQ(Claim(0, 10), 1U);
  }
  MoveClock();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Claim(0, 10), 0U);
  End(late, true);
  std::size_t found = 0;
  for (int i = 0; i < 3 && found == 0; ++i) found = Claim(0, 10);
  EXPECT_EQ(found, 1U);
}

TEST_F(ClaimCursorPropertyTest, EveryJobIsClaimedOnceWhateverHappensAroundIt) {
  SCOPED_TRACE(fmt::format("DJPS_TEST_SEED={}", seed_));
  constexpr int kInterleavings = 150;
  for (int i = 0; i < kInterleavings && !HasFailure(); ++i) {
    SCOPED_TRACE(fmt::format("interleaving {}", i));
    const int steps = 20 + Random(80);
    for (int step = 0; step < steps; ++step) Step();
    Finish();
  }
}

}  // namespace
}  // namespace djps
