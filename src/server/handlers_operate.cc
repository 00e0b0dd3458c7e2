// What people do to jobs and queues.
#include <fmt/format.h>

#include <iterator>
#include <limits>
#include <utility>

#include "core/job_options.h"
#include "core/json_text.h"
#include "core/option_limits.h"
#include "core/time_text.h"
#include "core/validation.h"
#include "pg/error.h"
#include "server/fields.h"
#include "server/handlers.h"
#include "server/job_json.h"
#include "server/job_lookup.h"
#include "server/job_options_reader.h"
#include "server/query.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;

/// What an action needs, said when it finds something else.
constexpr std::string_view kNotEnded = "only one that has not ended can be canceled";

using Statuses = std::vector<JobStatus>;
const Statuses kEnded = {JobStatus::kSucceeded, JobStatus::kCanceled, JobStatus::kDead};
/// What a retry touches unless it is told to run succeeded jobs again.
const Statuses kRetried = {JobStatus::kQueued, JobStatus::kFailed, JobStatus::kCanceled,
                           JobStatus::kDead};
const Statuses kRunAgain = {JobStatus::kQueued, JobStatus::kFailed, JobStatus::kCanceled,
                            JobStatus::kDead, JobStatus::kSucceeded};

pg::Deadline DeadlineOf(const ServerContext& context) {
  return pg::After(context.config.store_timeout);
}

/// A queue or a type that the caller may use.
tl::expected<std::string, Problem> ParseName(const Request& request, std::string_view what) {
  const std::string& name = request.parameters[0];
  const auto trouble = NameTrouble(name);
  if (!trouble) {
    auto refused =
        what == "queue" ? QueueProblem(request.caller, name) : TypeProblem(request.caller, name);
    if (refused) return tl::unexpected(*std::move(refused));
    return name;
  }
  FieldProblems problems;
  problems.Add(JsonPath().Member(what), *trouble);
  return tl::unexpected(ValidationProblem(std::move(problems)));
}

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
  if (!edit.priority && !edit.run_at && !edit.payload && !edit.max_attempts) {
    fields.Add("priority",
               "or runAt, payload or maxAttempts is needed: there is nothing to change");
  }
  if (auto problem = fields.Finish()) co_return tl::unexpected(*problem);
  std::optional<Problem> refused;
  bool changed = false;
  try {
    changed =
        co_await context.stores.operators.EditJob(*id, edit, ActorOf(request), DeadlineOf(context));
  } catch (const pg::PgError& error) {
    if (!error.bad_value()) throw;
    FieldProblems problems;
    problems.Add(JsonPath().Member("payload"),
                 fmt::format("holds a value that Postgres cannot store: {}", error.what()));
    refused = ValidationProblem(std::move(problems));
  }
  if (refused) co_return tl::unexpected(*refused);
  co_return co_await AnswerJob(context, *id, changed, "only one that waits can be changed");
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

asio::awaitable<HandlerResult> PauseQueue(ServerContext& context, const Request& request) {
  const auto name = ParseName(request, "queue");
  if (!name) co_return tl::unexpected(name.error());
  const bool changed = co_await context.stores.operators.SetQueuePaused(
      *name, true, ActorOf(request), DeadlineOf(context));
  co_return Response{
      .body = fmt::format(R"({{"queue":"{}","paused":true,"changed":{}}})", *name, changed)};
}

asio::awaitable<HandlerResult> ResumeQueue(ServerContext& context, const Request& request) {
  const auto name = ParseName(request, "queue");
  if (!name) co_return tl::unexpected(name.error());
  const bool changed = co_await context.stores.operators.SetQueuePaused(
      *name, false, ActorOf(request), DeadlineOf(context));
  co_return Response{
      .body = fmt::format(R"({{"queue":"{}","paused":false,"changed":{}}})", *name, changed)};
}

