// Changes to single jobs.
#include <fmt/format.h>

#include <iterator>
#include <limits>
#include <utility>

#include "core/job_options.h"
#include "core/json_text.h"
#include "core/option_limits.h"
#include "core/time_text.h"
#include "core/unique_place.h"
#include "core/validation.h"
#include "pg/error.h"
#include "server/live/job_watch.h"
#include "server/routes/handlers.h"
#include "server/routes/job_lookup.h"
#include "server/wire/fields.h"
#include "server/wire/job_json.h"
#include "server/wire/job_options_reader.h"
#include "server/wire/query.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;

/// The requirements of actions, for error messages.
constexpr std::string_view kNotEnded = "only one that has not ended can be canceled";

using Statuses = std::vector<JobStatus>;
const Statuses kEnded = {JobStatus::kSucceeded, JobStatus::kCanceled, JobStatus::kDead};
/// The statuses that a retry accepts without runAgain.
const Statuses kRetried = {JobStatus::kQueued, JobStatus::kFailed, JobStatus::kCanceled,
                           JobStatus::kDead};
const Statuses kRunAgain = {JobStatus::kQueued, JobStatus::kFailed, JobStatus::kCanceled,
                            JobStatus::kDead, JobStatus::kSucceeded};

/// The job as it is now, or why an action on it did nothing.
asio::awaitable<HandlerResult> AnswerJob(ServerContext& context, Uuid id, bool done,
                                         std::string_view needed) {
  const auto job = co_await context.stores.jobs.FindJob(id, DeadlineOf(context));
  if (!job) co_return tl::unexpected(NoSuchJob(id));
  if (!done) {
    co_return tl::unexpected(Problem{
        ProblemKind::kWrongState,
        fmt::format("The job is {}; {}. Nothing was changed.", StatusName(job->status), needed)});
  }
  Response response;
  AppendJob(response.body, *job);
  co_return response;
}

/// A unique job stays as it is, because `holder` has its place. That one may be in another queue,
/// which this caller may not see.
asio::awaitable<HandlerResult> AnswerPlaceTaken(ServerContext& context, const Request& request,
                                                Uuid holder) {
  Problem problem{ProblemKind::kUniqueConflict, {}};
  const auto job = co_await context.stores.jobs.FindJob(holder, DeadlineOf(context));
  if (job ? request.caller.MayUseJob(job->queue, job->type) : !request.caller.restricted()) {
    problem.detail =
        fmt::format("Nothing was changed: {}.",
                    PlaceTaken(holder, job ? std::optional(job->status) : std::nullopt));
    problem.held_by = holder.ToString();
  } else {
    problem.detail = fmt::format(
        "Nothing was changed: a job that the token {} may not see has the place of this unique "
        "job.",
        QuoteForMessage(request.caller.name));
  }
  co_return tl::unexpected(std::move(problem));
}

}  // namespace

std::string ActorOf(const Request& request) { return request.caller.name; }

asio::awaitable<HandlerResult> CancelJob(ServerContext& context, const Request& request) {
  const auto id = co_await AllowedJobIdOf(context, request);
  if (!id) co_return tl::unexpected(id.error());
  Fields fields(request.body());
  const auto reason = fields.Text("reason", kReasonBytesMax);
  if (auto problem = fields.Finish()) co_return tl::unexpected(*problem);
  const std::vector<Uuid> ids(1, *id);
  const auto canceled = co_await context.stores.operators.CancelJobs(ids, ActorOf(request), reason,
                                                                     DeadlineOf(context));
  if (canceled.empty()) co_return tl::unexpected(NoSuchJob(*id));
  context.watch.Touch(ids);
  const std::string& state = canceled.front().state;
  const bool done = state == "canceled" || state == "requested";
  auto answer = co_await AnswerJob(context, *id, done, kNotEnded);
  if (answer && state == "requested") answer->status = 202;
  co_return answer;
}

asio::awaitable<HandlerResult> RetryJob(ServerContext& context, const Request& request) {
  const auto id = co_await AllowedJobIdOf(context, request);
  if (!id) co_return tl::unexpected(id.error());
  Fields fields(request.body());
  const bool again = fields.Bool("runAgain").value_or(false);
  if (auto problem = fields.Finish()) co_return tl::unexpected(*problem);
  const std::vector<Uuid> ids(1, *id);
  const auto retried = co_await context.stores.operators.RetryJobs(
      ids, again ? kRunAgain : kRetried, ActorOf(request), DeadlineOf(context));
  if (!retried.empty() && retried.front().held_by) {
    co_return co_await AnswerPlaceTaken(context, request, *retried.front().held_by);
  }
  context.watch.Touch(ids);
  co_return co_await AnswerJob(context, *id, !retried.empty(),
                               again ? "one that runs cannot be retried"
                                     : "one that succeeded runs again only with runAgain");
}

asio::awaitable<HandlerResult> EditJob(ServerContext& context, const Request& request) {
  const auto id = co_await AllowedJobIdOf(context, request);
  if (!id) co_return tl::unexpected(id.error());
  Fields fields(request.body());
  store::JobEdit edit;
  const auto priority = fields.Integer("priority", std::numeric_limits<std::int16_t>::min(),
                                       std::numeric_limits<std::int16_t>::max());
  if (priority) edit.priority = static_cast<std::int16_t>(*priority);
  edit.run_at = fields.Time("runAt");
  edit.payload = fields.Json("payload", kPayloadBytesMax);
  const auto attempts = fields.Integer("maxAttempts", 1, kMaxAttemptsLimit);
  if (attempts) edit.max_attempts = static_cast<int>(*attempts);
  if (fields.Flawless() && !edit.priority && !edit.run_at && !edit.payload && !edit.max_attempts) {
    fields.Add("priority",
               "or runAt, payload or maxAttempts is needed: there is nothing to change");
  }
  if (auto problem = fields.Finish()) co_return tl::unexpected(*problem);
  std::optional<Problem> refused;
  store::EditedJob edited;
  try {
    edited =
        co_await context.stores.operators.EditJob(*id, edit, ActorOf(request), DeadlineOf(context));
  } catch (const pg::PgError& error) {
    if (!error.bad_value()) throw;
    FieldProblems problems;
    problems.Add(JsonPath().Member("payload"),
                 fmt::format("holds a value that Postgres cannot store: {}", error.what()));
    refused = ValidationProblem(std::move(problems));
  }
  if (refused) co_return tl::unexpected(*refused);
  if (edited.held_by) co_return co_await AnswerPlaceTaken(context, request, *edited.held_by);
  co_return co_await AnswerJob(context, *id, edited.changed, "only one that waits can be changed");
}

asio::awaitable<HandlerResult> PurgeJob(ServerContext& context, const Request& request) {
  const auto id = co_await AllowedJobIdOf(context, request);
  if (!id) co_return tl::unexpected(id.error());
  const std::vector<Uuid> ids(1, *id);
  const auto purged = co_await context.stores.operators.PurgeJobs(ids, kEnded, ActorOf(request),
                                                                  DeadlineOf(context));
  if (!purged.empty()) co_return Response{.status = 204};
  co_return co_await AnswerJob(context, *id, false, "only one that has ended can be purged");
}

}  // namespace djps::server
