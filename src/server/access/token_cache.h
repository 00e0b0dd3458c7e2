#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "pg/connection.h"
#include "server/access/access.h"
#include "server/config.h"
#include "store/token_store.h"

namespace djps::server {

/// The valid tokens, in this server's memory, so that identifying a sender needs no statement. They
/// are read again in the background once a second while requests with tokens come or wait. The
/// cache expires after two seconds, so that a revoked or expired token is refused everywhere by
/// then. An unknown token may be new: its request waits for the next reading. There are at most ten
/// readings a second, whatever clients send.
///
/// Lifetime: the store and the configuration must outlive it; the owner keeps it until the
/// background work that it `spawn`s has ended.
/// Thread-safety: everything on one single-threaded executor.
class TokenCache {
 public:
  using Clock = std::chrono::steady_clock;
  using Spawn = std::function<void(boost::asio::awaitable<void> work, const char* name)>;

  TokenCache(boost::asio::any_io_executor executor, store::TokenStore& store,
             const ServerConfig& config, Spawn spawn);
  TokenCache(const TokenCache&) = delete;
  TokenCache& operator=(const TokenCache&) = delete;

  /// The owner of this token; null if it is unknown, expired or revoked. Looked up by hash, so that
  /// timing reveals nothing about a secret. Throws pg::PgError.
  boost::asio::awaitable<std::shared_ptr<const Caller>> FindCaller(std::string_view token);

  /// For a request that waits. While one exists, the tokens are read once a second even without
  /// other requests, and `on_end` runs once the caller's token is revoked or has expired.
  class Watch {
   public:
    /// `token`: Caller::token. Empty with open access: then `on_end` never runs.
    Watch(TokenCache& cache, std::optional<Uuid> token, std::function<void()> on_end);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    bool ended() const { return ended_; }

   private:
    friend class TokenCache;

    TokenCache& cache_;
    std::optional<Uuid> token_;
    std::function<void()> on_end_;
    bool ended_ = false;
  };

 private:
  struct Entry {
    std::shared_ptr<const Caller> caller;
    Clock::time_point touched_at = Clock::time_point::min();
  };
  using Entries = std::unordered_map<std::string, Entry>;  // by hash

  /// Returns when the memory has a reading that began at `moment` or later.
  boost::asio::awaitable<void> LoadSince(Clock::time_point moment, pg::Deadline deadline);
  boost::asio::awaitable<void> Load(pg::Deadline deadline);
  boost::asio::awaitable<void> Refresh();
  boost::asio::awaitable<void> Touch(Uuid id);
  boost::asio::awaitable<void> WatchLoop();
  void EndWatches();
  Entries MakeEntries(const std::vector<store::ActiveToken>& tokens) const;

  boost::asio::any_io_executor executor_;
  store::TokenStore& store_;
  const ServerConfig& config_;
  Spawn spawn_;
  Entries entries_;
  boost::asio::steady_timer load_ended_;  // never expires; canceled when a reading has ended
  Clock::time_point began_at_ = Clock::time_point::min();   // the latest reading
  Clock::time_point loaded_at_ = Clock::time_point::min();  // when the reading in memory began
  bool loading_ = false;
  std::unordered_set<Watch*> watches_;
  boost::asio::steady_timer watch_pause_;  // canceled when the last watch has ended
  bool watching_ = false;                  // WatchLoop runs
};

}  // namespace djps::server
