#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "core/validation.h"
#include "pg/error.h"
#include "server/live/job_waiters.h"
#include "server/routes/handlers.h"
#include "server/routes/job_lookup.h"
#include "server/routes/key_header.h"
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

/// The place of a job in a batch, in front of what is said about it.
std::string At(std::size_t place, std::string_view detail) {
  return fmt::format("jobs[{}]: {}", place, detail);
}

Problem HiddenProblem(const Caller& caller) {
  return {ProblemKind::kForbidden,
          fmt::format("A job that the token {} may not see has this idempotencyKey, or is the "
                      "unique one. Nothing was stored.",
                      QuoteForMessage(caller.name))};
}

Problem KeyReusedProblem(const std::optional<std::string>& key, Uuid job) {
  return {ProblemKind::kKeyReused,
          fmt::format("The key {} names job {}, which was submitted with another payload. Nothing "
                      "was stored.",
                      QuoteForMessage(key.value_or("")), job.ToString())};
}

/// Why nothing of a batch was stored.
Problem RefusalProblem(const Caller& caller, const store::RefusedReplay& refused) {
  using Reason = store::RefusedReplay::Reason;
  Problem problem = refused.reason == Reason::kHidden ? HiddenProblem(caller)
                                                      : KeyReusedProblem(refused.key, refused.job);
  if (refused.reason == Reason::kPayloadDiffers && refused.earlier_item) {
    problem.detail = fmt::format(
        "The key {} is also that of jobs[{}], which has another payload. Nothing was "
        "stored.",
        QuoteForMessage(refused.key.value_or("")), *refused.earlier_item);
  }
  problem.detail = At(refused.item, problem.detail);
  return problem;
}

/// Stores `jobs`. A payload that is JSON but that jsonb cannot hold is the client's error;
/// `blamed` is the field to name then. With `guard` nothing is stored when one of the jobs leads to
/// a job that this caller may not be answered with.
asio::awaitable<OrProblem<Stored>> Enqueue(ServerContext& context, const Caller& caller,
                                           std::vector<NewJob> jobs, std::string_view blamed,
                                           store::ReplayGuard guard) {
  const auto deadline = DeadlineOf(context);
  auto refusal = co_await context.limits.FindRefusal(jobs, deadline);
  if (refusal) {
    co_return tl::unexpected(Problem{ProblemKind::kQueueFull, *std::move(refusal)});
  }
  try {
    tl::expected<Stored, store::RefusedReplay> stored;
    if (guard.guards()) {
      stored = co_await context.submissions.EnqueueGuarded(std::move(jobs), std::move(guard),
                                                           DeadlineOf(context));
    } else {
      stored = co_await context.submissions.EnqueueJobs(std::move(jobs), DeadlineOf(context));
    }
    if (!stored) co_return tl::unexpected(RefusalProblem(caller, stored.error()));
    WakeWaiters(context, *stored);
    co_return *std::move(stored);
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
    co_return tl::unexpected(HiddenProblem(request.caller));
  }
  if (submitted.replayed && submitted.payload_differs && IsStrict(context, request)) {
    co_return tl::unexpected(KeyReusedProblem(key, submitted.id));
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
    refused->detail = At(i, refused->detail);
    return refused;
  }
  return std::nullopt;
}

}  // namespace

asio::awaitable<HandlerResult> SubmitJob(ServerContext& context, const Request& request) {
  const auto key = ReadKeyHeader(request);
  if (!key) co_return tl::unexpected(key.error());
  SubmissionParser parser(SubmissionParser::Shape::kOneJob, *key);
  if (FitsSlice(request.body())) {
    parser.Feed(request.body());
  } else {
    co_await FeedInSlices(parser, request.body());
  }
  auto jobs = parser.Finish();
  if (!jobs) co_return tl::unexpected(std::move(jobs.error()));
  NewJob& job = jobs->front();
  if (auto problem = OtherKeyProblem(*key, job)) co_return tl::unexpected(*std::move(problem));
  if (auto refused = SubmissionProblem(request.caller, job)) {
    co_return tl::unexpected(*std::move(refused));
  }
  auto stored =
      co_await Enqueue(context, request.caller, *std::move(jobs), field_name::kPayload, {});
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
  const auto key = ReadBatchKeyHeader(request);
  if (!key) co_return tl::unexpected(key.error());
  SubmissionParser parser(SubmissionParser::Shape::kBatch, *key);
  co_await FeedInSlices(parser, request.body());
  auto jobs = parser.Finish();
  if (!jobs) co_return tl::unexpected(std::move(jobs.error()));
  if (auto refused = FirstRefused(request.caller, *jobs)) {
    co_return tl::unexpected(*std::move(refused));
  }
  store::ReplayGuard guard{.strict = IsStrict(context, request), .queues = request.caller.queues};
  const auto stored =
      co_await Enqueue(context, request.caller, *std::move(jobs), "jobs", std::move(guard));
  if (!stored) co_return tl::unexpected(stored.error());

  Response response;
  const std::vector<SubmittedJob>& answers = stored->answers;
  const auto any = [&answers](auto has) {
    return std::any_of(answers.begin(), answers.end(), has);
  };
  if (any([](const SubmittedJob& job) { return job.created(); })) response.status = 201;
  if (!any([](const SubmittedJob& job) { return !job.replayed; })) {
    response.headers.push_back({"Idempotency-Replayed", "true"});
  }
  if (any([](const SubmittedJob& job) { return job.replayed && job.payload_differs; })) {
    response.headers.push_back({"Idempotency-Payload-Differs", "true"});
  }
  AppendBatch(response.body, answers);
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
