#include <fmt/format.h>

#include "core/json_members.h"
#include "core/option_limits.h"
#include "core/validation.h"
#include "server/routes/handlers.h"
#include "server/wire/fields.h"
#include "server/wire/job_json.h"
#include "server/wire/list_cursor.h"
#include "server/wire/query.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;
using store::QueueState;

void AppendQueue(std::string& out, const QueueState& queue) {
  // Names hold no character that needs an escape.
  out += fmt::format(R"({{"name":"{}","queued":{},"scheduled":{},"failed":{},"running":{},)",
                     queue.name, queue.queued, queue.scheduled, queue.failed, queue.running);
  out += fmt::format(R"("dead":{},"exact":{},"oldest_due_at":)", queue.dead, queue.exact);
  AppendTime(out, queue.oldest_due_at);
  out += ",\"oldest_due_age_ms\":";
  out += queue.oldest_due_age_ms ? std::to_string(*queue.oldest_due_age_ms) : "null";
  out += fmt::format(",\"paused\":{},\"paused_at\":", queue.paused_at.has_value());
  AppendTime(out, queue.paused_at);
  out += ",\"paused_by\":";
  out += queue.paused_by ? JsonString(*queue.paused_by) : "null";
  out += ",\"max_backlog\":";
  out += queue.max_backlog ? std::to_string(*queue.max_backlog) : "null";
  out += '}';
}

void AppendStats(std::string& out, const store::LiveCounts& live,
                 const store::OutcomeState& ended) {
  out += fmt::format(
      R"({{"jobs":{{"queued":{},"scheduled":{},"running":{},"failed":{},"succeeded":{},)",
      live.queued, live.scheduled, live.running, live.failed, ended.total.succeeded);
  out += fmt::format(R"("canceled":{},"dead":{}}},"exact":{},)", ended.total.canceled,
                     ended.total.dead, live.exact && ended.exact);
  const store::OutcomeCounts& recent = ended.recent;
  const auto total = static_cast<double>(recent.succeeded + recent.canceled + recent.dead);
  constexpr double kMsPerSecond = 1'000;
  out += fmt::format(
      R"("throughput":{{"window_ms":{},"succeeded":{},"canceled":{},"dead":{},"per_second":{:.3f}}}}})",
      ended.recent_ms, recent.succeeded, recent.canceled, recent.dead,
      total * kMsPerSecond / static_cast<double>(ended.recent_ms));
}

/// The queue in the path; the caller must have rights to the whole queue.
tl::expected<std::string, Problem> ParseQueue(const Request& request, std::string_view member) {
  const std::string& name = request.parameters[0];
  const auto trouble = NameTrouble(name);
  if (!trouble) {
    auto refused = WholeQueueProblem(request.caller, name);
    if (refused) return tl::unexpected(*std::move(refused));
    return name;
  }
  FieldProblems problems;
  problems.Add(JsonPath().Member(member), *trouble);
  return tl::unexpected(ValidationProblem(std::move(problems)));
}

asio::awaitable<HandlerResult> SetPaused(ServerContext& context, const Request& request,
                                         bool paused) {
  const auto name = ParseQueue(request, "queue");
  if (!name) co_return tl::unexpected(name.error());
  const bool changed = co_await context.stores.operators.SetQueuePaused(
      *name, paused, ActorOf(request), DeadlineOf(context));
  co_return Response{
      .body = fmt::format(R"({{"queue":"{}","paused":{},"changed":{}}})", *name, paused, changed)};
}

/// What the cursors of GET /queues are for.
constexpr std::string_view kListScope = "queues";

tl::expected<store::QueueListOptions, Problem> ReadListQuery(std::string_view target) {
  Query query(target);
  store::QueueListOptions options;
  options.limit =
      static_cast<int>(query.Integer("limit", 1, store::kQueuesListedMax).value_or(options.limit));
  if (const auto cursor = query.Text("cursor", kCursorBytesMax)) {
    const auto after = ReadCursor(*cursor, kListScope);
    if (after) {
      options.after = after->queue;
    } else {
      query.Add("cursor", "must be a next_cursor that this list gave; leave it off to begin again");
    }
  }
  if (auto problem = query.Finish()) return tl::unexpected(*std::move(problem));
  return options;
}

}  // namespace

asio::awaitable<HandlerResult> ListQueues(ServerContext& context, const Request& request) {
  const std::string target = request.message.target();
  const auto options = ReadListQuery(target);
  if (!options) co_return tl::unexpected(options.error());
  if (auto refused = AllTypesProblem(request.caller)) co_return tl::unexpected(*std::move(refused));
  const store::QueuePage page = co_await context.stores.queues.ListQueues(
      *options, request.caller.queues, DeadlineOf(context));
  Response response;
  std::string& body = response.body;
  body = "{\"queues\":[";
  for (const QueueState& queue : page.queues) {
    AppendQueue(body, queue);
    body += ',';
  }
  if (!page.queues.empty()) body.pop_back();
  body += fmt::format("],\"more\":{},\"next_cursor\":", page.next.has_value());
  body += page.next
              ? fmt::format("\"{}\"", WriteCursor({.id = {}, .queue = *page.next}, kListScope))
              : "null";
  body += '}';
  co_return response;
}

asio::awaitable<HandlerResult> GetQueue(ServerContext& context, const Request& request) {
  const auto name = ParseQueue(request, "name");
  if (!name) co_return tl::unexpected(name.error());
  const QueueState queue = co_await context.stores.queues.GetQueue(*name, DeadlineOf(context));
  Response response;
  AppendQueue(response.body, queue);
  co_return response;
}

asio::awaitable<HandlerResult> GetStats(ServerContext& context, const Request& request) {
  if (auto refused = EverythingProblem(request.caller, "the totals, unlike GET /queues, are")) {
    co_return tl::unexpected(*std::move(refused));
  }
  const auto deadline = DeadlineOf(context);
  const auto live = co_await context.stores.queues.CountLive(deadline);
  const auto ended = co_await context.stores.queues.CountOutcomes(deadline);
  Response response;
  AppendStats(response.body, live, ended);
  co_return response;
}

asio::awaitable<HandlerResult> PauseQueue(ServerContext& context, const Request& request) {
  return SetPaused(context, request, true);
}

asio::awaitable<HandlerResult> ResumeQueue(ServerContext& context, const Request& request) {
  return SetPaused(context, request, false);
}

asio::awaitable<HandlerResult> LimitQueue(ServerContext& context, const Request& request) {
  const auto name = ParseQueue(request, "queue");
  if (!name) co_return tl::unexpected(name.error());
  Fields fields(request.body());
  const auto limit = fields.Integer("maxBacklog", 1, kBacklogMax);
  // An empty body must not remove a limit.
  if (!fields.Sent("maxBacklog")) fields.Add("maxBacklog", "is missing; null: no limit");
  if (auto problem = fields.Finish()) co_return tl::unexpected(*problem);
  co_await context.stores.operators.SetQueueLimit(
      *name, limit ? std::optional(static_cast<int>(*limit)) : std::nullopt, ActorOf(request),
      DeadlineOf(context));
  context.limits.Expire();
  co_return Response{.body = fmt::format(R"({{"queue":"{}","max_backlog":{}}})", *name,
                                         limit ? std::to_string(*limit) : "null")};
}

}  // namespace djps::server
