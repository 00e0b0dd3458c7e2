// The state of one job, and its history.
#include <fmt/format.h>

#include "core/json_text.h"
#include "server/routes/handlers.h"
#include "server/routes/job_lookup.h"
#include "server/wire/explanation.h"
#include "server/wire/job_json.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;

void AppendAttempt(std::string& out, const store::PastAttempt& attempt) {
  const auto text = [&out](std::string_view name, std::string_view value) {
    out.append(",\"").append(name).append("\":");
    AppendJsonString(out, value);
  };
  out += fmt::format("{{\"attempt\":{}", attempt.number);
  text("worker", attempt.worker);
  out += ",\"started_at\":";
  AppendTime(out, attempt.started_at);
  out += ",\"ended_at\":";
  AppendTime(out, attempt.ended_at);
  text("class", attempt.error_class);
  text("message", attempt.message);
  text("detail", attempt.detail);
  out += '}';
}

}  // namespace

asio::awaitable<HandlerResult> ListAttempts(ServerContext& context, const Request& request) {
  const auto id = co_await AllowedJobIdOf(context, request);
  if (!id) co_return tl::unexpected(id.error());
  const auto deadline = DeadlineOf(context);
  const auto attempts = co_await context.stores.states.ListAttempts(*id, deadline);
  if (attempts.empty()) {
    const auto job = co_await context.stores.jobs.FindJob(*id, deadline);
    if (!job) co_return tl::unexpected(NoSuchJob(*id));
  }
  Response response;
  response.body = "{\"attempts\":[";
  for (const store::PastAttempt& attempt : attempts) {
    AppendAttempt(response.body, attempt);
    response.body += ',';
  }
  if (!attempts.empty()) response.body.pop_back();
  response.body += "]}";
  co_return response;
}

asio::awaitable<HandlerResult> ExplainJob(ServerContext& context, const Request& request) {
  const auto id = co_await AllowedJobIdOf(context, request);
  if (!id) co_return tl::unexpected(id.error());
  const auto reason = co_await context.stores.states.ExplainJob(*id, DeadlineOf(context));
  if (!reason) co_return tl::unexpected(NoSuchJob(*id));
  Response response;
  AppendExplanation(response.body, *reason);
  co_return response;
}

}  // namespace djps::server
