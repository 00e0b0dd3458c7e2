#include "pg/pool.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <limits>
#include <optional>
#include <vector>

#include "core/backoff.h"
#include "core/trouble_log.h"

namespace djps::pg {
namespace {

namespace asio = boost::asio;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds kReconnectBase{20};
constexpr std::chrono::milliseconds kReconnectCap{2'000};
constexpr int kTransientTries = 4;
/// Maximum number of Postgres processes for each connection of a pool.
constexpr std::size_t kProcessesPerConnection = 2;

}  // namespace

/// The state that the coroutines of a pool share; the last one to end destroys it.
class Pool::State {
 public:
  using Shared = std::shared_ptr<State>;

  State(asio::any_io_executor executor, PoolConfig config)
      : executor_(std::move(executor)),
        config_(std::move(config)),
        connected_signal_(executor_, asio::steady_timer::time_point::max()) {
    for (std::size_t i = 0; i < config_.size; ++i)
      slots_.push_back(std::make_unique<Slot>(executor_));
  }

  static void Start(const Shared& self);
  static void Connect(const Shared& self);
  static asio::awaitable<Rows> Execute(Shared self, const Statement& statement, Params params,
                                       Deadline deadline, std::optional<Call> follow_up);
  void Close();

  std::shared_ptr<Connection> FindLeastBusy() const;
  const std::string& trouble() const { return trouble_; }
  const asio::any_io_executor& executor() const { return executor_; }

 private:
  struct Slot {
    explicit Slot(const asio::any_io_executor& executor) : pause(executor) {}
    std::shared_ptr<Connection> connection;  // null while not connected
    asio::steady_timer pause;                // between two tries; canceled by Close
  };

  // `self` keeps the state alive for as long as the coroutine runs.
  static asio::awaitable<void> KeepConnected(Shared self, Slot& slot);
  asio::awaitable<std::shared_ptr<Connection>> OpenConnection(bool listens);
  static asio::awaitable<std::shared_ptr<Connection>> LeastBusy(Shared self, Deadline deadline);
  std::shared_ptr<Connection> MakeConnection();
  void Report(const std::string& trouble);
  void Recover();
  void Refuse(const PgError& error);

