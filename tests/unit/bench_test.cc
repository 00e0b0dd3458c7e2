// The parts of `djps bench` whose errors would not be noticed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "bench/histogram.h"
#include "bench/payload.h"
#include "core/json_text.h"

namespace djps::bench {
namespace {

using std::chrono::nanoseconds;

TEST(BenchHistogramTest, IsEmptyAtFirst) {
  const auto histogram = std::make_unique<Histogram>();
  EXPECT_EQ(histogram->count(), 0U);
  EXPECT_EQ(histogram->Quantile(0.5).count(), 0);
  EXPECT_EQ(histogram->max().count(), 0);
}

TEST(BenchHistogramTest, QuantilesAreThoseOfTheSortedValuesWithinOneStep) {
  for (const std::int64_t most : {10, 255, 256, 257, 100'000, 2'000'000'000}) {
    std::minstd_rand random(7);
    std::uniform_int_distribution<std::int64_t> any(0, most);
    const auto histogram = std::make_unique<Histogram>();
    std::vector<std::int64_t> values;
    for (int i = 0; i < 5'000; ++i) {
      values.push_back(any(random));
      histogram->Record(nanoseconds(values.back()));
    }
    std::sort(values.begin(), values.end());
    for (const double share : {0.001, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const auto index = static_cast<std::size_t>(std::ceil(share * 5'000)) - 1;
      const std::int64_t exact = values[index];
      const std::int64_t told = histogram->Quantile(share).count();
      EXPECT_GE(told, exact) << share << " of " << most;
      EXPECT_LE(told, exact + exact / 128 + 1) << share << " of " << most;
    }
    EXPECT_EQ(histogram->max().count(), values.back());
  }
}

TEST(BenchHistogramTest, TakesWhatIsBeyondItsRange) {
  const auto histogram = std::make_unique<Histogram>();
  histogram->Record(nanoseconds(-5));
  histogram->Record(std::chrono::hours(1'000));
  EXPECT_EQ(histogram->count(), 2U);
  EXPECT_EQ(histogram->Quantile(0.5).count(), 0);
  EXPECT_EQ(histogram->Quantile(1), histogram->max());
  EXPECT_GE(histogram->max(), std::chrono::hours(1));
}

TEST(BenchHistogramTest, MergingIsRecordingBoth) {
  const auto one = std::make_unique<Histogram>();
  const auto other = std::make_unique<Histogram>();
  for (int i = 1; i <= 100; ++i) one->Record(nanoseconds(i));
  for (int i = 101; i <= 200; ++i) other->Record(nanoseconds(i));
  one->Merge(*other);
  EXPECT_EQ(one->count(), 200U);
  EXPECT_EQ(one->Quantile(0.5).count(), 100);
  EXPECT_EQ(one->max().count(), 200);
}

TEST(BenchPayloadTest, HasTheSizeAskedForAndIsJson) {
  for (const std::size_t bytes : {40U, 100U, 4'096U}) {
    const PayloadMaker maker(bytes);
    const auto due = std::chrono::steady_clock::now();
    EXPECT_EQ(maker.Make().size(), bytes);
    EXPECT_EQ(maker.Make(due).size(), bytes);
    EXPECT_TRUE(CompactJson(maker.Make(due)));
  }
}

TEST(BenchPayloadTest, TheTimeComesBackFromWhatJsonbMadeOfIt) {
  const auto due = std::chrono::steady_clock::now();
  const std::string payload = PayloadMaker(100).Make(due);
  EXPECT_EQ(ReadDueTime(payload), due);
  std::string spaced = payload;
  spaced.replace(spaced.find(':'), 1, ": ");
  EXPECT_EQ(ReadDueTime(spaced), due);
}

TEST(BenchPayloadTest, OthersHaveNoTime) {
  for (const char* payload : {"", "{}", "{\"at\":", "{\"at\":x}", "{\"at\":0}", "{\"at\": -3}"}) {
    EXPECT_FALSE(ReadDueTime(payload)) << payload;
  }
}

}  // namespace
}  // namespace djps::bench
