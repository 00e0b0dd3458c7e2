#include "server/dispatch.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/beast/core/string.hpp>
#include <exception>
#include <optional>

#include "core/validation.h"
#include "pg/error.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

/// application/json or anything+json, with any parameters.
bool IsJsonType(std::string_view content_type) {
  constexpr std::string_view kSuffix = "+json";
  std::string_view type = content_type.substr(0, content_type.find(';'));
  const std::size_t end = type.find_last_not_of(" \t");
  type = type.substr(0, end == std::string_view::npos ? 0 : end + 1);
  if (beast::iequals(type, kJsonType)) return true;
  return type.size() > kSuffix.size() &&
         beast::iequals(type.substr(type.size() - kSuffix.size()), kSuffix);
}

/// What is wrong with a request before any handler sees it.
std::optional<Problem> Refusal(const RouteMatch& match, const HttpRequest& message) {
  if (match.route == nullptr) {
    const std::string target = QuoteForMessage(message.target());
    if (match.allow.empty()) {
      return Problem{ProblemKind::kUnknownPath, fmt::format("There is nothing at {}.", target)};
    }
    return Problem{ProblemKind::kMethodNotAllowed,
                   fmt::format("{} takes {}, not {}.", target, match.allow,
                               ShortenForMessage(message.method_string())),
                   {},
                   match.allow};
  }
  const auto type = message.find(http::field::content_type);
  if (match.route->method != http::verb::get && type != message.end() &&
      !IsJsonType(type->value())) {
    return Problem{
        ProblemKind::kUnsupportedMediaType,
        fmt::format("The body must be application/json, got {}.", QuoteForMessage(type->value()))};
  }
  return std::nullopt;
}

Problem DatabaseProblem(const pg::PgError& error, std::string_view request_id) {
  if (error.outcome_unknown()) {
    return {ProblemKind::kUnavailable,
            "The connection to the database was lost before it answered, so the request may or may "
            "not have been carried out. Submissions with an idempotencyKey are safe to repeat."};
  }
  if (error.unavailable() || error.transient()) {
    spdlog::debug("request {}: {}", request_id, error.what());
    return {ProblemKind::kUnavailable, "The database cannot be reached now. Nothing was changed."};
  }
  spdlog::error("request {}: Postgres refused a statement: {} ({})", request_id, error.what(),
                error.sqlstate());
  return {ProblemKind::kInternal, {}};
}

}  // namespace

asio::awaitable<Response> Dispatch(ServerContext& context, const RouteMatch& match,
                                   const HttpRequest& message, std::string_view request_id,
                                   int socket) {
  auto problem = Refusal(match, message);
  if (!problem) {
    try {
      const Request request{message, match.parameters, request_id, socket};
      auto result = co_await match.route->handler(context, request);
      if (result) co_return std::move(*result);
      problem = std::move(result.error());
    } catch (const pg::PgError& error) {
      problem = DatabaseProblem(error, request_id);
    } catch (const std::exception& error) {
      spdlog::error("request {}: {}", request_id, error.what());
      problem = Problem{ProblemKind::kInternal, {}};
    }
  }
  co_return ProblemResponse(*problem, request_id);
}

}  // namespace djps::server
