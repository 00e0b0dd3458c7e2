// How the statements that list jobs go about it when there are many: by index, and no further than
// their bounds.
#include <fmt/format.h>

#include <regex>

#include "support/store_fixture.h"

namespace djps {
namespace {

using test_support::StoreTest;

constexpr int kJobs = 120'000;

/// Of the jobs 0..kJobs - 1, oldest first: the first half succeeded, then come 4,000 dead and 1,000
/// canceled ones, 5,000 that failed; the rest is queued.
class SqlReadingPlansTest : public StoreTest {
 protected:
  /// Plans are made while the tables are empty, as those of a server that was started first: they
  /// stay until the tables are analyzed.
  SqlReadingPlansTest() {
    Prepare(sql::kConfigureSession);
    sql_.Run("execute configure_session('60s')");
    for (const pg::Statement* statement :
         {&sql::kListByCreation, &sql::kListEnded, &sql::kListFailed, &sql::kListQueued,
          &sql::kListTagged, &sql::kListQueues, &sql::kCountLive, &sql::kWatchJobs,
          &sql::kFindJobs}) {
      Prepare(*statement);
      std::string nulls;
      for (std::size_t i = 0; i < statement->params.size(); ++i) nulls += i > 0 ? ", null" : "null";
      sql_.Run(fmt::format("explain execute {}({})", statement->name, nulls));
    }
    Load();
  }

  void Load() {
    sql_.Run(fmt::format(R"(
create temp table made as
select i, (lpad(to_hex(floor(extract(epoch from now()) * 1000)::bigint - {0} + i), 12, '0')
           || '70008' || lpad(to_hex(i), 13, '0') || '00')::uuid as id
from generate_series(0, {0} - 1) i;
insert into djps.facts
  (id, created_at, run_at, lane, priority, max_attempts, queue, type, payload, tags)
select id, now(), now(), 0, 0, 25, 'q' || i % 10, 't' || i % 100, '1',
       case when i % 10 = 0 then array['tenth'] end from made;
insert into djps.outcomes (id, finished_at, status, lane, attempts)
select id, now(), (case when i < {0} / 2 then 'succeeded' when i < {0} / 2 + 4000 then 'dead'
                   else 'canceled' end)::djps.job_status, 0, 1
from made where i < {0} / 2 + 5000;
insert into djps.ready (id, visible_at, moved_at, lane, priority, attempts, failed, queue, type)
select id, now(), case when i < {0} / 2 + 10000 then now() end, 0, 0, 1, i < {0} / 2 + 10000,
       'q' || i % 10, 't' || i % 100
from made where i >= {0} / 2 + 5000;
)",
                         kJobs));
  }

  void Prepare(const pg::Statement& statement) {
    std::vector<Oid> types;
    for (const pg::Type type : statement.params) types.push_back(static_cast<Oid>(type));
    const pg::ResultHandle result(PQprepare(sql_.handle(), std::string(statement.name).c_str(),
                                            std::string(statement.text).c_str(),
                                            static_cast<int>(types.size()), types.data()));
    ASSERT_EQ(PQresultStatus(result.get()), PGRES_COMMAND_OK) << PQerrorMessage(sql_.handle());
  }

  std::string Analyze(const pg::Statement& statement, const std::string& arguments) {
    const pg::ResultHandle plan = sql_.Run(fmt::format(
        "explain (analyze, timing off, costs off) execute {}({})", statement.name, arguments));
    std::string text;
    for (int row = 0; row < PQntuples(plan.get()); ++row) {
      text.append(PQgetvalue(plan.get(), row, 0)) += '\n';
    }
    return text;
  }

  /// The rows that index scans gave. Those that a filter then dropped count twice: bounds below are
  /// twice what may be looked at, for tables of many times that size.
  static double RowsLookedAt(const std::string& plan) {
    static const std::regex kScan(
        R"(Index (?:Only )?Scan[^\n]*\(actual rows=([0-9.]+) loops=([0-9]+)\))");
    static const std::regex kDropped(R"(Rows Removed by Filter: ([0-9]+))");
    double rows = 0;
    for (auto it = std::sregex_iterator(plan.begin(), plan.end(), kScan);
         it != std::sregex_iterator(); ++it) {
      rows += std::stod((*it)[1]) * std::stod((*it)[2]);
    }
    for (auto it = std::sregex_iterator(plan.begin(), plan.end(), kDropped);
         it != std::sregex_iterator(); ++it) {
      rows += std::stod((*it)[1]);
    }
    return rows;
  }

