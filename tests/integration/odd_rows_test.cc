// One odd row must never stop a queue: plain jobs behind it are claimed, finished, listed and
// explained.
#include "support/odd_rows.h"

#include "integration/cli_program.h"
#include "support/test_seed.h"
#include "support/work_api.h"

namespace djps::test_support {
namespace {

using namespace std::chrono_literals;

class OddRowsTest : public WorkApiTest {
 protected:
  /// Submits one more, by one of the ways; returns its id.
  std::string StoreOne() {
    if (odd_.Chance(4)) return EnqueueOne(odd_.Job()).ToString();
    return sql_.Value(odd_.Chance(3) ? odd_.Call() : odd_.Row());
  }

  /// Claims due jobs and ends them somehow, until the plain job is claimed.
  void ExpectClaimedAndFinished(const std::string& plain) {
    for (int tries = 0; tries < 20 && !HasFatalFailure(); ++tries) {
      const bool http = odd_.Chance(2);
      std::vector<HeldJob> jobs;
      if (http) {
        jobs = ClaimSome(5);
      } else {
        const auto batch = Claim(5);
        for (const auto& job : batch.jobs) {
          jobs.push_back({job.id.ToString(), batch.lease.ToString()});
        }
      }
      ASSERT_FALSE(jobs.empty());
      bool found = false;
      for (const HeldJob& job : jobs) {
        found = found || job.id == plain;
        const char* end = job.id == plain || odd_.Chance(2) ? "complete"
                          : odd_.Chance(2)                  ? "fail"
                                                            : "snooze";
        const std::string more = *end == 'c'   ? ""
                                 : *end == 'f' ? R"(,"errorClass":"e","message":"m")"
                                               : R"(,"delayMs":3600000)";
        Ok(fmt::format("/worker/{}", end), job.With(more));
      }
      if (found) {
        EXPECT_EQ(StatusOf(plain), "succeeded");
        return;
      }
    }
    FAIL() << "the plain job was not claimed";
  }

  void ExpectReadable(const std::string& id) {
    EXPECT_EQ(TextOf(GetOk("/jobs/" + id), "id"), id);
    GetOk("/jobs/" + id + "/explain");
    GetOk("/jobs/" + id + "/attempts");
  }

  /// All lists, page by page.
  void ExpectListed() {
    std::size_t jobs = 0;
    std::string cursor;
    do {
      const json::object page = GetOk("/jobs?limit=100" + cursor);
      jobs += page.at("jobs").as_array().size();
      const json::value& next = page.at("next_cursor");
      cursor = next.is_null() ? "" : "&cursor=" + std::string(next.as_string());
    } while (!cursor.empty());
    // A list need not show what was made at no time of a calendar, or has an id that is no UUIDv7.
    const std::string listed = sql_.Value(
        "select count(*) from djps.facts where substring(id::text, 15, 1) = '7' "
        "and created_at between '1970-01-02Z' and '9999-01-01Z'");
    EXPECT_GE(jobs, std::stoul(listed));
    for (const char* status : {"queued", "running", "failed", "succeeded", "dead", "canceled"}) {
      GetOk(fmt::format("/jobs?status={}&limit=1000", status));
    }
    GetOk("/queues/default");
    GetOk("/stats");
  }

  const std::uint64_t seed_ = TestSeed();
  OddRows odd_{seed_};
};

TEST_F(OddRowsTest, PlainJobsGoOnWhateverARowHolds) {
  SCOPED_TRACE(fmt::format("DJPS_TEST_SEED={}", seed_));
  constexpr int kRows = 200;
  for (int i = 1; i <= kRows && !HasFailure(); ++i) {
    const std::string odd = StoreOne();
    SCOPED_TRACE(fmt::format("row {}: {}", i, odd));
    const std::string plain = EnqueueOne({.type = "t", .priority = 32'767}).ToString();
    ExpectReadable(odd);
    ExpectClaimedAndFinished(plain);
    ExpectReadable(odd);
    Run(operators_.BuryOverdue(10, Soon()));
    if (i % 50 == 0) ExpectListed();
  }
  const std::string server = fmt::format("DJPS_SERVER=http://localhost:{}", server_.port());
  const cli::Ended list = cli::Djps({"job", "list", "--limit", "1000", "--json"}, "", {server});
  EXPECT_EQ(list.code, 0) << list.err;
}

}  // namespace
}  // namespace djps::test_support
