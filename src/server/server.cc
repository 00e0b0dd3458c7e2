#include "server/server.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "server/http/peer.h"
#include "server/routes/dispatch.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);

// The pause after a failed accept (such as no file descriptors left), to avoid a busy loop.
constexpr std::chrono::milliseconds kAcceptPause{100};
// The precision of deadlines; at most a quarter of the shortest one.
constexpr std::chrono::milliseconds kSweepIntervalMax{1'000};
constexpr std::chrono::milliseconds kSweepIntervalMin{5};
// How long a stopping server tries to give back claims whose outcome is unknown.
constexpr std::chrono::milliseconds kReturnAtStop{3'000};

Error BindError(const error_code& error, const ServerConfig& config) {
  if (error == asio::error::address_in_use) {
    return {
        ErrorCode::kAlreadyRunning,
        fmt::format("port {} is taken by another program; choose another with --port", config.port),
        "port"};
  }
  if (error == asio::error::access_denied) {
    return {ErrorCode::kInvalidArgument,
            fmt::format("port {} may not be used by this user; choose one above 1023 with --port",
                        config.port),
            "port"};
  }
  return {ErrorCode::kInvalidArgument,
          fmt::format("cannot listen on {}: {}", config.address, error.message()), "address"};
}

/// Without tokens, everyone who can connect may do everything, so only this machine may connect.
std::optional<Error> AccessError(const asio::ip::address& address, const ServerConfig& config) {
  if (config.access == AccessMode::kToken || config.insecure_open_access || address.is_loopback()) {
    return std::nullopt;
  }
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("access is open to everyone who can connect, so djps listens on this "
                           "machine only (127.0.0.1, ::1), not on {}: make a token with `djps "
                           "token create NAME --role admin` and start with --auth token; or, if "
                           "something else protects the network, use --insecure-open-access",
                           config.address),
               "address"};
}

}  // namespace

Server::Server(asio::any_io_executor executor, ServerConfig config, store::Stores& stores)
    : executor_(std::move(executor)),
      config_(std::move(config)),
      submissions_(executor_, stores.jobs, stores.signal, config_.backlog),
      claims_(executor_, stores.leases, config_.backlog),
      outcomes_(executor_, stores.leases, config_.backlog),
      limits_(stores.operators),
      waiters_(executor_),
      presence_(executor_, stores.workers),
      watch_(executor_, stores.states, config_.store_timeout, {}),
      tokens_(executor_, stores.tokens, config_,
              [this](asio::awaitable<void> work, const char* name) {
                SpawnLoop(std::move(work), name);
              }),
      context_{.config = config_,
               .stores = stores,
               .submissions = submissions_,
               .claims = claims_,
               .outcomes = outcomes_,
               .limits = limits_,
               .waiters = waiters_,
               .presence = presence_,
               .watch = watch_,
               .tokens = tokens_},
      sessions_share_{
          .config = config_,
          .begin = RouteRequests(context_),
          .bodies = std::make_shared<BodyBudget>(
              BodyBudget::Limits{.total = config_.bodies_bytes_max,
                                 .share = config_.sender_bodies_bytes_max,
                                 .slow_after = config_.body_slow_after}),
          .answers = std::make_shared<store::Backlog>(store::BacklogLimits{
              .items_max = config_.connections_max, .bytes_max = config_.answers_bytes_max})},
      acceptor_(executor_),
      accept_pause_(executor_),
      sweep_pause_(executor_),
      ended_signal_(executor_) {}

Server::~Server() = default;

Result<void> Server::Listen() {
  error_code error;
  const auto address = asio::ip::make_address(config_.address, error);
  if (error) {
    return Failure(ErrorCode::kInvalidArgument,
                   fmt::format("\"{}\" is not an IP address; use 127.0.0.1 for this machine only, "
                               "0.0.0.0 for every network",
                               config_.address),
                   "address");
  }
  if (auto refused = AccessError(address, config_)) return tl::unexpected(*std::move(refused));
  const tcp::endpoint endpoint(address, config_.port);
  acceptor_.open(endpoint.protocol(), error);
  // Connections of an earlier run that linger in the kernel must not keep the port.
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (!error) return {};
  error_code ignored;
  acceptor_.close(ignored);
  return tl::unexpected(BindError(error, config_));
}

std::uint16_t Server::port() const { return acceptor_.local_endpoint().port(); }

void Server::Start() {
  SpawnLoop(AcceptLoop(), "accepting connections");
  SpawnLoop(SweepLoop(), "watching deadlines");
  SpawnLoop(waiters_.Run(), "looking for due jobs");
  SpawnLoop(presence_.Run(), "recording workers");
  SpawnLoop(watch_.Run(), "watching jobs");
}

void Server::SpawnLoop(asio::awaitable<void> loop, const char* name) {
  ++loops_;
  asio::co_spawn(executor_, std::move(loop), [this, name](const std::exception_ptr& error) {
    --loops_;
    ended_signal_.cancel();
    if (!error) return;
    spdlog::critical("the server stopped {}", name);
    std::rethrow_exception(error);  // a server that cannot serve should end
  });
}