  void ExpectBounded(const pg::Statement& statement, const std::string& arguments, double rows_max,
                     bool sorts = false) {
    for (const bool analyzed : {false, true}) {
      if (analyzed) sql_.Run("analyze djps.facts, djps.outcomes, djps.ready");
      const std::string plan = Analyze(statement, arguments);
      EXPECT_EQ(plan.find("Seq Scan"), std::string::npos) << plan;
      if (!sorts) {
        EXPECT_EQ(plan.find("->  Sort"), std::string::npos) << plan;
      }
      EXPECT_LE(RowsLookedAt(plan), rows_max) << plan;
      EXPECT_GT(RowsLookedAt(plan), 0) << plan;
    }
  }
};

constexpr const char* kAll =
    "0::int2, '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', ";
constexpr const char* kAnyTime = "'-infinity', 'infinity'";

TEST_F(SqlReadingPlansTest, APageByCreationReadsAPage) {
  for (const char* newest : {"true", "false"}) {
    SCOPED_TRACE(newest);
    // One row more for each partition: their heads are merged.
    ExpectBounded(sql::kListByCreation,
                  fmt::format("{}{}, 20000, 101, '', '', '{{}}', {}", kAll, newest, kAnyTime), 120);
    // A type that is one in a hundred.
    ExpectBounded(sql::kListByCreation,
                  fmt::format("{}{}, 20000, 11, 't7', '', '{{}}', {}", kAll, newest, kAnyTime),
                  2'400);
    // Nothing of that kind: three times the bound, since the end of the scan is looked up by
    // itself.
    ExpectBounded(sql::kListByCreation,
                  fmt::format("{}{}, 2000, 101, 'none', '', '{{}}', {}", kAll, newest, kAnyTime),
                  6'100);
  }
  // Dead ones behind 55,000 others: a probe of outcomes for each job looked at, and two of ready.
  ExpectBounded(sql::kListByCreation,
                fmt::format("{}true, 2000, 101, '', '', '{{dead,canceled}}', {}", kAll, kAnyTime),
                10'100);
}

TEST_F(SqlReadingPlansTest, APageOfOneStatusReadsAPage) {
  const std::string names_and_time = fmt::format("'', '', {}", kAnyTime);
  for (const char* status : {"dead", "canceled", "succeeded"}) {
    SCOPED_TRACE(status);
    // Succeeded jobs stand behind 5,000 that ended otherwise.
    const double others = std::string_view(status) == "succeeded" ? 5'000 : 0;
    ExpectBounded(sql::kListEnded,
                  fmt::format("{}'{}', 20000, 101, {}", kAll, status, names_and_time),
                  220 + 2 * others);
  }
  ExpectBounded(sql::kListFailed, fmt::format("{}20000, 101, {}", kAll, names_and_time), 220);
  ExpectBounded(sql::kListFailed, fmt::format("{}500, 101, 'none', '', {}", kAll, kAnyTime), 1'520);
}

TEST_F(SqlReadingPlansTest, APageOfTheQueueReadsAPageFromItsPositionOn) {
  ExpectBounded(sql::kListQueued,
                fmt::format("0::int2, 'q5', 0::int2, '-infinity', "
                            "'00000000-0000-0000-0000-000000000000', '~', 20000, 101, '', {}",
                            kAnyTime),
                // The failed ones of the queue come first here: 500.
                1'500);
}

TEST_F(SqlReadingPlansTest, APageOfATagReadsAPage) {
  ExpectBounded(sql::kListTagged, fmt::format("{}'tenth', 20000, 101, '', '', {}", kAll, kAnyTime),
                220);
}

TEST_F(SqlReadingPlansTest, QueuesAreMeasuredUpToTheBound) {
  // Ten queues with 5,500 rows each; the bound is 1,000.
  ExpectBounded(sql::kListQueues, "0::int2, '', '{}', false, 1000, 1000, 200000", 5'000, true);
}

TEST_F(SqlReadingPlansTest, APageOfQueuesReadsAPage) {
  const auto page = [](int limit, int walk) {
    return fmt::format("0::int2, 'q3', '{{}}', false, {}, 10, {}", limit, walk);
  };
  ExpectBounded(sql::kListQueues, page(2, 200'000), 150, true);
  ExpectBounded(sql::kListQueues, page(1'000, 15), 150, true);
  ExpectBounded(sql::kListQueues, "0::int2, '', '{q3,q5,none}', false, 100, 10, 200000", 150, true);
}

TEST_F(SqlReadingPlansTest, TheTotalsAreCountedUpToTheBound) {
  ExpectBounded(sql::kCountLive, "0::int2, 1000", 2'500);
}

TEST_F(SqlReadingPlansTest, WatchingReadsWhatIsWatched) {
  const std::string ids =
      sql_.Value("select array_agg(id) from (select id from djps.ready limit 50) r");
  ExpectBounded(sql::kWatchJobs, fmt::format("0::int2, '{}'", ids), 250);
  ExpectBounded(sql::kFindJobs, fmt::format("0::int2, '{}', false, false, 4194304", ids), 350);
}

}  // namespace
}  // namespace djps
