#include "store/claims/lease_writer.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

namespace djps::store {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

std::size_t SizeOf(const CompletedJob& job) { return sizeof(job) + job.result.size(); }
std::size_t SizeOf(const FailedJob& job) {
  return sizeof(job) + job.error_class.size() + job.message.size() + job.detail.size() +
         (job.policy ? job.policy->size() : 0);
}
std::size_t SizeOf(const ReturnedJob& job) {
  return sizeof(job) + (job.policy ? job.policy->size() : 0);
}

template <typename Job>
std::size_t SizeOfAll(const std::vector<Job>& jobs) {
  std::size_t bytes = 0;
  for (const Job& job : jobs) bytes += SizeOf(job);
  return bytes;
}

Uuid IdOf(const Uuid& held) { return held; }
Uuid IdOf(const FailedAttempt& attempt) { return attempt.id; }

/// For each of `jobs`, no two of which are the same, what came back for it.
template <typename Job, typename Held>
std::vector<std::optional<Held>> InOrderOf(const std::vector<Job>& jobs, std::vector<Held> held) {
  std::unordered_map<Uuid, std::size_t> places;
  places.reserve(jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) places.emplace(jobs[i].job, i);
  std::vector<std::optional<Held>> answers(jobs.size());
  for (Held& one : held) answers[places.at(IdOf(one))] = std::move(one);
  return answers;
}

template <typename Held>
std::vector<Held> WithoutEmpty(std::vector<std::optional<Held>> answers) {
  std::vector<Held> held;
  held.reserve(answers.size());
  for (std::optional<Held>& answer : answers) {
    if (answer) held.push_back(*std::move(answer));
  }
  return held;
}

// What the lines write. They refer to the store, not to the writer: it may go before they end.

asio::awaitable<std::vector<std::optional<Uuid>>> WriteCompleted(
    LeaseStore& store, const std::vector<CompletedJob>& jobs, pg::Deadline deadline) {
  auto held = co_await store.CompleteJobs(jobs, deadline);
  co_return InOrderOf(jobs, std::move(held));
}

asio::awaitable<std::vector<std::optional<FailedAttempt>>> WriteFailed(
    LeaseStore& store, const std::vector<FailedJob>& jobs, pg::Deadline deadline) {
  auto held = co_await store.FailJobs(jobs, deadline);
  co_return InOrderOf(jobs, std::move(held));
}

asio::awaitable<std::vector<std::optional<Uuid>>> WriteReturned(
    LeaseStore& store, const std::vector<ReturnedJob>& jobs, pg::Deadline deadline) {
  auto held = co_await store.ReturnJobs(jobs, deadline);
  co_return InOrderOf(jobs, std::move(held));
}

/// One statement for each duration, of which workers have few, and one that asks for cancellations.
asio::awaitable<std::vector<BeatAnswer>> WriteBeats(LeaseStore& store,
                                                    const std::vector<Beat>& beats,
                                                    pg::Deadline deadline) {
  std::map<milliseconds, std::vector<Uuid>> by_duration;
  std::vector<Uuid> leases;
  for (const Beat& beat : beats) {
    by_duration[beat.duration].push_back(beat.lease);
    leases.push_back(beat.lease);
  }
  std::unordered_map<Uuid, BeatAnswer> answers;
  for (const auto& [duration, some] : by_duration) {
    const auto extended = co_await store.ExtendLeases(some, duration, deadline);
    for (const ExtendedLease& lease : extended) answers[lease.id].expires_at = lease.expires_at;
  }
  const auto canceled = co_await store.FindCancellations(leases, deadline);
  for (const Cancellation& one : canceled) answers[one.lease].canceled.push_back(one.job);
  std::vector<BeatAnswer> in_order;
  in_order.reserve(beats.size());
  for (const Beat& beat : beats) in_order.push_back(answers[beat.lease]);
  co_return in_order;
}

template <typename Line, typename Write>
std::shared_ptr<Line> MakeLine(const asio::any_io_executor& executor,
                               const std::shared_ptr<Backlog>& backlog, LeaseStore& store,
                               Write write) {
  return std::make_shared<Line>(
      executor, backlog,
      [&store, write](const typename Line::Items& items, pg::Deadline deadline) {
        return write(store, items, deadline);
      },
      [](const auto& item) { return item.job; });
}

/// Gives back what was held.
template <typename Job, typename Held>
asio::awaitable<std::vector<Held>> SubmitAll(GroupCommit<Job, std::optional<Held>>& line,
                                             std::vector<Job> jobs, pg::Deadline deadline) {
  const std::size_t bytes = SizeOfAll(jobs);
  auto written = co_await line.Submit(std::move(jobs), bytes, deadline);
  co_return WithoutEmpty(std::move(written.answers));
}

}  // namespace

LeaseWriter::LeaseWriter(asio::any_io_executor executor, LeaseStore& leases, BacklogLimits limits)
    : backlog_(std::make_shared<Backlog>(limits)),
      completions_(MakeLine<Ended>(executor, backlog_, leases, WriteCompleted)),
      failures_(MakeLine<Failed>(executor, backlog_, leases, WriteFailed)),
      returns_(MakeLine<Returned>(executor, backlog_, leases, WriteReturned)),
      // Of their own: a lease must not be lost because large results wait to be written.
      heartbeats_(std::make_shared<Heartbeats>(
          executor, std::make_shared<Backlog>(limits),
          [&leases](const std::vector<Beat>& beats, pg::Deadline deadline) {
            return WriteBeats(leases, beats, deadline);
          })) {}

asio::awaitable<std::vector<Uuid>> LeaseWriter::CompleteJobs(std::vector<CompletedJob> jobs,
                                                             pg::Deadline deadline) {
  return SubmitAll(*completions_, std::move(jobs), deadline);
}

asio::awaitable<std::vector<FailedAttempt>> LeaseWriter::FailJobs(std::vector<FailedJob> jobs,
                                                                  pg::Deadline deadline) {
  return SubmitAll(*failures_, std::move(jobs), deadline);
}

asio::awaitable<std::vector<Uuid>> LeaseWriter::ReturnJobs(std::vector<ReturnedJob> jobs,
                                                           pg::Deadline deadline) {
  return SubmitAll(*returns_, std::move(jobs), deadline);
}

asio::awaitable<std::vector<BeatAnswer>> LeaseWriter::ExtendLeases(std::vector<Uuid> leases,
                                                                   milliseconds duration,
                                                                   pg::Deadline deadline) {
  std::vector<Beat> beats;
  beats.reserve(leases.size());
  for (const Uuid& lease : leases) beats.push_back({lease, duration});
  const std::size_t bytes = beats.size() * sizeof(Beat);
  auto written = co_await heartbeats_->Submit(std::move(beats), bytes, deadline);
  co_return std::move(written.answers);
}

}  // namespace djps::store
