// How long a job waits between attempts: db/functions/retry.
#include "build_paths.h"
#include "djps/retry_policy.h"
#include "support/process.h"
#include "support/store_fixture.h"

namespace djps {
namespace {

class RetryTest : public test_support::StoreTest {};

TEST_F(RetryTest, BackoffGrowsExponentiallyUpToItsCap) {
  const auto ceiling = [this](int used) {
    return sql_.Value(
        fmt::format("select extract(epoch from djps.backoff_ceiling({}))::float8", used));
  };
  EXPECT_EQ(ceiling(1), "1");
  EXPECT_EQ(ceiling(2), "2");
  EXPECT_EQ(ceiling(5), "16");
  EXPECT_EQ(ceiling(12), "2048");
  EXPECT_EQ(ceiling(13), "3600");
  EXPECT_EQ(ceiling(1000), "3600");
}

TEST_F(RetryTest, DefaultBackoffIsTheSameInCppAndSqlAndTheDocuments) {
  const RetryPolicy policy;
  for (const int used : {1, 2, 5, 11, 12, 13, 1000}) {
    EXPECT_EQ(sql_.Value(fmt::format(
                  "select djps.backoff_ceiling({0}) = djps.backoff_ceiling({0}, {1}, {2}, {3})",
                  used, policy.base.count(), policy.factor, policy.cap.count())),
              "t")
        << used;
  }
  const std::string lifecycle =
      test_support::ReadFile(std::string(test_support::kSourceDir) + "/docs/lifecycle.md");
  EXPECT_NE(
      lifecycle.find(fmt::format(
          "`min({} hour, {} s * {}^(n-1))`",
          std::chrono::duration_cast<std::chrono::hours>(policy.cap).count(),
          std::chrono::duration_cast<std::chrono::seconds>(policy.base).count(), policy.factor)),
      std::string::npos);
}

TEST_F(RetryTest, RetryDelayOfEachKindOfPolicy) {
  const auto wait = [this](const char* policy, int used) {
    return sql_.Value(
        fmt::format("select extract(epoch from djps.retry_delay('{}', {}))::float8", policy, used));
  };
  constexpr const char* kExponential =
      R"({"kind":"exponential","base_ms":250,"factor":3,"cap_ms":2000,"jitter":false})";
  EXPECT_EQ(wait(kExponential, 1), "0.25");
  EXPECT_EQ(wait(kExponential, 2), "0.75");
  EXPECT_EQ(wait(kExponential, 3), "2");
  EXPECT_EQ(wait(R"({"kind":"exponential","jitter":false})", 3), "4") << "all by default";
  EXPECT_EQ(wait(R"({"kind":"linear","delay_ms":1500})", 3), "4.5");
  EXPECT_EQ(wait(R"({"kind":"linear","delay_ms":1500,"cap_ms":2000})", 3), "2");
  EXPECT_EQ(wait(R"({"kind":"linear","delay_ms":3000000})", 3), "3600") << "the default cap";
  EXPECT_EQ(wait(R"({"kind":"fixed","delay_ms":7200000})", 9), "7200") << "no cap";
  EXPECT_EQ(wait(R"({"kind":"list","delays_ms":[1000,5000]})", 1), "1");
  EXPECT_EQ(wait(R"({"kind":"list","delays_ms":[1000,5000]})", 7), "5");
  EXPECT_EQ(sql_.Value("select bool_and(djps.retry_delay(p, 3) between '0 s' and '4 s') "
                       "and count(distinct djps.retry_delay(p, 3)) > 1 "
                       "from (values (null::jsonb), ('{\"kind\":\"exponential\"}')) v (p), "
                       "generate_series(1, 50)"),
            "t")
      << "by default with full jitter";
}

}  // namespace
}  // namespace djps
