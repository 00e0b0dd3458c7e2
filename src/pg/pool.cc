#include "pg/pool.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/backoff.h"

namespace djps::pg {
namespace {

namespace asio = boost::asio;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds kReconnectBase{20};
constexpr std::chrono::milliseconds kReconnectCap{2'000};
constexpr int kTransientTries = 4;

}  // namespace

struct Pool::Slot {
  explicit Slot(const asio::any_io_executor& executor) : pause(executor) {}
  std::shared_ptr<Connection> connection;  // null while there is none
  asio::steady_timer pause;                // between two tries; canceled by Close
};

Pool::Pool(asio::any_io_executor executor, PoolConfig config)
    : executor_(std::move(executor)),
      config_(std::move(config)),
      connected_signal_(executor_, asio::steady_timer::time_point::max()) {
  for (std::size_t i = 0; i < config_.size; ++i)
    slots_.push_back(std::make_shared<Slot>(executor_));
}

Pool::~Pool() { Close(); }

void Pool::Start() {
  for (const auto& slot : slots_) {
    asio::co_spawn(executor_, KeepConnected(slot), [](const std::exception_ptr& error) {
      // KeepConnected handles every failure of the database itself; anything here is a bug.
      if (error) std::rethrow_exception(error);
    });
  }
}

void Pool::Close() {
  if (closed_) return;
  closed_ = true;
  for (const auto& slot : slots_) {
    slot->pause.cancel();
    if (slot->connection) {
      slot->connection->Close(PgError(kConnectionFailure, "the connection pool was closed"));
    }
  }
  connected_signal_.cancel();
}

asio::awaitable<void> Pool::KeepConnected(std::shared_ptr<Slot> slot) {
  Backoff backoff(kReconnectBase, kReconnectCap);
  while (!closed_) {
    try {
      auto connection = co_await OpenConnection();
      if (closed_) {
        connection->Close(PgError(kConnectionFailure, "the connection pool was closed"));
        co_return;
      }
      slot->connection = connection;
      backoff.Reset();
      if (!trouble_.empty()) spdlog::info("connected to Postgres again");
      trouble_.clear();
      connected_signal_.cancel();
      co_await connection->Closed();
      if (closed_) co_return;
      slot->connection.reset();
      Report("a connection to Postgres broke");
    } catch (const PgError& error) {
      if (closed_) co_return;
      Report(error.what());
    }
    if (closed_) co_return;
    slot->pause.expires_after(backoff.Next());
    co_await slot->pause.async_wait(kNoThrow);
  }
}

asio::awaitable<std::shared_ptr<Connection>> Pool::OpenConnection() {
  const Deadline deadline = After(config_.connect_timeout);
  auto connection = co_await Connection::Open(config_.conninfo, config_.statements, deadline);
  if (config_.setup != nullptr) {
    Params params;
    params.Add(fmt::format("{}ms", config_.statement_timeout.count()));
    try {
      co_await connection->Execute(*config_.setup, params, deadline);
    } catch (const PgError& error) {
      connection->Close(error);
      throw;
    }
  }
  co_return connection;
}

void Pool::Report(const std::string& trouble) {
  // Said once per trouble, not once per try.
  if (trouble != trouble_) spdlog::warn("{}; trying again", trouble);
  trouble_ = trouble;
}

bool Pool::connected() const { return FindLeastBusy() != nullptr; }

std::shared_ptr<Connection> Pool::FindLeastBusy() const {
  std::shared_ptr<Connection> best;
  for (const auto& slot : slots_) {
    if (!slot->connection || !slot->connection->usable()) continue;
    if (!best || slot->connection->in_flight() < best->in_flight()) best = slot->connection;
  }
  return best;
}

asio::awaitable<std::shared_ptr<Connection>> Pool::LeastBusy(Deadline deadline) {
  while (true) {
    if (auto connection = FindLeastBusy()) co_return connection;
    if (closed_) throw PgError(kConnectionFailure, "the connection pool was closed");
    if (std::chrono::steady_clock::now() >= deadline) {
      throw PgError(kConnectionFailure,
                    fmt::format("no connection to Postgres: {}",
                                trouble_.empty() ? "none was made in time" : trouble_));
    }
    // Woken by the next connection, or at the caller's deadline.
    asio::steady_timer limit(executor_, deadline);
    limit.async_wait([this](const boost::system::error_code& error) {
      if (!error) connected_signal_.cancel();
    });
    co_await connected_signal_.async_wait(kNoThrow);
  }
}

asio::awaitable<Rows> Pool::Execute(const Statement& statement, Params params, Deadline deadline) {
  for (int attempt = 1;; ++attempt) {
    auto connection = co_await LeastBusy(deadline);
    try {
      co_return co_await connection->Execute(statement, params, deadline);
    } catch (const PgError& error) {
      if (!error.transient() || attempt == kTransientTries) throw;
      spdlog::debug("{}: {}; running it again", statement.name, error.what());
      // A plan or prepared statement that went stale is made anew with a new connection.
      if (!error.sqlstate().starts_with("40")) connection->Close(error);
    }
  }
}

}  // namespace djps::pg
