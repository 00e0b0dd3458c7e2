#include "server/routes/dispatch.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "core/validation.h"
#include "pg/error.h"
#include "server/access/open_access.h"
#include "server/access/token_cache.h"
#include "server/http/request_head.h"
#include "server/routes/routes.h"
#include "store/batching/backlog.h"

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

/// There is no such route: no path, or not with this method.
Problem NoRoute(const RouteMatch& match, const HttpRequest& message) {
  const std::string target = QuoteForMessage(message.target());
  if (match.allow.empty()) {
    return {ProblemKind::kUnknownPath, fmt::format("There is nothing at {}.", target)};
  }
  return {ProblemKind::kMethodNotAllowed,
          fmt::format("{} takes {}, not {}.", target, match.allow,
                      ShortenForMessage(message.method_string())),
          {},
          match.allow};
}

std::optional<Problem> ContentTypeProblem(const Route& route, const HttpRequest& message) {
  const auto type = message.find(http::field::content_type);
  if (route.method == http::verb::get || type == message.end() || IsJsonType(type->value())) {
    return std::nullopt;
  }
  return Problem{
      ProblemKind::kUnsupportedMediaType,
      fmt::format("The body must be application/json, got {}.", QuoteForMessage(type->value()))};
}

/// The token of `Authorization: Bearer TOKEN` (RFC 6750, section 2.1); empty where there is none.
std::string_view BearerToken(const HttpRequest& message) {
  constexpr std::string_view kScheme = "Bearer ";
  const auto sent = message.find(http::field::authorization);
  if (sent == message.end()) return {};
  std::string_view value(sent->value());
  if (!beast::iequals(value.substr(0, kScheme.size()), kScheme)) return {};
  value.remove_prefix(kScheme.size());
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  return value;
}

using Identified = tl::expected<std::shared_ptr<const Caller>, Problem>;

/// Who sends this, if it may be sent.
asio::awaitable<Identified> IdentifyCaller(ServerContext& context, const Route& route,
                                           const HttpRequest& message) {
  if (context.config.access == AccessMode::kOpen) co_return std::make_shared<const Caller>();
  if (route.role == Role::kNone) {
    co_return std::make_shared<const Caller>(Caller{.role = Role::kNone});
  }
  const std::string_view token = BearerToken(message);
  if (token.empty()) {
    co_return tl::unexpected(
        Problem{ProblemKind::kUnauthorized,
                "Send a token: `Authorization: Bearer djps_...`. `djps token create` makes one."});
  }
  auto caller = co_await context.tokens.FindCaller(token);
  if (!caller) {
    co_return tl::unexpected(
        Problem{ProblemKind::kUnauthorized, "The token is unknown, expired or revoked."});
  }
  if (!MayUse(caller->role, route.role, route.method == http::verb::get)) {
    co_return tl::unexpected(Problem{
        ProblemKind::kForbidden,
        fmt::format("The token {} has the role {}; this needs {}.", QuoteForMessage(caller->name),
                    RoleName(caller->role), RoleName(route.role))});
  }
  co_return caller;
}

asio::awaitable<HandlerResult> Handle(ServerContext& context, const RouteMatch& match,
                                      const HttpRequest& message, std::string_view request_id,
                                      int socket) {
  if (match.route == nullptr) co_return tl::unexpected(NoRoute(match, message));
  auto caller = co_await IdentifyCaller(context, *match.route, message);
  if (!caller) co_return tl::unexpected(std::move(caller.error()));
  if (auto problem = ContentTypeProblem(*match.route, message)) {
    co_return tl::unexpected(*std::move(problem));
  }
  const Request request{message, match.parameters, request_id, **caller, socket};
  auto result = co_await match.route->handler(context, request);
  co_return result;
}

Problem DatabaseProblem(const pg::PgError& error, std::string_view request_id) {
  if (error.outcome_unknown()) {
    return {ProblemKind::kUnavailable,
            "The connection to the database was lost before it answered, so the request may or may "
            "not have been carried out. Submissions with an idempotencyKey are safe to repeat."};
  }
  if (error.sqlstate() == pg::kLockNotAvailable) {
    return {ProblemKind::kUnavailable,
            "Somebody's transaction that has not ended holds what this request needs, such as the "
            "same idempotencyKey. Nothing was changed; try again when it has ended."};
  }
  if (error.unavailable() || error.transient()) {
    spdlog::debug("request {}: {}", request_id, error.what());
    return {ProblemKind::kUnavailable, "The database cannot be reached now. Nothing was changed."};
  }
  spdlog::error("request {}: Postgres refused a statement: {} ({})", request_id, error.what(),
                error.sqlstate());
  return {ProblemKind::kInternal, {}};
}

/// Answers a complete request: checks method, caller and content type, runs the handler, and turns
/// whatever went wrong into a problem document. The one place where a request's exceptions end.
asio::awaitable<Response> Dispatch(ServerContext& context, const RouteMatch& match,
                                   const HttpRequest& message, std::string_view request_id,
                                   int socket) {
  Problem problem;
  try {
    auto result = co_await Handle(context, match, message, request_id, socket);
    if (result) co_return std::move(*result);
    problem = std::move(result.error());
  } catch (const store::OverloadedError& error) {
    problem =
        Problem{ProblemKind::kOverloaded, fmt::format("Nothing was changed: {}.", error.what())};
  } catch (const pg::PgError& error) {
    problem = DatabaseProblem(error, request_id);
  } catch (const std::exception& error) {
    spdlog::error("request {}: {}", request_id, error.what());
    problem = Problem{ProblemKind::kInternal, {}};
  }
  co_return ProblemResponse(problem, request_id);
}

asio::awaitable<std::optional<Problem>> RefuseSender(ServerContext& context,
                                                     const RouteMatch& match,
                                                     const HttpRequest& message) {
  if (match.route == nullptr || context.config.access == AccessMode::kOpen) co_return std::nullopt;
  try {
    auto caller = co_await IdentifyCaller(context, *match.route, message);
    if (!caller) co_return std::move(caller.error());
  } catch (const std::exception& error) {
    spdlog::debug("cannot find out who sends a request: {}", error.what());
  }
  co_return std::nullopt;
}

/// A request that has been given its route.
class RoutedExchange : public Exchange {
 public:
  RoutedExchange(ServerContext& context, const HttpRequest& message, RouteMatch match)
      : context_(context), message_(message), match_(std::move(match)) {}

  std::size_t body_bytes_max() const override {
    const auto limit =
        match_.route != nullptr ? match_.route->body_bytes_max : &ServerConfig::body_bytes_max;
    return context_.config.*limit;
  }

  asio::awaitable<std::optional<Problem>> RefuseSender() override {
    return server::RefuseSender(context_, match_, message_);
  }

  asio::awaitable<Response> Answer(std::string_view request_id, int socket) override {
    return Dispatch(context_, match_, message_, request_id, socket);
  }

 private:
  ServerContext& context_;
  const HttpRequest& message_;
  RouteMatch match_;
};

}  // namespace

BeginExchange RouteRequests(ServerContext& context) {
  return
      [&context](const HttpRequest& message) -> tl::expected<std::unique_ptr<Exchange>, Problem> {
        if (auto refused = OpenAccessTrouble(context.config, message.base())) {
          return tl::unexpected(*std::move(refused));
        }
        return std::make_unique<RoutedExchange>(
            context, message, FindRoute(message.method(), PathOf(message.target())));
      };
}

}  // namespace djps::server
