#include "worker/note_sender.h"

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <utility>

#include "pg/error.h"

namespace djps::worker {
namespace {

namespace asio = boost::asio;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds kSendInterval{500};
constexpr std::chrono::milliseconds kSendTimeout{5'000};

}  // namespace

NoteSender::NoteSender(asio::any_io_executor executor, pg::Pool& pool)
    : store_(pool),
      waker_(std::make_shared<Waker>()),
      timer_(executor),
      sent_(executor, asio::steady_timer::time_point::max()) {
  waker_->executor = std::move(executor);
  waker_->wake = [this] {
    if (!std::exchange(unsent_, true)) timer_.cancel();
  };
}

std::shared_ptr<JobNotes> NoteSender::Open(Uuid lease, Uuid job) {
  auto notes = std::make_shared<JobNotes>(lease, job, [waker = waker_] {
    asio::post(waker->executor, [waker] {
      if (waker->wake) waker->wake();
    });
  });
  open_.insert(notes);
  return notes;
}

JobNotes::Unsent NoteSender::Close(const std::shared_ptr<JobNotes>& notes) {
  open_.erase(notes);
  return notes->Take();
}

asio::awaitable<void> NoteSender::SendLast(std::shared_ptr<JobNotes> notes,
                                           JobNotes::Unsent unsent) {
  while (Sending(notes)) co_await sent_.async_wait(kNoThrow);
  if (unsent.empty()) co_return;
  std::vector<JobNotes::Unsent> last;
  last.push_back(std::move(unsent));
  co_await Send(std::move(last));
}

asio::awaitable<void> NoteSender::Run() {
  while (!stopped_) {
    if (!unsent_) {
      timer_.expires_at(asio::steady_timer::time_point::max());
      co_await timer_.async_wait(kNoThrow);
      continue;
    }
    unsent_ = false;
    co_await SendAll();
    if (stopped_) break;
    timer_.expires_after(kSendInterval);
    while (!stopped_) {
      const auto [canceled] = co_await timer_.async_wait(kNoThrow);
      if (!canceled) break;
    }
  }
  waker_->wake = nullptr;
}

void NoteSender::Stop() {
  stopped_ = true;
  timer_.cancel();
}

asio::awaitable<void> NoteSender::SendAll() {
  std::vector<JobNotes::Unsent> all;
  for (const auto& notes : open_) {
    JobNotes::Unsent unsent = notes->Take();
    if (unsent.empty()) continue;
    sending_.insert(notes);
    all.push_back(std::move(unsent));
  }
  co_await Send(std::move(all));
  sending_.clear();
  sent_.cancel();
}

asio::awaitable<void> NoteSender::Send(std::vector<JobNotes::Unsent> unsent) {
  std::vector<store::JobProgress> progress;
  for (JobNotes::Unsent& job : unsent) {
    if (job.progress) progress.push_back(*std::move(job.progress));
  }
  if (!progress.empty()) co_await SendProgress(progress);
  for (const JobNotes::Unsent& job : unsent) {
    if (job.lines.empty()) continue;
    try {
      co_await store_.WriteLogLines(job.lease, job.job, job.lines, pg::After(kSendTimeout));
    } catch (const pg::PgError& error) {
      spdlog::warn("job {}: {} log lines were lost: {}", job.job.ToString(), job.lines.size(),
                   error.what());
      // Outcomes wait for this, so the remaining reports must not each wait for a database that is
      // away.
      if (!error.bad_value()) co_return;
    }
  }
}

asio::awaitable<void> NoteSender::SendProgress(const std::vector<store::JobProgress>& progress) {
  std::optional<pg::PgError> failure;
  try {
    co_await store_.WriteProgress(progress, pg::After(kSendTimeout));
  } catch (const pg::PgError& error) {
    failure = error;
  }
  if (!failure) co_return;
  if (failure->bad_value() && progress.size() > 1) {
    // One bad checkpoint must not keep the others from being written.
    for (const store::JobProgress& job : progress) {
      const std::vector<store::JobProgress> alone = {job};
      co_await SendProgress(alone);
    }
    co_return;
  }
  spdlog::warn("job {}{}: progress was lost: {}", progress[0].job.ToString(),
               progress.size() > 1 ? " and others" : "", failure->what());
}

}  // namespace djps::worker
