#include "worker/handler_threads.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "worker/invoke.h"

namespace djps::worker {

/// The state that the threads and the I/O thread share.
class HandlerThreads::Shared : public std::enable_shared_from_this<Shared> {
 public:
  Shared(boost::asio::any_io_executor executor, std::size_t threads_max, OnEnded on_ended)
      : executor_(std::move(executor)), threads_max_(threads_max), on_ended_(std::move(on_ended)) {}

  void Start(std::vector<std::shared_ptr<Attempt>> attempts);
  void Stop();

 private:
  void Work();
  void Give(EndedAttempt ended);
  void Collect();

  const boost::asio::any_io_executor executor_;
  std::size_t threads_max_;
  OnEnded on_ended_;                  // the I/O thread's; empty once stopped
  std::vector<std::thread> threads_;  // the I/O thread's

  std::mutex mutex_;
  std::condition_variable work_;
  // Guarded by mutex_:
  std::deque<std::shared_ptr<Attempt>> waiting_;
  std::vector<EndedAttempt> ended_;
  std::size_t idle_ = 0;
  bool stopped_ = false;
};

void HandlerThreads::Shared::Start(std::vector<std::shared_ptr<Attempt>> attempts) {
  std::size_t missing = 0;
  std::size_t woken = 0;
  {
    const std::lock_guard lock(mutex_);
    for (auto& attempt : attempts) waiting_.push_back(std::move(attempt));
    woken = std::min(idle_, waiting_.size());
    missing = std::min(waiting_.size() - woken, threads_max_ - threads_.size());
  }
  for (std::size_t i = 0; i < woken; ++i) work_.notify_one();
  for (std::size_t i = 0; i < missing; ++i) {
    try {
      threads_.emplace_back([this] { Work(); });
    } catch (const std::system_error& error) {
      if (threads_.empty()) throw;
      spdlog::warn("only {} of {} handler threads could be started: {}", threads_.size(),
                   threads_max_, error.what());
      threads_max_ = threads_.size();
      break;
    }
  }
}

void HandlerThreads::Shared::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    waiting_.clear();
  }
  work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  on_ended_ = nullptr;
}

void HandlerThreads::Shared::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    work_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
    --idle_;
    if (stopped_) return;
    EndedAttempt ended{std::move(waiting_.front()), {}};
    waiting_.pop_front();
    lock.unlock();
    const Job& job = ended.attempt->job;
    // If there are fewer threads than slots, it may have been stopped before it began.
    if (!job.stop.stop_requested()) {
      ended.returned = Invoke(std::get<Handler>(ended.attempt->entry.handler), job);
    }
    Give(std::move(ended));
    lock.lock();
  }
}

void HandlerThreads::Shared::Give(EndedAttempt ended) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = ended_.empty();
    ended_.push_back(std::move(ended));
  }
  if (first) boost::asio::post(executor_, [self = shared_from_this()] { self->Collect(); });
}

void HandlerThreads::Shared::Collect() {
  std::vector<EndedAttempt> ended;
  {
    const std::lock_guard lock(mutex_);
    ended.swap(ended_);
  }
  if (on_ended_) on_ended_(std::move(ended));
}

HandlerThreads::HandlerThreads(boost::asio::any_io_executor executor, std::size_t threads_max,
                               OnEnded on_ended)
    : shared_(std::make_shared<Shared>(std::move(executor), threads_max, std::move(on_ended))) {}

HandlerThreads::~HandlerThreads() { shared_->Stop(); }

void HandlerThreads::Start(std::vector<std::shared_ptr<Attempt>> attempts) {
  if (!attempts.empty()) shared_->Start(std::move(attempts));
}

}  // namespace djps::worker