asio::awaitable<void> Server::AcceptLoop() {
  bool troubled = false;  // logged once, not ten times a second
  while (!stopping_) {
    auto [error, socket] = co_await acceptor_.async_accept(kNoThrow);
    if (stopping_) break;
    if (error == asio::error::connection_aborted) continue;
    if (error) {
      if (!std::exchange(troubled, true)) {
        spdlog::warn("cannot accept connections: {}; trying again", error.message());
      }
      accept_pause_.expires_after(kAcceptPause);
      co_await accept_pause_.async_wait(kNoThrow);
      continue;
    }
    if (std::exchange(troubled, false)) spdlog::info("accepting connections again");
    Accept(std::move(socket));
  }
}

void Server::Accept(tcp::socket socket) {
  error_code error;
  const auto remote = socket.remote_endpoint(error);
  if (error) return;  // gone already
  std::string peer = PeerOf(remote.address());
  const auto known = sessions_by_peer_.find(peer);
  const std::size_t same = known == sessions_by_peer_.end() ? 0 : known->second;
  if (same >= config_.connections_per_address_max) {
    Refuse(
        std::move(socket),
        fmt::format("Your address already has {} connections, the maximum for one address.", same));
  } else if (sessions_.size() >= config_.connections_max && !MakeRoom()) {
    Refuse(std::move(socket), fmt::format("There are {} connections already; try again soon.",
                                          config_.connections_max));
  } else {
    StartSession(std::move(socket), std::move(peer));
  }
}

/// Closes the connection that has been idle longest; those without a token first.
bool Server::MakeRoom() {
  IdleLines& idle = sessions_share_.idle;
  std::list<Session*>& line = idle.strangers.empty() ? idle.known : idle.strangers;
  if (line.empty()) return false;
  line.front()->Abort();
  return true;
}

void Server::StartSession(tcp::socket socket, std::string peer) {
  ++sessions_by_peer_[peer];
  auto session = std::make_shared<Session>(std::move(socket), std::move(peer), sessions_share_);
  sessions_.insert(session);
  asio::co_spawn(executor_, session->Run(), [this, session](const std::exception_ptr& error) {
    sessions_.erase(session);
    const auto same = sessions_by_peer_.find(session->peer());
    if (--same->second == 0) sessions_by_peer_.erase(same);
    if (stopping_) ended_signal_.cancel();
    try {
      if (error) std::rethrow_exception(error);
    } catch (const std::exception& failure) {
      spdlog::error("a connection ended: {}", failure.what());
    }
  });
}

void Server::Refuse(tcp::socket socket, std::string detail) {
  std::string out;
  constexpr std::string_view kRequestId = "none";  // there has been no request yet
  AppendResponse(
      out, ProblemResponse({ProblemKind::kTooManyConnections, std::move(detail)}, kRequestId),
      {.request_id = kRequestId, .date = sessions_share_.date.Now(), .keep_alive = false});
  // One try without waiting: the send buffer of a new connection has room, or the client is gone.
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(out), ignored);
  socket.shutdown(tcp::socket::shutdown_send, ignored);
}

asio::awaitable<void> Server::SweepLoop() {
  while (!stopping_ || !sessions_.empty()) {
    sweep_pause_.expires_after(SweepInterval());
    co_await sweep_pause_.async_wait(kNoThrow);
    const auto now = Session::Clock::now();
    for (const auto& session : sessions_) session->EnforceDeadline(now);
  }
}

std::chrono::milliseconds Server::SweepInterval() const {
  const auto shortest =
      std::min({config_.head_timeout, config_.body_timeout, config_.idle_timeout,
                config_.stranger_idle_timeout, config_.write_timeout, config_.linger_timeout});
  return std::clamp(shortest / 4, kSweepIntervalMin, kSweepIntervalMax);
}

asio::awaitable<void> Server::Stop(std::chrono::milliseconds grace) {
  stopping_ = true;
  error_code ignored;
  acceptor_.close(ignored);
  accept_pause_.cancel();
  waiters_.Stop();
  presence_.Stop();
  watch_.Stop();
  for (const auto& session : sessions_) session->Stop();
  co_await AwaitEnd(std::chrono::steady_clock::now() + grace);
  for (const auto& session : sessions_) session->Abort();
  co_await AwaitEnd(std::chrono::steady_clock::time_point::max());
  co_await context_.stores.leases.FinishReturns(pg::After(kReturnAtStop));
}

asio::awaitable<void> Server::AwaitEnd(std::chrono::steady_clock::time_point until) {
  while (!Ended() && std::chrono::steady_clock::now() < until) {
    if (sessions_.empty()) sweep_pause_.cancel();
    ended_signal_.expires_at(until);
    co_await ended_signal_.async_wait(kNoThrow);
  }
}

}  // namespace djps::server
