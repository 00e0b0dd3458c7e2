#include "support/api_server.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <stdexcept>
#include <utility>

#include "store/statements.h"

namespace djps::test_support {
namespace {

namespace asio = boost::asio;

std::unique_ptr<pg::Pool> MakePool(asio::io_context& io, const std::string& conninfo,
                                   bool on_demand = false) {
  return std::make_unique<pg::Pool>(io.get_executor(),
                                    pg::PoolConfig{.conninfo = conninfo,
                                                   .size = 2,
                                                   .setup = &sql::kConfigureSession,
                                                   .on_demand = on_demand});
}

server::ServerConfig OnAnyPort(server::ServerConfig config) {
  config.port = 0;
  return config;
}

}  // namespace

ApiServer::ApiServer(const std::string& conninfo, server::ServerConfig config)
    : work_(io_.get_executor()),
      pool_(MakePool(io_, conninfo)),
      keyed_pool_(MakePool(io_, conninfo, true)),
      waiting_pool_(MakePool(io_, conninfo, true)),
      stores_(store::SubmissionPools{*pool_, *keyed_pool_, *waiting_pool_}, *pool_),
      server_(io_.get_executor(), OnAnyPort(std::move(config)), stores_) {
  const auto listening = server_.Listen();
  if (!listening) throw std::runtime_error(listening.error().message);
  port_ = server_.port();
  for (const auto* pool : {&pool_, &keyed_pool_, &waiting_pool_}) (*pool)->Start();
  server_.Start();
  thread_ = std::thread([this] { io_.run(); });
}

ApiServer::~ApiServer() {
  Stop(std::chrono::milliseconds(0)).wait();
  asio::post(io_, [this] {
    for (const auto* pool : {&pool_, &keyed_pool_, &waiting_pool_}) (*pool)->Close();
  });
  work_.reset();
  thread_.join();
}

std::future<void> ApiServer::Stop(std::chrono::milliseconds grace) {
  return asio::co_spawn(io_, server_.Stop(grace), asio::use_future);
}

}  // namespace djps::test_support
