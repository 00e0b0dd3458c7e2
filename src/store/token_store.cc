#include "store/token_store.h"

#include <array>
#include <utility>

#include "core/api_token.h"
#include "core/check.h"
#include "core/json_members.h"
#include "store/statements.h"

namespace djps::store {
namespace {

namespace asio = boost::asio;
using std::chrono::microseconds;

/// A text[] that was sent as jsonb; null means no restriction.
std::vector<std::string> ReadNames(const std::optional<std::string>& json) {
  std::vector<std::string> names;
  if (!json) return names;
  const auto items = SplitArray(*json);
  DJPS_CHECK(items.has_value());
  for (const std::string& item : *items) names.push_back(ReadJsonString(item).value());
  return names;
}

static_assert(pg::StartWith(sql::revoke_token::kColumns, sql::list_tokens::kColumns));
// Up to `types`.
static_assert(pg::StartWith(sql::load_active_tokens::kColumns,
                            std::span(sql::list_tokens::kColumns).first<5>()));

/// Of a row of list_tokens, revoke_token or load_active_tokens.
TokenGrant ReadGrant(const pg::Row& row) {
  namespace columns = sql::list_tokens;
  return {.name = row.Get(columns::kName),
          .role = row.Get(columns::kRole),
          .queues = ReadNames(row.Find(columns::kQueues)),
          .types = ReadNames(row.Find(columns::kTypes))};
}

/// Of a row of list_tokens or revoke_token.
TokenRecord ReadToken(const pg::Row& row) {
  namespace columns = sql::list_tokens;
  return {.id = row.Get(columns::kId),
          .grant = ReadGrant(row),
          .created_at = row.Get(columns::kCreatedAt),
          .expires_at = row.Find(columns::kExpiresAt),
          .revoked_at = row.Find(columns::kRevokedAt),
          .last_used_at = row.Find(columns::kLastUsedAt),
          .expired = row.Get(columns::kExpired)};
}

pg::Params CreateParams(const NewToken& token, Uuid id, const std::string& hash) {
  const TokenGrant& grant = token.grant;
  const auto itself = [](const auto& value) { return value; };
  std::optional<microseconds> expires_in;
  if (token.expires_in) expires_in = *token.expires_in;
  pg::Params params;
  params.Add(id).Add(grant.name).Add(hash).Add(grant.role);
  params.AddArray(grant.queues, itself).AddArray(grant.types, itself);
  params.AddArray(std::array{token.expires_at}, itself);
  params.AddArray(std::array{expires_in}, itself);
  return params;
}

}  // namespace

asio::awaitable<CreatedToken> TokenStore::CreateToken(const NewToken& token, std::string actor,
                                                      pg::Deadline deadline) {
  namespace columns = sql::create_token;
  CreatedToken created;
  created.secret = NewApiToken(random_);
  created.record.id = ids_.NewLeaseToken();
  pg::Params params = CreateParams(token, created.record.id, HashApiToken(created.secret));
  params.Add(actor);
  const pg::Rows rows = co_await pool_.Execute(sql::kCreateToken, std::move(params), deadline);
  const pg::Row row = rows[0];
  if (!row.Get(columns::kCreated)) {
    created.outcome = row.Get(columns::kExpired) ? CreatedToken::Outcome::kExpiresInThePast
                                                 : CreatedToken::Outcome::kNameTaken;
    created.secret.clear();
  }
  created.record.grant = token.grant;
  created.record.created_at = row.Get(columns::kCreatedAt);
  created.record.expires_at = row.Find(columns::kExpiresAt);
  co_return created;
}

asio::awaitable<bool> TokenStore::EnsureToken(const std::string& secret, const std::string& role,
                                              std::string actor, pg::Deadline deadline) {
  constexpr std::size_t kHashShown = 8;  // tells two of them apart, and nothing about the secret
  const std::string hash = HashApiToken(secret);
  pg::Params params;
  params.Add(ids_.NewLeaseToken()).Add("bootstrap-" + hash.substr(0, kHashShown));
  params.Add(hash).Add(role).Add(actor);
  const pg::Rows rows = co_await pool_.Execute(sql::kEnsureToken, std::move(params), deadline);
  co_return !rows.empty();
}

asio::awaitable<std::vector<TokenRecord>> TokenStore::ListTokens(pg::Deadline deadline) {
  const pg::Rows rows = co_await pool_.Execute(sql::kListTokens, {}, deadline);
  std::vector<TokenRecord> tokens;
  for (const pg::Row row : rows) tokens.push_back(ReadToken(row));
  co_return tokens;
}

asio::awaitable<std::optional<TokenRecord>> TokenStore::RevokeToken(Uuid id, std::string actor,
                                                                    pg::Deadline deadline) {
  pg::Params params;
  params.Add(id).Add(actor);
  const pg::Rows rows = co_await pool_.Execute(sql::kRevokeToken, std::move(params), deadline);
  if (rows.empty()) co_return std::nullopt;
  co_return ReadToken(rows[0]);
}

asio::awaitable<std::vector<ActiveToken>> TokenStore::LoadActiveTokens(pg::Deadline deadline) {
  namespace columns = sql::load_active_tokens;
  const pg::Rows rows = co_await pool_.Execute(sql::kLoadActiveTokens, {}, deadline);
  std::vector<ActiveToken> tokens;
  for (const pg::Row row : rows) {
    tokens.push_back({row.Get(columns::kId), ReadGrant(row), row.Get(columns::kHash)});
  }
  co_return tokens;
}

asio::awaitable<void> TokenStore::TouchToken(Uuid id, pg::Deadline deadline) {
  co_await pool_.Execute(sql::kTouchToken, std::move(pg::Params().Add(id)), deadline);
}

}  // namespace djps::store
