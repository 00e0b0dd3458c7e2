#include "cli/commands/service_host.h"

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <utility>

namespace djps::cli {

namespace asio = boost::asio;

ServiceHost::ServiceHost()
    : idle_(asio::make_work_guard(io_)),
      signals_(io_, SIGINT, SIGTERM),
      stop_signal_(io_, asio::steady_timer::time_point::max()) {
  AwaitSignal();
  thread_ = std::thread([this] { RunThread(); });
}

ServiceHost::~ServiceHost() {
  asio::post(io_, [this] {
    RequestStop();
    if (services_) return;
    signals_.cancel();
    idle_.reset();
  });
  thread_.join();
}

void ServiceHost::RunThread() {
  std::exception_ptr failure;
  try {
    io_.run();
  } catch (const std::exception& error) {
    spdlog::critical("stopping because of a bug in djps: {}", error.what());
    failure = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  failure_ = failure;
  changed_.notify_all();
}

void ServiceHost::RequestStop() {
  const std::lock_guard lock(mutex_);
  stop_requested_ = true;
  stop_signal_.cancel();
  changed_.notify_all();
}

void ServiceHost::AwaitSignal() {
  signals_.async_wait([this](const boost::system::error_code& error, int /*signal*/) {
    if (!error) OnSignal();
  });
}

void ServiceHost::OnSignal() {
  if (!stop_requested_) {
    spdlog::info("stopping; press Ctrl-C again to stop running jobs at once");
    RequestStop();
    AwaitSignal();
    return;
  }
  spdlog::info("stopping at once; press Ctrl-C again to end immediately");
  if (services_) services_->Hurry();
  signals_.clear();
}

Result<std::uint16_t> ServiceHost::StartServices(ServicesConfig config) {
  services_.emplace(io_.get_executor(), std::move(config));
  if (const auto listening = services_->Start(); !listening) {
    return tl::unexpected<Error>(listening.error());
  }
  return services_->port();
}

asio::awaitable<void> ServiceHost::Serve(ServicesConfig config,
                                         std::promise<Result<std::uint16_t>> started) {
  bool running = false;
  try {
    const auto port = StartServices(std::move(config));
    running = port.has_value();
    started.set_value(port);
  } catch (...) {
    started.set_exception(std::current_exception());
  }
  if (running && !stop_requested_) {
    co_await stop_signal_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  if (running) co_await services_->Stop();
  signals_.cancel();
  idle_.reset();
}

Result<std::uint16_t> ServiceHost::Start(ServicesConfig config) {
  std::promise<Result<std::uint16_t>> started;
  auto answer = started.get_future();
  asio::co_spawn(io_, Serve(std::move(config), std::move(started)),
                 [](const std::exception_ptr& error) {
                   if (error) std::rethrow_exception(error);
                 });
  return answer.get();
}

void ServiceHost::WaitUntilStopRequested(std::chrono::milliseconds wait) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, wait, [this] { return stop_requested_ || stopped_; });
}

bool ServiceHost::WaitUntilStopped(std::chrono::milliseconds wait) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, wait, [this] { return stopped_; })) return false;
  if (failure_) std::rethrow_exception(failure_);
  return true;
}

}  // namespace djps::cli