  asio::any_io_executor executor_;
  PoolConfig config_;
  std::vector<std::unique_ptr<Slot>> slots_;
  // All connections that may still keep a Postgres process busy.
  std::vector<std::weak_ptr<Connection>> connections_;
  asio::steady_timer connected_signal_;  // canceled each time a connection comes up
  std::string trouble_;
  TroubleLog log_;
  // Why the server refused to set up the last connection, if waiting cannot help: such as a
  // `listen` that does not fit its schema. Callers get this error at once, until a connection is
  // made.
  std::optional<PgError> refusal_;
  bool connecting_ = false;
  bool closed_ = false;
};

void Pool::State::Start(const Shared& self) {
  if (!self->config_.on_demand) Connect(self);
}

void Pool::State::Connect(const Shared& self) {
  if (std::exchange(self->connecting_, true) || self->closed_) return;
  for (const auto& slot : self->slots_) {
    asio::co_spawn(self->executor_, KeepConnected(self, *slot),
                   [](const std::exception_ptr& error) {
                     // Every failure of the database is handled there; an exception here is a bug.
                     if (error) std::rethrow_exception(error);
                   });
  }
}

void Pool::State::Close() {
  if (closed_) return;
  closed_ = true;
  for (const auto& slot : slots_) slot->pause.cancel();
  for (const auto& one : connections_) {
    if (const auto connection = one.lock()) {
      connection->Close(PgError(kConnectionFailure, "the connection pool was closed"));
    }
  }
  connected_signal_.cancel();
}

asio::awaitable<void> Pool::State::KeepConnected(Shared self, Slot& slot) {
  Backoff backoff(kReconnectBase, kReconnectCap);
  while (!self->closed_) {
    try {
      auto connection = co_await self->OpenConnection(&slot == self->slots_.front().get());
      if (self->closed_) {
        connection->Close(PgError(kConnectionFailure, "the connection pool was closed"));
        co_return;
      }
      slot.connection = connection;
      self->refusal_.reset();
      backoff.Reset();
      self->Recover();
      self->connected_signal_.cancel();
      co_await connection->Ended();
      if (self->closed_) co_return;
      slot.connection.reset();
      if (!connection->trouble().empty()) self->Report(connection->trouble());
    } catch (const PgError& error) {
      if (self->closed_) co_return;
      self->Report(error.what());
    }
    if (self->closed_) co_return;
    slot.pause.expires_after(backoff.Next());
    co_await slot.pause.async_wait(kNoThrow);
  }
}

asio::awaitable<std::shared_ptr<Connection>> Pool::State::OpenConnection(bool listens) {
  const Deadline deadline = After(config_.connect_timeout);
  auto connection = MakeConnection();
  try {
    co_await connection->Open(config_.conninfo, deadline);
  } catch (const PgError&) {
    refusal_.reset();
    throw;
  }
  try {
    if (config_.setup != nullptr) {
      Params params;
      params.Add(fmt::format("{}ms", config_.statement_timeout.count()));
      co_await connection->Execute(*config_.setup, params, deadline);
    }
    if (listens && config_.listen != nullptr) {
      connection->OnNotify(config_.heard);
      const Params none;
      co_await connection->Execute(*config_.listen, none, deadline);
      config_.heard({});
    }
  } catch (const PgError& error) {
    connection->Close(error);
    Refuse(error);
    throw;
  }
  co_return connection;
}

std::shared_ptr<Connection> Pool::State::MakeConnection() {
  std::erase_if(connections_, [](const auto& one) { return one.expired(); });
  if (connections_.size() >= kProcessesPerConnection * config_.size) {
    throw PgError(kTooManyConnections,
                  fmt::format("{} connections are taken up already, some by statements that were "
                              "given up and that Postgres has not ended",
                              connections_.size()));
  }
  auto connection = Connection::Make(executor_);
  connections_.push_back(connection);
  return connection;
}

void Pool::State::Report(const std::string& trouble) {
  if (log_.Begins(trouble) && config_.log_trouble) spdlog::warn("{}; trying again", trouble);
  trouble_ = trouble;
}

void Pool::State::Recover() {
  if (log_.Ends() && config_.log_trouble) spdlog::info("connected to Postgres again");
  trouble_.clear();
}

void Pool::State::Refuse(const PgError& error) {
  if (error.unavailable() || error.transient()) return;
  refusal_ = error;
  connected_signal_.cancel();
}

std::shared_ptr<Connection> Pool::State::FindLeastBusy() const {
  std::shared_ptr<Connection> best;
  for (const auto& slot : slots_) {
    if (!slot->connection || !slot->connection->usable()) continue;
    if (!best || slot->connection->in_flight() < best->in_flight()) best = slot->connection;
  }
  return best;
}

asio::awaitable<std::shared_ptr<Connection>> Pool::State::LeastBusy(Shared self,
                                                                    Deadline deadline) {
  while (true) {
    if (auto connection = self->FindLeastBusy()) co_return connection;
    if (self->closed_) throw PgError(kConnectionFailure, "the connection pool was closed");
    if (self->refusal_) throw PgError(*self->refusal_);
    if (std::chrono::steady_clock::now() >= deadline) {
      throw PgError(kConnectionFailure,
                    fmt::format("no connection to Postgres: {}",
                                self->trouble_.empty() ? "none was made in time" : self->trouble_));
    }
    // Wakes with the next connection, or at the caller's deadline.
    asio::steady_timer limit(self->executor_, deadline);
    limit.async_wait([self](const boost::system::error_code& error) {
      if (!error) self->connected_signal_.cancel();
    });
    co_await self->connected_signal_.async_wait(kNoThrow);
  }
}

asio::awaitable<Rows> Pool::State::Execute(Shared self, const Statement& statement, Params params,
                                           Deadline deadline, std::optional<Call> follow_up) {
  if (self->config_.on_demand) Connect(self);
  for (int attempt = 1;; ++attempt) {
    auto connection = co_await LeastBusy(self, deadline);
    try {
      co_return co_await connection->Execute(statement, params, deadline,
                                             follow_up ? &*follow_up : nullptr);
    } catch (const PgError& error) {
      if (!error.transient() || error.outcome_unknown() || attempt == kTransientTries) throw;
      spdlog::debug("{}: {}; running it again", statement.name, error.what());
      // A stale plan or prepared statement is renewed by a new connection.
      if (!error.sqlstate().starts_with("40")) connection->Retire();
    }
  }
}

Pool::Pool(asio::any_io_executor executor, PoolConfig config)
    : state_(std::make_shared<State>(std::move(executor), std::move(config))) {}

Pool::~Pool() { Close(); }

void Pool::Start() { State::Start(state_); }

void Pool::Close() { state_->Close(); }

asio::awaitable<Rows> Pool::Execute(const Statement& statement, Params params, Deadline deadline,
                                    std::optional<Call> follow_up) {
  return State::Execute(state_, statement, std::move(params), deadline, std::move(follow_up));
}

bool Pool::connected() const { return state_->FindLeastBusy() != nullptr; }

std::size_t Pool::in_flight() const {
  const auto connection = state_->FindLeastBusy();
  return connection ? connection->in_flight() : std::numeric_limits<std::size_t>::max();
}

const std::string& Pool::trouble() const { return state_->trouble(); }

asio::any_io_executor Pool::executor() const { return state_->executor(); }

}  // namespace djps::pg
