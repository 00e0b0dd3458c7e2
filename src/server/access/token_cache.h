#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "pg/connection.h"
#include "server/access/access.h"
#include "server/config.h"
#include "store/token_store.h"

namespace djps::server {

/// The tokens that count, in this server's memory, so that a request costs no statement to find out
/// who sent it. Read anew in the background once a second while requests with tokens come, and not
/// at all while none do; never believed for longer than two seconds, so that a revoked or expired
/// token is dead everywhere by then. A token that is not there may just have been made: it waits
/// for a fresh reading, of which there are at most ten a second, whatever strangers send.
///
/// Lifetime: the store and the configuration must outlive it; whoever `spawn`s its background work
/// keeps it until that has ended.
/// Thread-safety: everything on one single-threaded executor.
class TokenCache {
 public:
  using Clock = std::chrono::steady_clock;
  using Spawn = std::function<void(boost::asio::awaitable<void> work, const char* name)>;

  TokenCache(boost::asio::any_io_executor executor, store::TokenStore& store,
             const ServerConfig& config, Spawn spawn);
  TokenCache(const TokenCache&) = delete;
  TokenCache& operator=(const TokenCache&) = delete;

  /// Whose token this is; null when it is unknown, expired or revoked. Looked up by its hash: no
  /// comparison whose time could tell anything about a secret. Throws pg::PgError.
  boost::asio::awaitable<std::shared_ptr<const Caller>> FindCaller(std::string_view token);

 private:
  struct Entry {
    Uuid id;
    std::shared_ptr<const Caller> caller;
    Clock::time_point touched_at = Clock::time_point::min();
  };
  using Entries = std::unordered_map<std::string, Entry>;  // by hash

  /// Returns when a reading that began at `moment` or later is in memory.
  boost::asio::awaitable<void> LoadSince(Clock::time_point moment, pg::Deadline deadline);
  boost::asio::awaitable<void> Load(pg::Deadline deadline);
  boost::asio::awaitable<void> Refresh();
  boost::asio::awaitable<void> Touch(Uuid id);
  Entries MakeEntries(const std::vector<store::ActiveToken>& tokens) const;

  boost::asio::any_io_executor executor_;
  store::TokenStore& store_;
  const ServerConfig& config_;
  Spawn spawn_;
  Entries entries_;
  boost::asio::steady_timer load_ended_;  // never expires; canceled when a reading has ended
  Clock::time_point began_at_ = Clock::time_point::min();   // the latest reading
  Clock::time_point loaded_at_ = Clock::time_point::min();  // when the one in memory began
  bool loading_ = false;
};

}  // namespace djps::server
