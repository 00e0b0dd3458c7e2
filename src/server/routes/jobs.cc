#include <fmt/format.h>

#include <iterator>
#include <map>
#include <utility>

#include "core/json_members.h"
#include "core/validation.h"
#include "pg/error.h"
#include "server/live/job_waiters.h"
#include "server/routes/handlers.h"
#include "server/routes/job_lookup.h"
#include "server/wire/job_json.h"
#include "server/wire/slices.h"
#include "server/wire/submission_parser.h"
#include "store/batching/job_writer.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;

template <typename T>
using OrProblem = tl::expected<T, Problem>;

using Stored = store::JobWriter::Line::Written;

/// Wakes claims that wait for `jobs` at this server. A scheduled job is found when it is due.
void WakeWaiters(ServerContext& context, const Stored& stored) {
  std::map<std::pair<std::string_view, std::string_view>, std::size_t> due;
  for (std::size_t i = 0; i < stored.items.size(); ++i) {
    const NewJob& job = stored.items[i];
    if (stored.answers[i].due()) ++due[{job.queue, job.type}];
  }
  for (const auto& [kind, count] : due) {
    context.waiters.Submitted(std::string(kind.first), std::string(kind.second), count);
  }
}

/// Stores `jobs`. A payload that is JSON but that jsonb cannot hold is the client's error; `blamed`
/// is the field to name then.
asio::awaitable<OrProblem<Stored>> Enqueue(ServerContext& context, std::vector<NewJob> jobs,
                                           std::string_view blamed) {
  const auto deadline = DeadlineOf(context);
  auto refusal = co_await context.limits.FindRefusal(jobs, deadline);
  if (refusal) {
    co_return tl::unexpected(Problem{ProblemKind::kQueueFull, *std::move(refusal)});
  }
  try {
    auto stored = co_await context.submissions.EnqueueJobs(std::move(jobs), DeadlineOf(context));
    WakeWaiters(context, stored);
    co_return stored;
  } catch (const pg::PgError& error) {
    if (!error.bad_value()) throw;
    FieldProblems problems;
    problems.Add(JsonPath().Member(blamed),
                 fmt::format("holds a value that Postgres cannot store: {}", error.what()));
    co_return tl::unexpected(ValidationProblem(std::move(problems)));
  }
}

bool IsStrict(const ServerContext& context, const Request& request) {
  // RFC 7240, section 4.4.
  return context.config.strict_idempotency ||
         request.header("Prefer").find("handling=strict") != std::string_view::npos;
}

/// The answer to a submission that made no new job: the existing one. It may be in another queue,
/// which the caller may not see.
asio::awaitable<HandlerResult> AnswerExisting(ServerContext& context, const Request& request,
                                              SubmittedJob submitted,
                                              const std::optional<std::string>& key) {
  const auto job = co_await context.stores.jobs.FindJob(submitted.id, DeadlineOf(context));
  if (job && !request.caller.MayUseJob(job->queue, job->type)) {
    co_return tl::unexpected(Problem{
        ProblemKind::kForbidden,
        fmt::format("A job that the token {} may not see has this idempotencyKey, or is the unique "
                    "one. Nothing was stored.",
                    QuoteForMessage(request.caller.name))});
  }
  if (submitted.replayed && submitted.payload_differs && IsStrict(context, request)) {
    co_return tl::unexpected(Problem{
        ProblemKind::kKeyReused,
        fmt::format("The key {} names job {}, which was submitted with another payload. Nothing "
                    "was stored.",
                    QuoteForMessage(key.value_or("")), submitted.id.ToString())});
  }
  Response response;
  if (submitted.replayed) {
    response.headers.push_back({"Idempotency-Replayed", "true"});
    if (submitted.payload_differs) {
      response.headers.push_back({"Idempotency-Payload-Differs", "true"});
    }
  } else {
    response.headers.push_back({"Unique-Conflict", std::string(OutcomeName(submitted))});
  }
  if (job) {
    AppendJob(response.body, *job);
  } else {
    // Keys may be kept longer than jobs: this job was accepted, and has been deleted since.
    response.body = fmt::format(R"({{"id":"{}"}})", submitted.id.ToString());
  }
  co_return response;
}

/// A header's value without the quotes around it.
std::string_view Unquoted(std::string_view value) {
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  return quoted ? value.substr(1, value.size() - 2) : value;
}

