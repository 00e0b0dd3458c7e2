// How long jobs, and the entries of the audit, are kept.
#include <fmt/format.h>

#include <iterator>

#include "core/json_text.h"
#include "core/validation.h"
#include "server/routes/handlers.h"
#include "server/wire/fields.h"
#include "server/wire/job_json.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using store::kEveryQueue;

constexpr milliseconds kKeepMin = std::chrono::hours(1);
constexpr milliseconds kAuditKeepMin = std::chrono::hours(24);
constexpr milliseconds kKeepMax = std::chrono::hours(24 * 3660);
constexpr std::size_t kStatusBytesMax = 32;

struct RetentionChange {
  store::RetentionRule rule;
  bool inherit = false;
};

JobStatus ReadStatus(Fields& fields) {
  const auto name = fields.Required("status", fields.Text("status", kStatusBytesMax));
  const auto status = ParseStatus(name);
  if (status == JobStatus::kSucceeded || status == JobStatus::kCanceled ||
      status == JobStatus::kDead) {
    return *status;
  }
  if (!name.empty()) {
    fields.Add("status", fmt::format("must be succeeded, canceled or dead, got {}", name));
  }
  return JobStatus::kSucceeded;
}

RetentionChange ReadChange(Fields& fields) {
  RetentionChange change;
  change.rule.queue = fields.Text("queue", kNameBytesMax).value_or(std::string(kEveryQueue));
  if (change.rule.queue != kEveryQueue) {
    if (auto trouble = NameTrouble(change.rule.queue)) fields.Add("queue", *std::move(trouble));
  }
  change.rule.status = ReadStatus(fields);
  change.rule.keep = fields.Duration("keepMs", kKeepMin, kKeepMax);
  const bool forever = fields.Bool("forever").value_or(false);
  change.inherit = fields.Bool("inherit").value_or(false);
  const int given = (fields.Has("keepMs") ? 1 : 0) + (forever ? 1 : 0) + (change.inherit ? 1 : 0);
  if (given != 1) {
    fields.Add("keepMs", fmt::format("or forever or inherit is needed, one of them, got {}",
                                     given == 0 ? "none" : "more"));
  }
  if (change.inherit && change.rule.queue == kEveryQueue) {
    fields.Add("inherit", "is for a queue: * has nothing to inherit from");
  }
  return change;
}

asio::awaitable<HandlerResult> AnswerRules(ServerContext& context, const Request& request) {
  const auto rules = co_await context.stores.history.ListRetention(DeadlineOf(context));
  Response response{.body = "{\"retention\":["};
  for (const store::RetentionRule& rule : rules) {
    if (rule.queue != kEveryQueue && !request.caller.MayUseQueue(rule.queue)) continue;
    if (!response.body.ends_with('[')) response.body += ',';
    response.body += "{\"queue\":";
    AppendJsonString(response.body, rule.queue);
    fmt::format_to(std::back_inserter(response.body), R"(,"status":"{}","keep_ms":{}}})",
                   StatusName(rule.status),
                   rule.keep ? std::to_string(rule.keep->count()) : "null");
  }
  const auto audit = co_await context.stores.history.AuditRetention(DeadlineOf(context));
  fmt::format_to(std::back_inserter(response.body), "],\"audit\":{{\"keep_ms\":{}}}}}",
                 audit ? std::to_string(audit->count()) : "null");
  co_return response;
}

}  // namespace

asio::awaitable<HandlerResult> ListRetention(ServerContext& context, const Request& request) {
  co_return co_await AnswerRules(context, request);
}

asio::awaitable<HandlerResult> SetRetention(ServerContext& context, const Request& request) {
  Fields fields(request.body());
  const RetentionChange change = ReadChange(fields);
  if (auto problem = fields.Finish()) co_return tl::unexpected(*problem);
  auto refused = change.rule.queue == kEveryQueue
                     ? EverythingProblem(request.caller, "a rule of every queue is")
                     : WholeQueueProblem(request.caller, change.rule.queue);
  if (refused) co_return tl::unexpected(*std::move(refused));
  const auto deadline = DeadlineOf(context);
  const std::string actor = ActorOf(request);
  co_await context.stores.history.SetRetention(change.rule, change.inherit, actor, deadline);
  co_return co_await AnswerRules(context, request);
}

asio::awaitable<HandlerResult> SetAuditRetention(ServerContext& context, const Request& request) {
  Fields fields(request.body());
  const auto keep = fields.Duration("keepMs", kAuditKeepMin, kKeepMax);
  const bool forever = fields.Bool("forever").value_or(false);
  if (fields.Has("keepMs") == forever) {
    fields.Add("keepMs",
               fmt::format("or forever is needed, one of them, got {}", forever ? "both" : "none"));
  }
  if (auto problem = fields.Finish()) co_return tl::unexpected(*problem);
  if (auto refused = EverythingProblem(request.caller, "the audit is")) {
    co_return tl::unexpected(*std::move(refused));
  }
  co_await context.stores.history.SetAuditRetention(keep, ActorOf(request), DeadlineOf(context));
  co_return co_await AnswerRules(context, request);
}

}  // namespace djps::server
