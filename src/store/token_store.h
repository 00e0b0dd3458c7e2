#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/ids.h"
#include "core/random.h"
#include "djps/job.h"
#include "djps/uuid.h"
#include "pg/pool.h"

namespace djps::store {

/// What a token allows. The names of roles are those of server::RoleName.
struct TokenGrant {
  std::string name;
  std::string role;
  std::vector<std::string> queues = {};  ///< Only these; empty: any.
  std::vector<std::string> types = {};   ///< Only these; empty: any.
};

struct NewToken {
  TokenGrant grant;
  std::optional<Timestamp> expires_at = {};
  std::optional<std::chrono::milliseconds> expires_in = {};  ///< Counts where there is no time.
};

/// A token for display: everything except the secret, which is not stored.
struct TokenRecord {
  Uuid id;
  TokenGrant grant;
  Timestamp created_at;
  std::optional<Timestamp> expires_at;
  std::optional<Timestamp> revoked_at;
  std::optional<Timestamp> last_used_at;  ///< To the minute.
  bool expired = false;                   ///< By the database's clock.
};

/// The result of CreateToken.
struct CreatedToken {
  enum class Outcome { kCreated, kNameTaken, kExpiresInThePast };

  Outcome outcome = Outcome::kCreated;
  TokenRecord record;
  std::string secret;  ///< The token's text; returned only here.
};

/// A token as a server keeps it in memory.
struct ActiveToken {
  Uuid id;
  TokenGrant grant;
  std::string hash;  ///< HashApiToken of its text.
};

/// API tokens: typed calls over src/store/sql/tokens. Calls throw pg::PgError.
class TokenStore {
 public:
  explicit TokenStore(pg::Pool& pool) : pool_(pool) {}

  /// The grant must be valid: known role, names as types and queues have them. `actor`, here and
  /// below: who does it, for the audit.
  boost::asio::awaitable<CreatedToken> CreateToken(const NewToken& token, std::string actor,
                                                   pg::Deadline deadline);

  /// Makes a token of that text, unless it was made before; true when it is new. One that has been
  /// revoked stays revoked. Idempotency: safe to repeat, also from many servers at once.
  boost::asio::awaitable<bool> EnsureToken(const std::string& secret, const std::string& role,
                                           std::string actor, pg::Deadline deadline);

  /// The newest first, those revoked and expired included.
  boost::asio::awaitable<std::vector<TokenRecord>> ListTokens(pg::Deadline deadline);

  /// Nothing: there is no such token. Idempotency: safe to repeat.
  boost::asio::awaitable<std::optional<TokenRecord>> RevokeToken(Uuid id, std::string actor,
                                                                 pg::Deadline deadline);

  boost::asio::awaitable<std::vector<ActiveToken>> LoadActiveTokens(pg::Deadline deadline);

  /// Records that the token is used; writes at most once a minute.
  boost::asio::awaitable<void> TouchToken(Uuid id, pg::Deadline deadline);

 private:
  pg::Pool& pool_;
  IdGenerator ids_;
  RandomSource random_;
};

}  // namespace djps::store