asio::awaitable<HandlerResult> LimitQueue(ServerContext& context, const Request& request) {
  const auto name = ParseName(request, "queue");
  if (!name) co_return tl::unexpected(name.error());
  Fields fields(request.body());
  const auto limit = fields.Integer("maxBacklog", 1, kBacklogMax);
  // A body that was lost on the way must not take a limit away.
  if (!fields.Sent("maxBacklog")) fields.Add("maxBacklog", "is missing; null: no limit");
  if (auto problem = fields.Finish()) co_return tl::unexpected(*problem);
  co_await context.stores.operators.SetQueueLimit(
      *name, limit ? std::optional(static_cast<int>(*limit)) : std::nullopt, ActorOf(request),
      DeadlineOf(context));
  context.limits.Expire();
  co_return Response{.body = fmt::format(R"({{"queue":"{}","max_backlog":{}}})", *name,
                                         limit ? std::to_string(*limit) : "null")};
}

asio::awaitable<HandlerResult> SetRetryPolicy(ServerContext& context, const Request& request) {
  const auto type = ParseName(request, "type");
  if (!type) co_return tl::unexpected(type.error());
  Fields fields(request.body());
  const std::string policy = WriteRetryPolicy(ReadRetryPolicy(fields));
  if (auto problem = fields.Finish()) co_return tl::unexpected(*problem);
  co_await context.stores.operators.SetRetryPolicy(*type, policy, ActorOf(request),
                                                   DeadlineOf(context));
  co_return Response{.body = fmt::format(R"({{"type":"{}","policy":{}}})", *type, policy)};
}

asio::awaitable<HandlerResult> DeleteRetryPolicy(ServerContext& context, const Request& request) {
  const auto type = ParseName(request, "type");
  if (!type) co_return tl::unexpected(type.error());
  co_await context.stores.operators.SetRetryPolicy(*type, std::nullopt, ActorOf(request),
                                                   DeadlineOf(context));
  co_return Response{.status = 204};
}

asio::awaitable<HandlerResult> ListRetryPolicies(ServerContext& context, const Request& request) {
  const auto policies = co_await context.stores.operators.ListRetryPolicies(DeadlineOf(context));
  Response response{.body = "{\"retry_policies\":["};
  for (const auto& entry : policies) {
    if (!request.caller.MayUseType(entry.type)) continue;
    if (!response.body.ends_with('[')) response.body += ',';
    fmt::format_to(std::back_inserter(response.body), R"({{"type":"{}","policy":{}}})", entry.type,
                   entry.policy);
  }
  response.body += "]}";
  co_return response;
}

asio::awaitable<HandlerResult> ListAudit(ServerContext& context, const Request& request) {
  constexpr int kPageDefault = 100;
  constexpr int kPageMax = 1'000;
  Query query(request.message.target());
  const auto target = query.Text("target");
  const auto before = query.Integer("before", 1, std::numeric_limits<std::int64_t>::max());
  const auto limit = query.Integer("limit", 1, kPageMax).value_or(kPageDefault);
  if (auto problem = query.Finish()) co_return tl::unexpected(*problem);
  if (request.caller.restricted()) {
    co_return tl::unexpected(Problem{
        ProblemKind::kForbidden,
        fmt::format("The token {} is restricted to some queues or types; the audit is about all.",
                    QuoteForMessage(request.caller.name))});
  }
  const auto entries = co_await context.stores.operators.ListAudit(
      target, before, static_cast<int>(limit), DeadlineOf(context));
  Response response{.body = "{\"audit\":["};
  std::string& body = response.body;
  for (const auto& entry : entries) {
    if (&entry != &entries.front()) body += ',';
    fmt::format_to(std::back_inserter(body), R"({{"id":{},"at":"{}","actor":)", entry.id,
                   FormatTimestamp(entry.at));
    AppendJsonString(body, entry.actor);
    fmt::format_to(std::back_inserter(body), R"(,"action":"{}","target":)", entry.action);
    AppendJsonString(body, entry.target);
    body += ",\"detail\":" + entry.detail + "}";
  }
  const bool more = entries.size() == static_cast<std::size_t>(limit);
  body +=
      more ? fmt::format("],\"next_before\":{}}}", entries.back().id) : "],\"next_before\":null}";
  co_return response;
}

}  // namespace djps::server
