#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/validation.h"
#include "server/routes/handlers.h"
#include "server/wire/fields.h"
#include "server/wire/token_json.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr std::size_t kRestrictionsMax = 100;
constexpr auto kLifeMin = 1s;
constexpr auto kLifeMax = std::chrono::hours(24) * 3'650;

std::vector<std::string> ReadRestriction(Fields& fields, std::string_view name) {
  const auto names = fields.Names(name, kRestrictionsMax);
  // An empty list would allow nothing; to allow all, omit the list.
  if (names && names->empty()) fields.Add(name, "must not be empty; leave it off to allow all");
  return names.value_or(std::vector<std::string>{});
}

tl::expected<store::NewToken, Problem> ParseToken(std::string_view body) {
  Fields fields(body);
  store::NewToken token;
  token.grant.name = fields.Required("name", fields.Name("name"));
  token.grant.role = fields.Required("role", fields.Text("role", kNameBytesMax));
  if (!token.grant.role.empty() && !ParseRole(token.grant.role)) {
    fields.Add("role", fmt::format("must be submit, work, read, operate or admin, got {}",
                                   QuoteForMessage(token.grant.role)));
  }
  token.grant.queues = ReadRestriction(fields, "queues");
  token.grant.types = ReadRestriction(fields, "types");
  token.expires_at = fields.Time("expiresAt");
  token.expires_in = fields.Duration("expiresInMs", kLifeMin, kLifeMax);
  if (fields.Has("expiresAt") && fields.Has("expiresInMs")) {
    fields.Add("expiresInMs", "is given together with expiresAt; send one of them");
  }
  if (auto problem = fields.Finish()) return tl::unexpected(*std::move(problem));
  return token;
}

Problem NotCreated(const store::NewToken& token, const store::CreatedToken& created) {
  if (created.outcome == store::CreatedToken::Outcome::kNameTaken) {
    return {ProblemKind::kTokenNameTaken,
            fmt::format("A token {} exists already; choose another name, or revoke that one.",
                        QuoteForMessage(token.grant.name))};
  }
  FieldProblems problems;
  problems.Add(JsonPath().Member("expiresAt"), "must be in the future");
  return ValidationProblem(std::move(problems));
}

bool MayManage(const Caller& caller, const store::TokenRecord& token) {
  return caller.MayGrant(token.grant.queues, token.grant.types);
}

/// What a token allows never changes, so this check stays true until the revocation.
asio::awaitable<bool> MayRevoke(ServerContext& context, const Caller& caller, Uuid id) {
  if (!caller.restricted()) co_return true;
  const auto tokens = co_await context.stores.tokens.ListTokens(DeadlineOf(context));
  co_return std::any_of(tokens.begin(), tokens.end(), [&](const store::TokenRecord& token) {
    return token.id == id && MayManage(caller, token);
  });
}

}  // namespace

asio::awaitable<HandlerResult> CreateToken(ServerContext& context, const Request& request) {
  const auto token = ParseToken(request.body());
  if (!token) co_return tl::unexpected(token.error());
  const store::TokenGrant& grant = token->grant;
  if (auto refused = GrantProblem(request.caller, grant.queues, grant.types)) {
    co_return tl::unexpected(*std::move(refused));
  }
  const auto created =
      co_await context.stores.tokens.CreateToken(*token, request.caller.name, DeadlineOf(context));
  if (created.outcome != store::CreatedToken::Outcome::kCreated) {
    co_return tl::unexpected(NotCreated(*token, created));
  }
  Response response{.status = 201};
  AppendToken(response.body, created.record, created.secret);
  co_return response;
}

asio::awaitable<HandlerResult> ListTokens(ServerContext& context, const Request& request) {
  auto tokens = co_await context.stores.tokens.ListTokens(DeadlineOf(context));
  std::erase_if(tokens, [&request](const store::TokenRecord& token) {
    return !MayManage(request.caller, token);
  });
  Response response;
  AppendTokens(response.body, tokens);
  co_return response;
}

asio::awaitable<HandlerResult> RevokeToken(ServerContext& context, const Request& request) {
  const auto id = Uuid::Parse(request.parameters[0]);
  if (!id) {
    co_return tl::unexpected(Problem{
        ProblemKind::kMalformedId,
        fmt::format("{} is not a UUID of 36 characters.", QuoteForMessage(request.parameters[0]))});
  }
  const bool allowed = co_await MayRevoke(context, request.caller, *id);
  std::optional<store::TokenRecord> token;
  if (allowed) {
    token =
        co_await context.stores.tokens.RevokeToken(*id, request.caller.name, DeadlineOf(context));
  }
  if (!token) {
    co_return tl::unexpected(
        Problem{ProblemKind::kTokenNotFound, fmt::format("There is no token {}.", id->ToString())});
  }
  Response response;
  AppendToken(response.body, *token);
  co_return response;
}

}  // namespace djps::server
