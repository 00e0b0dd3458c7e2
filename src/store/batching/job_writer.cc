#include "store/batching/job_writer.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace djps::store {
namespace {

namespace asio = boost::asio;

using GuardedAnswers = tl::expected<std::vector<SubmittedJob>, RefusedReplay>;

/// The queues of jobs that can be claimed as soon as they are stored.
std::set<std::string> QueuesDue(const std::vector<NewJob>& jobs) {
  std::set<std::string> queues;
  for (const NewJob& job : jobs) {
    if (!job.run_at && !job.delay) queues.insert(job.queue);
  }
  return queues;
}

/// The approximate size of a job in memory; exact for the usual members.
std::size_t SizeOf(const NewJob& job) {
  std::size_t bytes = sizeof(NewJob) + job.payload.size() + job.queue.size() + job.type.size();
  if (job.metadata) bytes += job.metadata->size();
  for (const std::string& tag : job.tags) bytes += sizeof(tag) + tag.size();
  return bytes;
}

std::size_t SizeOf(const std::vector<NewJob>& jobs) {
  return std::accumulate(jobs.begin(), jobs.end(), std::size_t{0},
                         [](std::size_t sum, const NewJob& job) { return sum + SizeOf(job); });
}

/// Waiting callers are written alone: each waits for another lock. Two at once, so that a short
/// wait is not behind a long one.
constexpr GroupCommitLimits kWaitingLimits{.batches = 2, .batch_items = 1};

/// A name for what only one transaction at a time may write: two jobs with the same name wait for
/// each other. Jobs that are unique by parts of their payload may wait for each other without a
/// common name.
std::vector<std::string> NamesOf(const NewJob& job) {
  std::vector<std::string> names;
  if (job.idempotency_key) names.push_back("key " + job.type + ' ' + *job.idempotency_key);
  if (job.unique) names.push_back("place " + job.type + ' ' + job.payload);
  return names;
}

}  // namespace

/// The target of the lines. They own it, so the writer may be destroyed before they end.
class JobWriter::Store {
 public:
  Store(JobStore& jobs, WorkSignal& signal) : jobs_(jobs), signal_(signal) {}

  /// Stores jobs and notifies workers of those that are due.
  static asio::awaitable<std::vector<SubmittedJob>> Write(std::shared_ptr<Store> self,
                                                          const std::vector<NewJob>& items,
                                                          pg::Deadline deadline,
                                                          Patience patience) {
    const std::set<std::string> told = self->QueuesToTell(items);
    std::optional<pg::Call> word = self->signal_.NotifyCall(told);
    auto submitted = co_await self->jobs_.EnqueueJobs(items, deadline, std::move(word), patience);
    self->TellTheRest(items, submitted, told);
    co_return submitted;
  }

  /// The same, unless `guard` refuses them. Refused jobs may have woken workers for nothing.
  static asio::awaitable<GuardedAnswers> WriteGuarded(std::shared_ptr<Store> self,
                                                      const std::vector<NewJob>& items,
                                                      const ReplayGuard& guard,
                                                      pg::Deadline deadline, Patience patience) {
    const std::set<std::string> told = self->QueuesToTell(items);
    std::optional<pg::Call> word = self->signal_.NotifyCall(told);
    auto submitted =
        co_await self->jobs_.EnqueueGuarded(items, guard, deadline, std::move(word), patience);
    if (submitted) self->TellTheRest(items, *submitted, told);
    co_return submitted;
  }

  /// The same for jobs that have met a lock.
  static asio::awaitable<std::vector<SubmittedJob>> WriteWaiting(std::shared_ptr<Store> self,
                                                                 const std::vector<NewJob>& items,
                                                                 pg::Deadline deadline) {
    const Awaited awaited(self->awaited_, items);
    co_return co_await Write(self, items, deadline, Patience::kLong);
  }

  static asio::awaitable<GuardedAnswers> WriteGuardedWaiting(std::shared_ptr<Store> self,
                                                             const std::vector<NewJob>& items,
                                                             const ReplayGuard& guard,
                                                             pg::Deadline deadline) {
    const Awaited awaited(self->awaited_, items);
    co_return co_await WriteGuarded(self, items, guard, deadline, Patience::kLong);
  }

  /// Whether another caller waits for what one of `jobs` needs.
  bool AwaitsAny(const std::vector<NewJob>& jobs) const {
    if (awaited_.empty()) return false;
    return std::any_of(jobs.begin(), jobs.end(), [this](const NewJob& job) {
      const std::vector<std::string> names = NamesOf(job);
      return std::any_of(names.begin(), names.end(),
                         [this](const std::string& name) { return awaited_.contains(name); });
    });
  }

 private:
  using Names = std::multiset<std::string>;

  /// Whom to tell in the same turn as the submission.
  std::set<std::string> QueuesToTell(const std::vector<NewJob>& items) const {
    return signal_.quiet() ? QueuesDue(items) : std::set<std::string>();
  }

