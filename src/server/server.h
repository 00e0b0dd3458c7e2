#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "djps/result.h"
#include "server/access/token_cache.h"
#include "server/config.h"
#include "server/context.h"
#include "server/http/session.h"
#include "server/live/job_waiters.h"
#include "server/live/job_watch.h"
#include "server/live/worker_presence.h"
#include "store/batching/job_writer.h"
#include "store/claims/claim_gatherer.h"
#include "store/claims/lease_writer.h"
#include "store/stores.h"

namespace djps::server {

/// The HTTP API. The path of a request: AcceptLoop here, Session (bytes to requests), RouteRequests
/// (routes.cc has the list; checks, errors), a handler in routes/, back to Session.
///
/// Lifetime: after Start, Stop must have ended before the server is destroyed, unless the executor
/// never runs again. The stores must outlive it.
/// Thread-safety: everything on one single-threaded executor.
class Server {
 public:
  Server(boost::asio::any_io_executor executor, ServerConfig config, store::Stores& stores);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Binds the address, so that errors appear before anything else starts.
  ///
  /// Errors: kAlreadyRunning (the port is taken), kInvalidArgument (not an address, or not of this
  /// machine; a port that this user may not use; open access outside the loopback address).
  Result<void> Listen();

  /// The listening port, also if the configuration says 0.
  std::uint16_t port() const;

  /// Begins to accept connections. After Listen.
  void Start();

  /// There may be new jobs in `queue` (empty: in any queue) that another process stored.
  void Wake(std::string_view queue) { waiters_.Wake(queue); }

  /// Stops accepting connections, closes idle ones, ends waits and streams, answers waiting claims,
  /// and lets requests in progress finish for `grace`; then closes those too. Returns when no
  /// connection is left: a handler that waits for the database still gets its own deadline
  /// (ServerConfig::store_timeout).
  boost::asio::awaitable<void> Stop(std::chrono::milliseconds grace);

 private:
  boost::asio::awaitable<void> AcceptLoop();
  boost::asio::awaitable<void> SweepLoop();
  boost::asio::awaitable<void> AwaitEnd(std::chrono::steady_clock::time_point until);
  void Accept(boost::asio::ip::tcp::socket socket);
  bool MakeRoom();
  void StartSession(boost::asio::ip::tcp::socket socket, std::string peer);
  void Refuse(boost::asio::ip::tcp::socket socket, std::string detail);
  void SpawnLoop(boost::asio::awaitable<void> loop, const char* name);
  std::chrono::milliseconds SweepInterval() const;
  bool Ended() const { return sessions_.empty() && loops_ == 0; }

  boost::asio::any_io_executor executor_;
  ServerConfig config_;
  store::JobWriter submissions_;
  store::ClaimGatherer claims_;
  store::LeaseWriter outcomes_;
  store::QueueLimits limits_;
  JobWaiters waiters_;
  WorkerPresence presence_;
  JobWatch watch_;
  TokenCache tokens_;
  ServerContext context_;
  SessionContext sessions_share_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer accept_pause_;
  boost::asio::steady_timer sweep_pause_;
  boost::asio::steady_timer ended_signal_;  // canceled when a session or a loop has ended
  std::unordered_set<std::shared_ptr<Session>> sessions_;
  std::unordered_map<std::string, std::size_t> sessions_by_peer_;
  int loops_ = 0;
  bool stopping_ = false;
};

}  // namespace djps::server
