#include "bench/submitter.h"

#include <algorithm>
#include <utility>

#include "pg/pool.h"
#include "store/batching/job_writer.h"
#include "store/statements.h"

namespace djps::bench {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kTimeout{30'000};
/// In a benchmark with failures, the jobs must succeed in the end.
constexpr int kMaxAttempts = 1'000;

/// Does the same as djps::Client, without its own thread, and without querying full queues: the
/// benchmark's queue has no limit.
class StoreSubmitter : public Submitter {
 public:
  StoreSubmitter(asio::io_context& io, const Target& target, const LoadSettings& load)
      : pool_(io.get_executor(), {.conninfo = target.conninfo,
                                  .size = std::min(load.connections, load.clients),
                                  .setup = &sql::kConfigureSession}),
        jobs_(pool_),
        signal_(pool_),
        writer_(io.get_executor(), jobs_, signal_) {
    pool_.Start();
  }

  asio::awaitable<void> Submit(std::size_t /*client*/, std::vector<std::string> payloads) override {
    std::vector<NewJob> jobs;
    jobs.reserve(payloads.size());
    for (std::string& payload : payloads) {
      jobs.push_back({.type = kType,
                      .payload = std::move(payload),
                      .queue = kQueue,
                      .max_attempts = kMaxAttempts});
    }
    co_await writer_.EnqueueJobs(std::move(jobs), pg::After(kTimeout));
  }

  void Close() override { pool_.Close(); }

 private:
  pg::Pool pool_;
  store::JobStore jobs_;
  store::WorkSignal signal_;
  store::JobWriter writer_;
};

}  // namespace

std::unique_ptr<Submitter> MakeStoreSubmitter(asio::io_context& io, const Target& target,
                                              const LoadSettings& load) {
  return std::make_unique<StoreSubmitter>(io, target, load);
}

std::unique_ptr<Submitter> MakeSubmitter(asio::io_context& io, const Target& target,
                                         const LoadSettings& load) {
  return target.server.empty() ? MakeStoreSubmitter(io, target, load)
                               : MakeHttpSubmitter(io, target, load);
}

}  // namespace djps::bench
