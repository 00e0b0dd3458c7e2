#include "server/access/token_cache.h"

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "core/api_token.h"
#include "pg/error.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);

constexpr auto kRefreshAge = 1s;
/// The documented time, minus the time that a request may wait before its check.
constexpr auto kAgeMax = 1'800ms;
constexpr auto kTouchInterval = 1min;

}  // namespace

TokenCache::TokenCache(asio::any_io_executor executor, store::TokenStore& store,
                       const ServerConfig& config, Spawn spawn)
    : executor_(std::move(executor)),
      store_(store),
      config_(config),
      spawn_(std::move(spawn)),
      load_ended_(executor_, Clock::time_point::max()),
      watch_pause_(executor_) {}

asio::awaitable<std::shared_ptr<const Caller>> TokenCache::FindCaller(std::string_view token) {
  const std::string hash = HashApiToken(token);
  const auto now = Clock::now();
  const pg::Deadline deadline = now + config_.store_timeout;
  if (loaded_at_ < now - kAgeMax) {
    co_await LoadSince(now - kAgeMax, deadline);
  } else if (loaded_at_ < now - kRefreshAge && !loading_) {
    spawn_(Refresh(), "reading tokens");
  }
  auto found = entries_.find(hash);
  if (found == entries_.end() && loaded_at_ < now) {
    co_await LoadSince(now, deadline);
    found = entries_.find(hash);
  }
  if (found == entries_.end()) co_return nullptr;
  Entry& entry = found->second;
  if (entry.touched_at < now - kTouchInterval) {
    entry.touched_at = now;
    spawn_(Touch(*entry.caller->token), "noting that tokens are used");
  }
  co_return entry.caller;
}

asio::awaitable<void> TokenCache::LoadSince(Clock::time_point moment, pg::Deadline deadline) {
  while (loaded_at_ < moment) {
    if (Clock::now() >= deadline) {
      throw pg::PgError(pg::kConnectionFailure, "the tokens could not be read in time");
    }
    if (loading_) {
      // Another request is reading them; this one wakes when that ends, or at that one's deadline.
      co_await load_ended_.async_wait(kNoThrow);
    } else if (began_at_ > Clock::now() - config_.token_reload_pause) {
      asio::steady_timer pause(executor_, began_at_ + config_.token_reload_pause);
      co_await pause.async_wait(kNoThrow);
    } else {
      co_await Load(deadline);
    }
  }
}

asio::awaitable<void> TokenCache::Load(pg::Deadline deadline) {
  loading_ = true;
  began_at_ = Clock::now();
  const auto began_at = began_at_;
  std::exception_ptr failure;
  try {
    entries_ = MakeEntries(co_await store_.LoadActiveTokens(deadline));
    loaded_at_ = began_at;
    EndWatches();
  } catch (...) {
    failure = std::current_exception();
  }
  loading_ = false;
  load_ended_.cancel();
  if (failure) std::rethrow_exception(failure);
}

TokenCache::Entries TokenCache::MakeEntries(const std::vector<store::ActiveToken>& tokens) const {
  Entries entries;
  for (const store::ActiveToken& token : tokens) {
    const auto role = ParseRole(token.grant.role);
    if (!role) continue;  // a role of a newer djps, which no route here requires
    Entry entry{.caller = std::make_shared<const Caller>(Caller{
                    token.grant.name, *role, token.grant.queues, token.grant.types, token.id})};
    const auto known = entries_.find(token.hash);
    if (known != entries_.end()) entry.touched_at = known->second.touched_at;
    entries.emplace(token.hash, std::move(entry));
  }
  return entries;
}

asio::awaitable<void> TokenCache::Refresh() {
  if (loading_) co_return;
  try {
    co_await Load(pg::After(config_.store_timeout));
  } catch (const pg::PgError& error) {
    // Requests use the tokens in memory until these are too old; then they report the error.
    spdlog::debug("cannot read the tokens: {}", error.what());
  }
}

asio::awaitable<void> TokenCache::WatchLoop() {
  auto next = Clock::now() + kRefreshAge;
  while (!watches_.empty()) {
    watch_pause_.expires_at(next);
    co_await watch_pause_.async_wait(kNoThrow);
    if (Clock::now() < next) continue;  // the last watch ended; another may have begun since
    next = Clock::now() + kRefreshAge;
    co_await Refresh();
  }
  watching_ = false;
}

void TokenCache::EndWatches() {
  if (watches_.empty()) return;
  std::unordered_set<Uuid> counting;
  for (const auto& [hash, entry] : entries_) counting.insert(*entry.caller->token);
  for (Watch* watch : watches_) {
    if (watch->ended_ || counting.contains(*watch->token_)) continue;
    watch->ended_ = true;
    watch->on_end_();
  }
}

TokenCache::Watch::Watch(TokenCache& cache, std::optional<Uuid> token, std::function<void()> on_end)
    : cache_(cache), token_(token), on_end_(std::move(on_end)) {
  if (!token_) return;
  cache_.watches_.insert(this);
  if (!std::exchange(cache_.watching_, true)) cache_.spawn_(cache_.WatchLoop(), "watching tokens");
}

TokenCache::Watch::~Watch() {
  if (cache_.watches_.erase(this) > 0 && cache_.watches_.empty()) cache_.watch_pause_.cancel();
}

asio::awaitable<void> TokenCache::Touch(Uuid id) {
  try {
    co_await store_.TouchToken(id, pg::After(config_.store_timeout));
  } catch (const pg::PgError& error) {
    spdlog::debug("cannot note that a token is used: {}", error.what());
  }
}

}  // namespace djps::server
