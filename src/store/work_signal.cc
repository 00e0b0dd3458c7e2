#include "store/work_signal.h"

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

#include "core/check.h"
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
  using Shared = std::shared_ptr<State>;

  explicit State(pg::Pool& pool) : executor_(pool.executor()), pool_(&pool), pause_(executor_) {}

  static std::optional<pg::Call> NotifyCall(const Shared& self,
                                            const std::set<std::string>& queues) {
    DJPS_CHECK(queues.empty() || !self->busy_);
    if (queues.empty()) return std::nullopt;
    Begin(self, true);
    return pg::Call{&sql::kNotifyWorkers, WordParams(queues)};
  }

  static void Submitted(const Shared& self, const std::string& queue) {
    self->queues_.insert(queue);
    if (!self->busy_) Begin(self, false);
  }

  bool quiet() const { return !busy_; }

  void Close() {
    pool_ = nullptr;
    pause_.cancel();
  }

 private:
  static void Begin(const Shared& self, bool said) {
    self->busy_ = true;
    asio::co_spawn(self->executor_, Speak(self, said), [](const std::exception_ptr& error) {
      // A database that is away is handled there; anything here is a bug.
      if (error) std::rethrow_exception(error);
    });
  }

  /// Sends notifications until there are none left. `said`: the first one went with a submission.
  static asio::awaitable<void> Speak(Shared self, bool said) {
    if (said) co_await Pause(self);
    while (self->pool_ != nullptr && !self->queues_.empty()) {
      co_await Say(self);
      co_await Pause(self);
    }
    self->busy_ = false;
  }

  static asio::awaitable<void> Say(Shared self) {
    const std::set<std::string> queues = std::exchange(self->queues_, {});
    try {
      co_await self->pool_->Execute(sql::kNotifyWorkers, WordParams(queues), pg::After(kTimeout));
    } catch (const pg::PgError& error) {
      spdlog::debug("could not wake workers: {}", error.what());
    }
  }

  static asio::awaitable<void> Pause(Shared self) {
    if (self->pool_ == nullptr) co_return;
    self->pause_.expires_after(kInterval);
    co_await self->pause_.async_wait(asio::as_tuple(asio::use_awaitable));
  }

  static pg::Params WordParams(const std::set<std::string>& queues) {
    pg::Params params;
    params.AddArray(queues, [](const std::string& queue) { return std::string_view(queue); });
    return params;
  }

  asio::any_io_executor executor_;
  pg::Pool* pool_;  // null once closed
  asio::steady_timer pause_;
  std::set<std::string> queues_;  // not told yet
  bool busy_ = false;             // sending, or pausing after a notification
};

WorkSignal::WorkSignal(pg::Pool& pool) : state_(std::make_shared<State>(pool)) {}

WorkSignal::~WorkSignal() { state_->Close(); }

bool WorkSignal::quiet() const { return state_->quiet(); }

std::optional<pg::Call> WorkSignal::NotifyCall(const std::set<std::string>& queues) {
  return State::NotifyCall(state_, queues);
}

void WorkSignal::Submitted(const std::string& queue) { State::Submitted(state_, queue); }

}  // namespace djps::store
