// Reading submissions and writing jobs: what each request of the API costs before and behind SQL.
#include <benchmark/benchmark.h>

#include <string>

#include "server/wire/job_json.h"
#include "server/wire/submission_parser.h"

namespace djps::server {
namespace {

std::string Payload(std::size_t bytes) {
  return R"({"to":"someone@example.com","n":1234567890,"body":")" + std::string(bytes, 'x') + "\"}";
}

std::string Submission(std::size_t bytes) {
  return R"({"type":"email","queue":"mail","priority":5,"payload":)" + Payload(bytes) + "}";
}

void ParseOneJob(benchmark::State& state) {
  const std::string body = Submission(static_cast<std::size_t>(state.range(0)));
  if (!ParseSubmission(body)) state.SkipWithError("the submission is refused");
  for (auto _ : state) benchmark::DoNotOptimize(ParseSubmission(body));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(ParseOneJob)->Arg(50)->Arg(1'000)->Arg(100'000);

void ParseBatchOfJobs(benchmark::State& state) {
  std::string body = R"({"jobs":[)";
  for (std::int64_t i = 0; i < state.range(0); ++i) body += (i > 0 ? "," : "") + Submission(50);
  body += "]}";
  if (!ParseBatch(body)) state.SkipWithError("the batch is refused");
  for (auto _ : state) benchmark::DoNotOptimize(ParseBatch(body));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(ParseBatchOfJobs)->Arg(10)->Arg(1'000);

void WriteJob(benchmark::State& state) {
  JobRecord job;
  job.type = "email";
  job.queue = "mail";
  job.payload = Payload(50);
  job.max_attempts = kDefaultMaxAttempts;
  job.idempotency_key = "order-12345";
  std::string out;
  for (auto _ : state) {
    out.clear();
    AppendJob(out, job);
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(WriteJob);

void WriteBatchAnswer(benchmark::State& state) {
  const std::vector<SubmittedJob> jobs(static_cast<std::size_t>(state.range(0)));
  std::string out;
  for (auto _ : state) {
    out.clear();
    AppendBatch(out, jobs);
    benchmark::DoNotOptimize(out);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(WriteBatchAnswer)->Arg(1'000);

}  // namespace
}  // namespace djps::server
