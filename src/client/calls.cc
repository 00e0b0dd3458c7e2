#include "client/calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "core/unique_place.h"

namespace djps::client {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kLookIntervalMin{5};
constexpr milliseconds kLookIntervalMax{250};

tl::unexpected<Error> NoSuchJob(Uuid id) {
  return Failure(ErrorCode::kNotFound, fmt::format("there is no job {}", id.ToString()), "id");
}

}  // namespace

Call<std::vector<SubmittedJob>> Calls::Submit(std::vector<NewJob> jobs, pg::Deadline deadline) {
  auto refusal = co_await limits_.FindRefusal(jobs, deadline);
  if (refusal) co_return Failure(ErrorCode::kUnavailable, *std::move(refusal));
  auto written = co_await submissions_.EnqueueJobs(std::move(jobs), deadline);
  co_return std::move(written.answers);
}

Call<std::optional<JobRecord>> Calls::Find(Uuid id, pg::Deadline deadline) {
  co_return co_await stores_.jobs.FindJob(id, deadline);
}

Call<JobRecord> Calls::Wait(Uuid id, pg::Deadline end, milliseconds timeout) {
  const std::vector<Uuid> ids(1, id);
  asio::steady_timer pause(co_await asio::this_coro::executor);
  milliseconds interval = kLookIntervalMin;
  while (true) {
    const auto states = co_await stores_.states.WatchJobs(ids, pg::After(timeout));
    if (states.empty()) co_return NoSuchJob(id);
    const auto now = steady_clock::now();
    if (HasEnded(states.front().state.status) || now >= end) break;
    pause.expires_at(std::min(end, now + interval));
    co_await pause.async_wait(asio::use_awaitable);
    interval = std::min(2 * interval, kLookIntervalMax);
  }
  auto job = co_await stores_.jobs.FindJob(id, pg::After(timeout));
  if (!job) co_return NoSuchJob(id);
  co_return *std::move(job);
}

Call<std::vector<PastAttempt>> Calls::Attempts(Uuid id, pg::Deadline deadline) {
  co_return co_await stores_.states.ListAttempts(id, deadline);
}

Call<JobPage> Calls::List(JobFilter filter, ListOptions options, pg::Deadline deadline) {
  store::ListRequest request{
      .filter = std::move(filter),
      .limit = options.limit,
      .detail = options.payload ? store::ListDetail::kAll : store::ListDetail::kNoPayload};
  if (options.after) request.after = store::ListPosition{.id = *options.after};
  store::ListPage found = co_await stores_.lists.ListJobs(request, deadline);
  JobPage page{.jobs = std::move(found.jobs)};
  if (found.next) page.next = found.next->id;
  co_return page;
}

Call<CancelOutcome> Calls::Cancel(Uuid id, std::optional<std::string> reason,
                                  pg::Deadline deadline) {
  const std::vector<Uuid> ids(1, id);
  const auto before = co_await stores_.states.WatchJobs(ids, deadline);
  if (before.empty()) co_return NoSuchJob(id);
  // The statement also returns "canceled" for a job that was canceled before.
  if (HasEnded(before.front().state.status)) co_return CancelOutcome::kHadEnded;
  const auto canceled = co_await stores_.operators.CancelJobs(ids, actor_, reason, deadline);
  if (canceled.empty()) co_return NoSuchJob(id);
  const std::string& state = canceled.front().state;
  if (state == "canceled") co_return CancelOutcome::kCanceled;
  co_return state == "requested" ? CancelOutcome::kRequested : CancelOutcome::kHadEnded;
}

Call<JobRecord> Calls::Retry(Uuid id, bool run_again, pg::Deadline deadline) {
  std::vector<JobStatus> from = {JobStatus::kQueued, JobStatus::kFailed, JobStatus::kCanceled,
                                 JobStatus::kDead};
  if (run_again) from.push_back(JobStatus::kSucceeded);
  const std::vector<Uuid> ids(1, id);
  const auto retried = co_await stores_.operators.RetryJobs(ids, from, actor_, deadline);
  std::string needed = run_again ? "one that runs cannot be retried"
                                 : "one that succeeded runs again only with run_again";
  if (!retried.empty() && retried.front().held_by) {
    co_return co_await AnswerPlaceTaken(*retried.front().held_by, deadline);
  }
  co_return co_await Answer(id, !retried.empty(), std::move(needed), deadline);
}

Call<JobRecord> Calls::Edit(Uuid id, JobEdit edit, pg::Deadline deadline) {
  const auto edited = co_await stores_.operators.EditJob(id, edit, actor_, deadline);
  if (edited.held_by) co_return co_await AnswerPlaceTaken(*edited.held_by, deadline);
  std::string needed = "only one that waits can be changed";
  co_return co_await Answer(id, edited.changed, std::move(needed), deadline);
}

Call<bool> Calls::Purge(Uuid id, pg::Deadline deadline) {
  const std::vector<JobStatus> ended = {JobStatus::kSucceeded, JobStatus::kCanceled,
                                        JobStatus::kDead};
  const std::vector<Uuid> ids(1, id);
  const auto purged = co_await stores_.operators.PurgeJobs(ids, ended, actor_, deadline);
  if (!purged.empty()) co_return true;
  std::string needed = "only one that has ended can be purged";
  const auto refused = co_await Answer(id, false, std::move(needed), deadline);
  co_return tl::unexpected<Error>(refused.error());
}

Call<QueuePage> Calls::ListQueues(QueueListOptions options, pg::Deadline deadline) {
  QueuePage page = co_await stores_.queues.ListQueues(options, {}, deadline);
  co_return page;
}

Call<bool> Calls::SetQueuePaused(std::string queue, bool paused, pg::Deadline deadline) {
  const bool changed = co_await stores_.operators.SetQueuePaused(queue, paused, actor_, deadline);
  co_return changed;
}

Call<bool> Calls::SetQueueLimit(std::string queue, std::optional<int> max_backlog,
                                pg::Deadline deadline) {
  co_await stores_.operators.SetQueueLimit(queue, max_backlog, actor_, deadline);
  limits_.Expire();
  co_return true;
}

Call<JobRecord> Calls::Answer(Uuid id, bool done, std::string needed, pg::Deadline deadline) {
  auto job = co_await stores_.jobs.FindJob(id, deadline);
  if (!job) co_return NoSuchJob(id);
  if (done) co_return *std::move(job);
  co_return Failure(ErrorCode::kConflict, fmt::format("the job is {}; {}; nothing was changed",
                                                      StatusName(job->status), needed));
}

Call<JobRecord> Calls::AnswerPlaceTaken(Uuid holder, pg::Deadline deadline) {
  const auto job = co_await stores_.jobs.FindJob(holder, deadline);
  co_return Failure(
      ErrorCode::kConflict,
      fmt::format("nothing was changed: {}",
                  PlaceTaken(holder, job ? std::optional(job->status) : std::nullopt)));
}

}  // namespace djps::client
