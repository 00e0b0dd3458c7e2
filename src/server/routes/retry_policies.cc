#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "core/job_options.h"
#include "core/validation.h"
#include "server/routes/handlers.h"
#include "server/wire/fields.h"
#include "server/wire/job_options_reader.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;

/// The type in the path; the caller must have rights to it in all queues.
tl::expected<std::string, Problem> ParseType(const Request& request) {
  const std::string& name = request.parameters[0];
  const auto trouble = NameTrouble(name);
  if (!trouble) {
    auto refused = WholeTypeProblem(request.caller, name);
    if (refused) return tl::unexpected(*std::move(refused));
    return name;
  }
  FieldProblems problems;
  problems.Add(JsonPath().Member("type"), *trouble);
  return tl::unexpected(ValidationProblem(std::move(problems)));
}

}  // namespace

asio::awaitable<HandlerResult> SetRetryPolicy(ServerContext& context, const Request& request) {
  const auto type = ParseType(request);
  if (!type) co_return tl::unexpected(type.error());
  Fields fields(request.body());
  const std::string policy = WriteRetryPolicy(ReadRetryPolicy(fields));
  if (auto problem = fields.Finish()) co_return tl::unexpected(*problem);
  co_await context.stores.operators.SetRetryPolicy(*type, policy, ActorOf(request),
                                                   DeadlineOf(context));
  co_return Response{.body = fmt::format(R"({{"type":"{}","policy":{}}})", *type, policy)};
}

asio::awaitable<HandlerResult> DeleteRetryPolicy(ServerContext& context, const Request& request) {
  const auto type = ParseType(request);
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

}  // namespace djps::server
