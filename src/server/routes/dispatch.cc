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
#include "server/wire/query.h"
#include "store/batching/backlog.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

std::string_view Trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/// application/json or anything+json, with any parameters.
bool IsJsonType(std::string_view content_type) {
  constexpr std::string_view kSuffix = "+json";
  const std::string_view type = Trimmed(content_type.substr(0, content_type.find(';')));
  if (beast::iequals(type, kJsonType)) return true;
  return type.size() > kSuffix.size() &&
         beast::iequals(type.substr(type.size() - kSuffix.size()), kSuffix);
}

/// The charset parameter of a content type; empty where there is none. JSON has no such parameter
/// (RFC 8259, section 11), but clients send it.
std::string_view CharsetOf(std::string_view content_type) {
  constexpr std::string_view kName = "charset=";
  while (true) {
    const std::size_t next = content_type.find(';');
    if (next == std::string_view::npos) return {};
    content_type.remove_prefix(next + 1);
    std::string_view parameter = Trimmed(content_type.substr(0, content_type.find(';')));
    if (!beast::iequals(parameter.substr(0, kName.size()), kName)) continue;
    parameter.remove_prefix(kName.size());
    if (parameter.size() >= 2 && parameter.front() == '"' && parameter.back() == '"') {
      parameter = parameter.substr(1, parameter.size() - 2);
    }
    return parameter;
  }
}

/// There is no route for this path, or not for this method.
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
  const auto sent = message.find(http::field::content_type);
  if (route.method == http::verb::get || sent == message.end()) return std::nullopt;
  const std::string_view type(sent->value());
  if (!IsJsonType(type)) {
    return Problem{
        ProblemKind::kUnsupportedMediaType,
        fmt::format("The body must be application/json, got {}.", QuoteForMessage(type))};
  }
  const std::string_view charset = CharsetOf(type);
  if (charset.empty() || beast::iequals(charset, "utf-8") || beast::iequals(charset, "utf8")) {
    return std::nullopt;
  }
  return Problem{
      ProblemKind::kUnsupportedMediaType,
      fmt::format("The body must be UTF-8, got the charset {}.", QuoteForMessage(charset))};
}

/// Ignoring a mistyped parameter silently would do, or show, the wrong thing.
std::optional<Problem> ParameterProblem(const Route& route, const HttpRequest& message) {
  if (route.parameters == Parameters::kRead) return std::nullopt;
  return Query(message.target()).Finish();
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

Problem DatabaseProblem(const pg::PgError& error, std::string_view request_id) {
  if (error.outcome_unknown()) {
    return {ProblemKind::kUnavailable,
            "The database did not confirm in time, so the request may or may not have been carried "
            "out. Submissions with an idempotencyKey are safe to repeat."};
  }
  if (error.sqlstate() == pg::kLockNotAvailable) {
    return {ProblemKind::kUnavailable,
            "Another transaction that has not ended holds what this request needs, such as the "
            "same idempotencyKey. Nothing was changed; try again when that transaction has ended."};
  }
  if (error.unavailable() || error.transient()) {
    spdlog::debug("request {}: {}", request_id, error.what());
    return {ProblemKind::kUnavailable, "The database cannot be reached now. Nothing was changed."};
  }
  spdlog::error("request {}: Postgres refused a statement: {} ({})", request_id, error.what(),
                error.sqlstate());
  return {ProblemKind::kInternal, {}};
}

/// A request with its route.
class RoutedExchange : public Exchange {
 public:
  RoutedExchange(ServerContext& context, const HttpRequest& message, RouteMatch match)
      : context_(context), message_(message), match_(std::move(match)) {}

  std::size_t body_bytes_max() const override {
    const auto limit =
        match_.route != nullptr ? match_.route->body_bytes_max : &ServerConfig::body_bytes_max;
    return context_.config.*limit;
  }

  asio::awaitable<std::optional<Problem>> RefuseHead() override {
    try {
      auto refused = co_await CheckHead();
      co_return refused;
    } catch (const std::exception& error) {
      spdlog::debug("cannot find out who sends a request: {}", error.what());
    }
    co_return std::nullopt;
  }

  std::string sender() const override {
    return caller_ && caller_->token ? caller_->token->ToString() : std::string();
  }

  bool sender_known() const override {
    return context_.config.access == AccessMode::kOpen || (caller_ && caller_->token);
  }

  asio::awaitable<Response> Answer(std::string_view request_id, int socket) override;

 private:
  asio::awaitable<std::optional<Problem>> CheckHead();
  asio::awaitable<HandlerResult> Handle(std::string_view request_id, int socket);

  ServerContext& context_;
  const HttpRequest& message_;
  RouteMatch match_;
  std::shared_ptr<const Caller> caller_;
};

/// Checks the head: route, sender, content type, parameters. Throws pg::PgError.
asio::awaitable<std::optional<Problem>> RoutedExchange::CheckHead() {
  if (match_.route == nullptr) co_return NoRoute(match_, message_);
  const Route& route = *match_.route;
  if (context_.config.access == AccessMode::kOpen) {
    caller_ = std::make_shared<const Caller>();
  } else if (route.role == Role::kNone) {
    caller_ = std::make_shared<const Caller>(Caller{.role = Role::kNone});
  } else {
    const std::string_view token = BearerToken(message_);
    if (token.empty()) {
      co_return Problem{
          ProblemKind::kUnauthorized,
          "Send a token: `Authorization: Bearer djps_...`. `djps token create` makes one."};
    }
    caller_ = co_await context_.tokens.FindCaller(token);
    if (!caller_) {
      co_return Problem{ProblemKind::kUnauthorized, "The token is unknown, expired or revoked."};
    }
    if (auto refused = RoleProblem(*caller_, route.role, route.method == http::verb::get)) {
      co_return refused;
    }
  }
  if (auto problem = ContentTypeProblem(route, message_)) co_return problem;
  co_return ParameterProblem(route, message_);
}

asio::awaitable<HandlerResult> RoutedExchange::Handle(std::string_view request_id, int socket) {
  // Checks again after the body: the token may have been revoked while it arrived.
  auto refused = co_await CheckHead();
  if (refused) co_return tl::unexpected(*std::move(refused));
  const Request request{message_, match_.parameters, request_id, *caller_, socket};
  auto result = co_await match_.route->handler(context_, request);
  co_return result;
}

/// Runs the handler, and turns every error into a problem document. The only place that catches a
/// request's exceptions.
asio::awaitable<Response> RoutedExchange::Answer(std::string_view request_id, int socket) {
  Problem problem;
  try {
    auto result = co_await Handle(request_id, socket);
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
