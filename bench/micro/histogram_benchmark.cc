// What the load generator itself costs.
#include <benchmark/benchmark.h>

#include <memory>

#include "bench/histogram.h"
#include "bench/payload.h"

namespace djps::bench {
namespace {

void RecordLatency(benchmark::State& state) {
  const auto histogram = std::make_unique<Histogram>();
  std::int64_t value = 1;
  for (auto _ : state) {
    histogram->Record(std::chrono::nanoseconds(value));
    value = value * 5 % 10'000'019;
  }
  benchmark::DoNotOptimize(histogram->count());
}
BENCHMARK(RecordLatency);

void FindQuantile(benchmark::State& state) {
  const auto histogram = std::make_unique<Histogram>();
  for (int i = 0; i < 100'000; ++i) histogram->Record(std::chrono::microseconds(i));
  for (auto _ : state) benchmark::DoNotOptimize(histogram->Quantile(0.99));
}
BENCHMARK(FindQuantile);

void MakeAndReadPayload(benchmark::State& state) {
  const PayloadMaker maker(100);
  for (auto _ : state) {
    benchmark::DoNotOptimize(ReadDueTime(maker.Make(std::chrono::steady_clock::now())));
  }
}
BENCHMARK(MakeAndReadPayload);

}  // namespace
}  // namespace djps::bench
