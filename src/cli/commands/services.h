#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "djps/result.h"
#include "djps/worker.h"
#include "pg/pool.h"
#include "server/server.h"
#include "store/stores.h"
#include "upkeep/upkeep.h"
#include "worker/registry.h"
#include "worker/runtime.h"

namespace djps::cli {

/// A worker in the server's process.
struct WorkerPart {
  WorkerConfig config;
  worker::Registry handlers;
};

struct ServicesConfig {
  std::string conninfo;  ///< Complete; the schema there must be current.
  server::ServerConfig server;
  std::optional<WorkerPart> worker;
  std::chrono::milliseconds grace{10'000};  ///< For requests in progress when stopped.
};

/// The services of one process: the API and upkeep, and in `djps dev` a worker.
///
/// Lifetime: after Start, Stop must have ended and the executor must have no work left before
/// destruction.
/// Thread-safety: everything on one single-threaded executor.
class Services {
 public:
  Services(const boost::asio::any_io_executor& executor, ServicesConfig config);

  /// Errors: as server::Server::Listen; nothing runs then.
  Result<void> Start();

  std::uint16_t port() const { return server_.port(); }

  /// In order: refuses new requests and claims, lets running ones finish within the grace (or hands
  /// jobs back), ends upkeep, closes the pools.
  boost::asio::awaitable<void> Stop();

  /// Ends the worker's grace of a Stop under way, or of the next one.
  void Hurry();

 private:
  /// Says that jobs were stored, by this process or another.
  void Wake(std::string_view queue);

  std::array<pg::Pool*, 4> Pools() { return {&pool_, &keyed_pool_, &waiting_pool_, &upkeep_pool_}; }

  std::chrono::milliseconds grace_;
  pg::Pool pool_;
  pg::Pool keyed_pool_;    // for statements that may wait shortly for a lock
  pg::Pool waiting_pool_;  // for statements that wait for a lock
  pg::Pool upkeep_pool_;   // for statements that take long
  store::Stores stores_;
  server::Server server_;
  upkeep::Upkeep upkeep_;
  std::optional<worker::Runtime> worker_;
};

}  // namespace djps::cli