  void TellTheRest(const std::vector<NewJob>& items, const std::vector<SubmittedJob>& submitted,
                   const std::set<std::string>& told) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      const std::string& queue = items[i].queue;
      if (submitted[i].due() && !told.contains(queue)) signal_.Submitted(queue);
    }
  }

  /// Names that a caller waits for, during its lifetime.
  class Awaited {
   public:
    Awaited(Names& names, const std::vector<NewJob>& jobs) : names_(names) {
      for (const NewJob& job : jobs) {
        for (std::string& name : NamesOf(job)) mine_.push_back(names_.insert(std::move(name)));
      }
    }
    ~Awaited() {
      for (const auto& name : mine_) names_.erase(name);
    }
    Awaited(const Awaited&) = delete;
    Awaited& operator=(const Awaited&) = delete;

   private:
    Names& names_;
    std::vector<Names::iterator> mine_;
  };

  JobStore& jobs_;
  WorkSignal& signal_;
  Names awaited_;
};

JobWriter::JobWriter(asio::any_io_executor executor, JobStore& jobs, WorkSignal& signal,
                     BacklogLimits limits)
    : store_(std::make_shared<Store>(jobs, signal)), backlog_(std::make_shared<Backlog>(limits)) {
  const Line::Write write = [store = store_](const std::vector<NewJob>& items,
                                             pg::Deadline deadline) {
    return Store::Write(store, items, deadline, Patience::kShort);
  };
  const Line::Write write_waiting = [store = store_](const std::vector<NewJob>& items,
                                                     pg::Deadline deadline) {
    return Store::WriteWaiting(store, items, deadline);
  };
  plain_ = std::make_shared<Line>(executor, backlog_, write);
  keyed_ = std::make_shared<Line>(executor, backlog_, write);
  with_options_ = std::make_shared<Line>(executor, backlog_, write);
  keyed_with_options_ = std::make_shared<Line>(executor, backlog_, write);
  waiting_ =
      std::make_shared<Line>(executor, backlog_, write_waiting, Line::Identity{}, kWaitingLimits);
  keyed_->LetWait(waiting_);
  keyed_with_options_->LetWait(waiting_);
}

asio::awaitable<JobWriter::Line::Written> JobWriter::EnqueueJobs(std::vector<NewJob> jobs,
                                                                 pg::Deadline deadline) {
  const std::size_t bytes = SizeOf(jobs);
  if (jobs.size() >= kLargeJobs || bytes >= kLargeBytes) {
    return WriteAlone(std::move(jobs), bytes, deadline);
  }
  const SubmissionKind kind = SubmissionKindOf(jobs);
  const bool waits = MayWait(kind) && store_->AwaitsAny(jobs);
  const auto& line = waits ? waiting_ : LineOf(kind);
  return line->Submit(std::move(jobs), bytes, deadline);
}

asio::awaitable<JobWriter::Line::Written> JobWriter::WriteAlone(std::vector<NewJob> jobs,
                                                                std::size_t bytes,
                                                                pg::Deadline deadline) {
  const auto store = store_;
  const Backlog::Place place = Backlog::Enter(backlog_, jobs.size(), bytes);
  try {
    auto submitted = co_await Store::Write(store, jobs, deadline, Patience::kShort);
    co_return Line::Written{std::move(jobs), std::move(submitted)};
  } catch (const pg::PgError& error) {
    if (error.sqlstate() != pg::kLockNotAvailable) throw;
  }
  auto submitted = co_await Store::WriteWaiting(store, jobs, deadline);
  co_return Line::Written{std::move(jobs), std::move(submitted)};
}

asio::awaitable<tl::expected<JobWriter::Line::Written, RefusedReplay>> JobWriter::EnqueueGuarded(
    std::vector<NewJob> jobs, ReplayGuard guard, pg::Deadline deadline) {
  if (!guard.guards() || !MayWait(SubmissionKindOf(jobs))) {
    co_return co_await EnqueueJobs(std::move(jobs), deadline);
  }
  const auto store = store_;
  const Backlog::Place place = Backlog::Enter(backlog_, jobs.size(), SizeOf(jobs));
  std::optional<GuardedAnswers> submitted;
  if (!store->AwaitsAny(jobs)) {
    try {
      submitted = co_await Store::WriteGuarded(store, jobs, guard, deadline, Patience::kShort);
    } catch (const pg::PgError& error) {
      if (error.sqlstate() != pg::kLockNotAvailable) throw;
    }
  }
  if (!submitted) submitted = co_await Store::WriteGuardedWaiting(store, jobs, guard, deadline);
  if (!*submitted) co_return tl::unexpected(submitted->error());
  co_return Line::Written{std::move(jobs), **std::move(submitted)};
}

const std::shared_ptr<JobWriter::Line>& JobWriter::LineOf(SubmissionKind kind) const {
  switch (kind) {
    case SubmissionKind::kPlain:
      return plain_;
    case SubmissionKind::kKeyed:
      return keyed_;
    case SubmissionKind::kWithOptions:
      return with_options_;
    case SubmissionKind::kKeyedWithOptions:
      break;
  }
  return keyed_with_options_;
}

}  // namespace djps::store
