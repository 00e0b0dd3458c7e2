#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "core/validation.h"
#include "pg/error.h"
#include "server/handlers.h"
#include "server/job_json.h"
#include "server/job_lookup.h"
#include "server/submission_parser.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;

template <typename T>
using Outcome = tl::expected<T, Problem>;

/// Stores `jobs`. A payload that is JSON but nothing that jsonb can hold is the client's mistake;
/// `blamed` is the field to name then.
asio::awaitable<Outcome<std::vector<SubmittedJob>>> Enqueue(ServerContext& context,
                                                            const std::vector<NewJob>& jobs,
                                                            std::string_view blamed) {
  try {
    co_return co_await context.stores.jobs.EnqueueJobs(jobs,
                                                       pg::After(context.config.store_timeout));
  } catch (const pg::PgError& error) {
    if (!error.bad_value()) throw;
    FieldProblems problems;
    problems.Add(JsonPath().Member(blamed),
                 fmt::format("holds a value that Postgres cannot store: {}", error.what()));
    co_return tl::unexpected(ValidationProblem(std::move(problems)));
  }
}

/// The answer to a submission whose key was known: the job that it named first.
asio::awaitable<HandlerResult> AnswerReplay(ServerContext& context, SubmittedJob submitted) {
  Response response;
  response.headers.push_back({"Idempotency-Replayed", "true"});
  if (submitted.payload_differs) {
    response.headers.push_back({"Idempotency-Payload-Differs", "true"});
  }
  const auto job =
      co_await context.stores.jobs.FindJob(submitted.id, pg::After(context.config.store_timeout));
  if (job) {
    AppendJob(response.body, *job);
  } else {
    // Keys may be kept longer than jobs: this one is done and gone, but it was accepted once.
    response.body = fmt::format(R"({{"id":"{}"}})", submitted.id.ToString());
  }
  co_return response;
}

/// Reads the body in slices, so that a large batch does not hold up other connections.
asio::awaitable<Outcome<std::vector<NewJob>>> ParseBatchInSlices(std::string_view body) {
  constexpr std::size_t kSliceBytes = 256U << 10U;  // about half a millisecond of parsing
  SubmissionParser parser(SubmissionParser::Shape::kBatch);
  while (body.size() > kSliceBytes) {
    parser.Feed(body.substr(0, kSliceBytes));
    body.remove_prefix(kSliceBytes);
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  }
  parser.Feed(body);
  co_return parser.Finish();
}

}  // namespace

asio::awaitable<HandlerResult> SubmitJob(ServerContext& context, const Request& request) {
  auto job = ParseSubmission(request.body());
  if (!job) co_return tl::unexpected(std::move(job.error()));

  std::vector<NewJob> jobs;
  jobs.push_back(std::move(*job));
  const auto stored = co_await Enqueue(context, jobs, field_name::kPayload);
  if (!stored) co_return tl::unexpected(stored.error());

  const SubmittedJob& submitted = stored->front();
  if (submitted.replayed) co_return co_await AnswerReplay(context, submitted);
  Response response{.status = 201};
  response.headers.push_back({"Location", "/jobs/" + submitted.id.ToString()});
  AppendJob(response.body, RecordOf(std::move(jobs.front()), submitted));
  co_return response;
}

asio::awaitable<HandlerResult> SubmitBatch(ServerContext& context, const Request& request) {
  const auto jobs = co_await ParseBatchInSlices(request.body());
  if (!jobs) co_return tl::unexpected(jobs.error());
  const auto stored = co_await Enqueue(context, *jobs, "jobs");
  if (!stored) co_return tl::unexpected(stored.error());

  Response response;
  for (const SubmittedJob& job : *stored) {
    if (!job.replayed) response.status = 201;
  }
  AppendBatch(response.body, *stored);
  co_return response;
}

asio::awaitable<HandlerResult> GetJob(ServerContext& context, const Request& request) {
  const auto job = co_await FindJobOf(context, request);
  if (!job) co_return tl::unexpected(job.error());
  Response response;
  AppendJob(response.body, *job);
  co_return response;
}

}  // namespace djps::server
