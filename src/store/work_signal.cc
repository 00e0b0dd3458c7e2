#include "store/work_signal.h"

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <set>
#include <utility>

#include "store/statements.h"

namespace djps::store {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kInterval{1};
constexpr std::chrono::milliseconds kTimeout{5'000};

}  // namespace

/// Kept by the coroutine that sends, so the signal itself may go meanwhile.
class WorkSignal::State {
 public:
  explicit State(pg::Pool& pool) : executor_(pool.executor()), pool_(&pool), pause_(executor_) {}

  static void Submitted(const std::shared_ptr<State>& self, const std::string& queue) {
    self->queues_.insert(queue);
    if (std::exchange(self->sending_, true)) return;
    asio::co_spawn(self->executor_, Send(self), [](const std::exception_ptr& error) {
      // A database that is away is handled there; anything here is a bug.
      if (error) std::rethrow_exception(error);
    });
  }

  void Close() {
    pool_ = nullptr;
    pause_.cancel();
  }

 private:
  static asio::awaitable<void> Send(std::shared_ptr<State> self) {
    while (self->pool_ != nullptr && !self->queues_.empty()) {
      const std::set<std::string> queues = std::exchange(self->queues_, {});
      pg::Params params;
      params.AddArray(queues, [](const std::string& queue) { return std::string_view(queue); });
      try {
        co_await self->pool_->Execute(sql::kNotifyWorkers, std::move(params), pg::After(kTimeout));
      } catch (const pg::PgError& error) {
        spdlog::debug("could not wake workers: {}", error.what());
      }
      if (self->pool_ == nullptr) break;
      self->pause_.expires_after(kInterval);
      co_await self->pause_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    self->sending_ = false;
  }

  asio::any_io_executor executor_;
  pg::Pool* pool_;  // null once closed
  asio::steady_timer pause_;
  std::set<std::string> queues_;
  bool sending_ = false;
};

WorkSignal::WorkSignal(pg::Pool& pool) : state_(std::make_shared<State>(pool)) {}

WorkSignal::~WorkSignal() { state_->Close(); }

void WorkSignal::Submitted(const std::string& queue) { State::Submitted(state_, queue); }

}  // namespace djps::store
