// Gathering what many callers submit: what a call costs beside the statement that it shares.
#include <benchmark/benchmark.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <memory>
#include <vector>

#include "store/batching/group_commit.h"
#include "store/job_store.h"

namespace djps::store {
namespace {

namespace asio = boost::asio;
using Line = GroupCommit<NewJob, SubmittedJob>;

asio::awaitable<void> SubmitOne(std::shared_ptr<Line> line, std::int64_t& answered) {
  std::vector<NewJob> alone;
  alone.push_back({.type = "email", .payload = R"({"to":"someone@example.com"})"});
  const auto written = co_await line->Submit(std::move(alone), 100, pg::Deadline::max());
  answered += static_cast<std::int64_t>(written.answers.size());
}

/// So many callers at once, over a store that takes no time.
void SubmitTogether(benchmark::State& state) {
  asio::io_context io(1);
  const auto line = std::make_shared<Line>(
      io.get_executor(), std::make_shared<Backlog>(),
      [](const Line::Items& items, pg::Deadline) -> asio::awaitable<Line::Answers> {
        co_return Line::Answers(items.size());
      });
  std::int64_t answered = 0;
  for (auto _ : state) {
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      asio::co_spawn(io, SubmitOne(line, answered), [](const std::exception_ptr& error) {
        if (error) std::rethrow_exception(error);
      });
    }
    io.restart();
    io.run();
  }
  if (answered != state.iterations() * state.range(0)) state.SkipWithError("calls were lost");
  state.SetItemsProcessed(answered);
  state.counters["jobs_per_write"] =
      static_cast<double>(answered) / static_cast<double>(line->counts().writes);
}
BENCHMARK(SubmitTogether)->Arg(1)->Arg(64)->Arg(1'000);

}  // namespace
}  // namespace djps::store
