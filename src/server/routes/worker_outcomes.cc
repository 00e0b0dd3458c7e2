// How a worker ends its jobs: complete, fail, snooze, release.
#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "core/job_rules.h"
#include "core/option_limits.h"
#include "core/text.h"
#include "core/time_text.h"
#include "core/validation.h"
#include "server/live/held_jobs.h"
#include "server/live/job_watch.h"
#include "server/routes/handlers.h"
#include "store/claims/lease_writer.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;
using store::CompletedJob;
using store::FailedJob;
using store::ReturnedJob;

/// The texts of a failure are cut to the limits, so that a long stack trace is not refused.
constexpr std::size_t kErrorTextBytesMax = 256U << 10U;
constexpr std::size_t kErrorClassBytesMax = 200;
constexpr std::size_t kErrorMessageBytesMax = 2'000;
constexpr std::size_t kErrorDetailBytesMax = 8U << 10U;

void ReadFailure(Fields& item, FailedJob& job) {
  job.error_class = item.Required("errorClass", item.Text("errorClass", kErrorClassBytesMax));
  job.message = CleanText(item.Required("message", item.Text("message", kErrorTextBytesMax, 0)),
                          kErrorMessageBytesMax);
  job.detail =
      CleanText(item.Text("detail", kErrorTextBytesMax, 0).value_or(""), kErrorDetailBytesMax);
  job.retryable = item.Bool("retryable").value_or(true);
  job.retry_after = item.Duration("retryAfterMs", std::chrono::milliseconds(0), kDelayMax);
}

std::string DescribeFailed(const std::vector<store::FailedAttempt>& failed) {
  std::string out = ",\"jobs\":[";
  for (const store::FailedAttempt& job : failed) {
    fmt::format_to(std::back_inserter(out), R"({{"id":"{}","status":"{}","run_at":)",
                   job.id.ToString(), StatusName(job.status));
    out += job.run_at ? fmt::format("\"{}\"", FormatTimestamp(*job.run_at)) : "null";
    out += "},";
  }
  if (!failed.empty()) out.pop_back();
  out += ']';
  return out;
}

asio::awaitable<HandlerResult> ReturnHeld(ServerContext& context, HeldJobs<ReturnedJob> held) {
  const std::vector<Uuid> asked = IdsOf(held.jobs);
  HeldJobsResult result;
  result.done = co_await context.outcomes.ReturnJobs(std::move(held.jobs), DeadlineOf(context));
  context.watch.Touch(result.done);
  co_return AnswerHeldJobs(asked, held.single, result, "delayMs");
}

}  // namespace

asio::awaitable<HandlerResult> CompleteWork(ServerContext& context, const Request& request) {
  HeldJobsResult result;
  // Only the result that cannot be stored is rejected; the other jobs are completed.
  const auto read = [&result](Fields& item, CompletedJob& job) {
    job.result = item.UncheckedJson("result").value_or("null");
    auto trouble = JsonTrouble(job.result, kPayloadBytesMax);
    if (trouble) result.rejected.push_back({job.job, *std::move(trouble)});
  };
  auto held = co_await ReadHeldJobs<CompletedJob>(request.body(), read);
  if (!held) co_return tl::unexpected(std::move(held.error()));

  const std::vector<Uuid> asked = IdsOf(held->jobs);
  for (const RejectedJob& rejected : result.rejected) {
    std::erase_if(held->jobs, [&](const CompletedJob& job) { return job.job == rejected.id; });
  }
  const auto write = [&context](std::vector<CompletedJob> jobs) {
    return context.outcomes.CompleteJobs(std::move(jobs), DeadlineOf(context));
  };
  if (!held->jobs.empty()) co_await WriteHeldJobs(std::move(held->jobs), write, result);
  context.watch.Touch(result.done);
  co_return AnswerHeldJobs(asked, held->single, result, "result");
}

asio::awaitable<HandlerResult> FailWork(ServerContext& context, const Request& request) {
  // A failed program may have printed any bytes; the attempt is stored with what Postgres can hold.
  const std::string body = CleanJson(request.body());
  auto held = co_await ReadHeldJobs<FailedJob>(body, ReadFailure);
  if (!held) co_return tl::unexpected(std::move(held.error()));
  const std::vector<Uuid> asked = IdsOf(held->jobs);
  const auto failed =
      co_await context.outcomes.FailJobs(std::move(held->jobs), DeadlineOf(context));
  HeldJobsResult result;
  for (const store::FailedAttempt& job : failed) result.done.push_back(job.id);
  context.watch.Touch(result.done);
  co_return AnswerHeldJobs(asked, held->single, result, "message", DescribeFailed(failed));
}

asio::awaitable<HandlerResult> SnoozeWork(ServerContext& context, const Request& request) {
  auto held =
      co_await ReadHeldJobs<ReturnedJob>(request.body(), [](Fields& item, ReturnedJob& job) {
        job.delay = item.Required(
            "delayMs", item.Duration("delayMs", std::chrono::milliseconds(0), kDelayMax));
      });
  if (!held) co_return tl::unexpected(std::move(held.error()));
  co_return co_await ReturnHeld(context, *std::move(held));
}

asio::awaitable<HandlerResult> ReleaseWork(ServerContext& context, const Request& request) {
  auto held = co_await ReadHeldJobs<ReturnedJob>(request.body(), [](Fields&, ReturnedJob&) {});
  if (!held) co_return tl::unexpected(std::move(held.error()));
  co_return co_await ReturnHeld(context, *std::move(held));
}

}  // namespace djps::server
