#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "pg/pool.h"
#include "server/server.h"
#include "store/stores.h"
#include "support/http_client.h"

namespace djps::test_support {

/// The HTTP API over a database, on a free port and a thread of its own.
class ApiServer {
 public:
  explicit ApiServer(const std::string& conninfo, server::ServerConfig config = {});
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  std::uint16_t port() const { return port_; }
  HttpClient Connect() const { return HttpClient(port_); }

  /// Begins to stop the server; the future is ready when it has.
  std::future<void> Stop(std::chrono::milliseconds grace);

 private:
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::unique_ptr<pg::Pool> pool_;
  std::unique_ptr<pg::Pool> keyed_pool_;
  std::unique_ptr<pg::Pool> waiting_pool_;
  store::Stores stores_;
  server::Server server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace djps::test_support
