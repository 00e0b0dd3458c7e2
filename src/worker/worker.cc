#include "djps/worker.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <functional>
#include <stdexcept>

#include "pg/conninfo.h"
#include "store/migrator.h"
#include "store/statements.h"
#include "upkeep/upkeep.h"
#include "worker/runtime.h"
#include "worker/worker_config.h"

namespace djps {
namespace {

namespace asio = boost::asio;

/// One connection each, so that one kind of work does not wait behind another.
using Pools = std::array<pg::Pool*, 3>;

}  // namespace

/// All objects of a run are locals of Run, in the order of their destruction; Impl keeps only what
/// other threads may use.
class Worker::Impl {
 public:
  explicit Impl(WorkerConfig config) : config_(worker::Checked(std::move(config))) {}

  void Add(std::string type, worker::AnyHandler handler, HandlerOptions options) {
    registry_.Add(std::move(type), std::move(handler), std::move(options));
  }

  void Run();
  void Stop();

 private:
  bool AwaitDatabase(const std::string& conninfo, asio::signal_set& signals);
  bool Pause(std::chrono::milliseconds wait, asio::signal_set& signals);
  asio::awaitable<void> WaitForStop(asio::signal_set& signals);
  asio::awaitable<void> Main(worker::Runtime& runtime, upkeep::Upkeep& upkeep, const Pools& pools,
                             asio::signal_set& signals);

  WorkerConfig config_;
  worker::Registry registry_;
  asio::io_context io_{1};
  asio::steady_timer stop_signal_{io_, asio::steady_timer::time_point::max()};
  bool stop_requested_ = false;  // touched on the I/O thread only
};

/// False if a stop was requested meanwhile.
bool Worker::Impl::AwaitDatabase(const std::string& conninfo, asio::signal_set& signals) {
  const auto pause = [&](std::chrono::milliseconds wait) { return Pause(wait, signals); };
  const auto ready = store::AwaitCurrentSchema(conninfo, pause);
  if (!ready) throw WorkerError(ready.error());
  return *ready;
}

/// False if a stop was requested.
bool Worker::Impl::Pause(std::chrono::milliseconds wait, asio::signal_set& signals) {
  bool signaled = false;
  signals.async_wait([&](const boost::system::error_code& error, int /*signal*/) {
    signaled = !error;
    stop_signal_.cancel();
  });
  stop_signal_.expires_after(wait);
  stop_signal_.async_wait([&](const boost::system::error_code&) { signals.cancel(); });
  io_.restart();
  io_.run();
  stop_signal_.expires_at(asio::steady_timer::time_point::max());
  return !signaled && !stop_requested_;
}

asio::awaitable<void> Worker::Impl::WaitForStop(asio::signal_set& signals) {
  using asio::experimental::awaitable_operators::operator||;
  if (stop_requested_) co_return;
  const auto tuple = asio::as_tuple(asio::use_awaitable);
  co_await (signals.async_wait(tuple) || stop_signal_.async_wait(tuple));
}

asio::awaitable<void> Worker::Impl::Main(worker::Runtime& runtime, upkeep::Upkeep& upkeep,
                                         const Pools& pools, asio::signal_set& signals) {
  co_await WaitForStop(signals);
  signals.async_wait([&runtime](const boost::system::error_code& error, int /*signal*/) {
    if (!error) runtime.StopAttempts();
  });
  co_await runtime.Drain();
  co_await upkeep.Stop();
  for (pg::Pool* one : pools) one->Close();
  signals.cancel();
}

void Worker::Impl::Run() {
  if (registry_.types().empty()) {
    throw std::invalid_argument("a worker needs at least one handler; call Handle before Run");
  }
  const auto conninfo = pg::ResolveConninfo(config_.database_url, "djps worker");
  if (!conninfo) throw std::invalid_argument(conninfo.error().message);
  asio::signal_set signals(io_, SIGINT, SIGTERM);
  if (!AwaitDatabase(*conninfo, signals)) return;

  io_.restart();
  std::function<void(std::string_view)> wake;
  const auto connection = [&conninfo] {
    return pg::PoolConfig{.conninfo = *conninfo, .size = 1, .setup = &sql::kConfigureSession};
  };
  pg::PoolConfig hearing = connection();
  hearing.listen = &sql::kListenForWork;
  hearing.heard = [&wake](std::string_view queue) { wake(queue); };
  pg::PoolConfig beside = connection();
  beside.log_trouble = false;
  pg::Pool pool(io_.get_executor(), std::move(hearing));
  pg::Pool claims(io_.get_executor(), beside);
  pg::Pool upkeep_pool(io_.get_executor(), beside);
  worker::Runtime runtime(io_.get_executor(), {claims, pool, upkeep_pool}, config_, registry_);
  wake = [&runtime](std::string_view queue) { runtime.Wake(queue); };
  const Pools pools = {&pool, &claims, &upkeep_pool};
  upkeep::Upkeep upkeep(io_.get_executor(), pool, upkeep_pool);
  for (pg::Pool* one : pools) one->Start();
  runtime.Start();
  upkeep.Start();
  spdlog::info("worker {} runs {} jobs at once from queue \"{}\": {}", config_.name,
               config_.concurrency, config_.queue, fmt::join(registry_.types(), ", "));
  asio::co_spawn(io_, Main(runtime, upkeep, pools, signals), [](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  });
  io_.run();
  spdlog::info("worker {} has stopped", config_.name);
}

void Worker::Impl::Stop() {
  asio::post(io_, [this] {
    stop_requested_ = true;
    stop_signal_.cancel();
  });
}

Worker::Worker(WorkerConfig config) : impl_(std::make_unique<Impl>(std::move(config))) {}
Worker::~Worker() = default;

void Worker::Handle(std::string type, Handler handler, HandlerOptions options) {
  impl_->Add(std::move(type), std::move(handler), std::move(options));
}

void Worker::HandleAsync(std::string type, CoroutineHandler handler, HandlerOptions options) {
  impl_->Add(std::move(type), std::move(handler), std::move(options));
}

void Worker::Run() { impl_->Run(); }
void Worker::Stop() { impl_->Stop(); }

}  // namespace djps