/// The Idempotency-Key header (IETF draft-ietf-httpapi-idempotency-key-header): a string in quotes,
/// where many clients leave the quotes out. It means the same as the member of the body.
std::optional<Problem> TakeKeyHeader(const Request& request, NewJob& job) {
  FieldProblems problems;
  const auto [first, end] = request.message.equal_range("Idempotency-Key");
  if (first == end || first->value().empty()) return std::nullopt;
  const std::string_view key = Unquoted(first->value());
  for (auto other = std::next(first); other != end; ++other) {
    if (Unquoted(other->value()) == key) continue;
    problems.Add(JsonPath().Member("Idempotency-Key"),
                 fmt::format("is sent twice, as {} and as {}; send one of them",
                             QuoteForMessage(key), QuoteForMessage(Unquoted(other->value()))));
    return ValidationProblem(std::move(problems));
  }
  if (job.idempotency_key && *job.idempotency_key != key) {
    problems.Add(JsonPath().Member(field_name::kIdempotencyKey),
                 fmt::format("is {}, but the header Idempotency-Key is {}; send one of them",
                             QuoteForMessage(*job.idempotency_key), QuoteForMessage(key)));
    return ValidationProblem(std::move(problems));
  }
  job.idempotency_key = key;
  // Bytes of a header may be anything; of JSON text they are UTF-8 without NUL.
  if (!CompactJson(JsonString(key))) {
    problems.Add(JsonPath().Member("Idempotency-Key"), "must be UTF-8");
    return ValidationProblem(std::move(problems));
  }
  for (const FieldError& error : Validate(job)) {
    problems.Add(JsonPath().Member("Idempotency-Key"), error.detail);
  }
  if (problems.count() == 0) return std::nullopt;
  return ValidationProblem(std::move(problems));
}

/// Why this caller may not submit this job.
std::optional<Problem> SubmissionProblem(const Caller& caller, const NewJob& job) {
  if (!caller.queues.empty() && job.unique && !job.unique->by_queue) {
    return Problem{ProblemKind::kForbidden,
                   fmt::format("The token {} may use some queues only, so its jobs can be unique "
                               "only there: send unique with \"queue\": true.",
                               QuoteForMessage(caller.name))};
  }
  return JobProblem(caller, job.queue, job.type);
}

/// The same for all of these jobs, with the place of the first that is refused.
std::optional<Problem> FirstRefused(const Caller& caller, const std::vector<NewJob>& jobs) {
  if (!caller.restricted()) return std::nullopt;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    auto refused = SubmissionProblem(caller, jobs[i]);
    if (!refused) continue;
    refused->detail = fmt::format("jobs[{}]: {}", i, refused->detail);
    return refused;
  }
  return std::nullopt;
}

}  // namespace

asio::awaitable<HandlerResult> SubmitJob(ServerContext& context, const Request& request) {
  SubmissionParser parser(SubmissionParser::Shape::kOneJob);
  if (FitsSlice(request.body())) {
    parser.Feed(request.body());
  } else {
    co_await FeedInSlices(parser, request.body());
  }
  auto jobs = parser.Finish();
  if (!jobs) co_return tl::unexpected(std::move(jobs.error()));
  NewJob& job = jobs->front();
  if (auto problem = TakeKeyHeader(request, job)) co_return tl::unexpected(*std::move(problem));
  if (auto refused = SubmissionProblem(request.caller, job)) {
    co_return tl::unexpected(*std::move(refused));
  }
  auto stored = co_await Enqueue(context, *std::move(jobs), field_name::kPayload);
  if (!stored) co_return tl::unexpected(std::move(stored.error()));

  NewJob& stored_job = stored->items.front();
  const SubmittedJob& submitted = stored->answers.front();
  if (!submitted.created()) {
    co_return co_await AnswerExisting(context, request, submitted, stored_job.idempotency_key);
  }
  constexpr std::size_t kBytesBesidePayload = 640;
  Response response{.status = 201};
  response.body.reserve(kBytesBesidePayload + stored_job.payload.size());
  response.headers.push_back({"Location", "/jobs/" + submitted.id.ToString()});
  AppendJob(response.body, RecordOf(std::move(stored_job), submitted));
  co_return response;
}

asio::awaitable<HandlerResult> SubmitBatch(ServerContext& context, const Request& request) {
  SubmissionParser parser(SubmissionParser::Shape::kBatch);
  co_await FeedInSlices(parser, request.body());
  auto jobs = parser.Finish();
  if (!jobs) co_return tl::unexpected(std::move(jobs.error()));
  if (auto refused = FirstRefused(request.caller, *jobs)) {
    co_return tl::unexpected(*std::move(refused));
  }
  const auto stored = co_await Enqueue(context, *std::move(jobs), "jobs");
  if (!stored) co_return tl::unexpected(stored.error());

  Response response;
  for (const SubmittedJob& job : stored->answers) {
    if (job.created()) response.status = 201;
  }
  AppendBatch(response.body, stored->answers);
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
