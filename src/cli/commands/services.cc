#include "cli/commands/services.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <utility>

#include "store/statements.h"

namespace djps::cli {
namespace {

namespace asio = boost::asio;

/// The number of batches in a line of a group commit; a worker in the same process has one more.
constexpr std::size_t kServerConnections = 4;
constexpr std::size_t kWorkerConnections = 1;
/// The number of submissions that JobWriter lets wait at once.
constexpr std::size_t kWaitingConnections = 2;

pg::PoolConfig Beside(const ServicesConfig& config, std::size_t size, bool on_demand) {
  return {.conninfo = config.conninfo,
          .size = size,
          .setup = &sql::kConfigureSession,
          .log_trouble = false,
          .on_demand = on_demand};
}

}  // namespace

Services::Services(const asio::any_io_executor& executor, ServicesConfig config)
    : grace_(config.grace),
      pool_(executor, {.conninfo = config.conninfo,
                       .size = kServerConnections + (config.worker ? kWorkerConnections : 0),
                       .setup = &sql::kConfigureSession,
                       .listen = &sql::kListenForWork,
                       .heard = [this](std::string_view queue) { Wake(queue); }}),
      keyed_pool_(executor, Beside(config, kServerConnections, true)),
      waiting_pool_(executor, Beside(config, kWaitingConnections, true)),
      upkeep_pool_(executor, Beside(config, 1, false)),
      stores_(store::SubmissionPools{pool_, keyed_pool_, waiting_pool_}, upkeep_pool_),
      server_(executor, std::move(config.server), stores_),
      upkeep_(executor, pool_, upkeep_pool_) {
  if (config.worker) {
    const store::LeasePools pools{pool_, pool_, upkeep_pool_};
    worker_.emplace(executor, pools, std::move(config.worker->config),
                    std::move(config.worker->handlers));
  }
}

Result<void> Services::Start() {
  if (auto listening = server_.Listen(); !listening) return listening;
  for (pg::Pool* one : Pools()) one->Start();
  server_.Start();
  upkeep_.Start();
  if (worker_) worker_->Start();
  return {};
}

asio::awaitable<void> Services::Stop() {
  using asio::experimental::awaitable_operators::operator&&;
  if (worker_) {
    // At the same time: both share one grace.
    co_await (server_.Stop(grace_) && worker_->Drain());
  } else {
    co_await server_.Stop(grace_);
  }
  co_await upkeep_.Stop();
  for (pg::Pool* one : Pools()) one->Close();
}

void Services::Wake(std::string_view queue) {
  server_.Wake(queue);
  if (worker_) worker_->Wake(queue);
}

void Services::Hurry() {
  if (worker_) worker_->StopAttempts();
}

}  // namespace djps::cli
