#include "store/batching/job_writer.h"

#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace djps::store {
namespace {

namespace asio = boost::asio;

/// The queues of jobs that can be claimed as soon as they are stored.
std::set<std::string> QueuesDue(const std::vector<NewJob>& jobs) {
  std::set<std::string> queues;
  for (const NewJob& job : jobs) {
    if (!job.run_at && !job.delay) queues.insert(job.queue);
  }
  return queues;
}

/// About what a job takes up here; what most jobs have is exact.
std::size_t SizeOf(const NewJob& job) {
  std::size_t bytes = sizeof(NewJob) + job.payload.size() + job.queue.size() + job.type.size();
  if (job.metadata) bytes += job.metadata->size();
  for (const std::string& tag : job.tags) bytes += sizeof(tag) + tag.size();
  return bytes;
}

}  // namespace

JobWriter::JobWriter(asio::any_io_executor executor, JobStore& jobs, WorkSignal& signal,
                     BacklogLimits limits)
    : jobs_(jobs), signal_(signal), backlog_(std::make_shared<Backlog>(limits)) {
  const Line::Write write = [&jobs, &signal](const std::vector<NewJob>& items,
                                             pg::Deadline deadline) {
    return Write(jobs, signal, items, deadline);
  };
  plain_ = std::make_shared<Line>(executor, backlog_, write);
  keyed_ = std::make_shared<Line>(executor, backlog_, write);
  with_options_ = std::make_shared<Line>(executor, backlog_, write);
}

asio::awaitable<std::vector<SubmittedJob>> JobWriter::Write(JobStore& jobs, WorkSignal& signal,
                                                            const std::vector<NewJob>& items,
                                                            pg::Deadline deadline) {
  std::set<std::string> told;
  if (signal.quiet()) told = QueuesDue(items);
  std::optional<pg::Call> word = signal.Along(told);
  auto submitted = co_await jobs.EnqueueJobs(items, deadline, std::move(word));
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (submitted[i].due() && !told.contains(items[i].queue)) signal.Submitted(items[i].queue);
  }
  co_return submitted;
}

asio::awaitable<JobWriter::Line::Written> JobWriter::EnqueueJobs(std::vector<NewJob> jobs,
                                                                 pg::Deadline deadline) {
  const std::size_t bytes =
      std::accumulate(jobs.begin(), jobs.end(), std::size_t{0},
                      [](std::size_t sum, const NewJob& job) { return sum + SizeOf(job); });
  if (jobs.size() >= kLargeJobs || bytes >= kLargeBytes) {
    return WriteAlone(std::move(jobs), bytes, deadline);
  }
  const auto& line = LineOf(KindOf(jobs));
  return line->Submit(std::move(jobs), bytes, deadline);
}

asio::awaitable<JobWriter::Line::Written> JobWriter::WriteAlone(std::vector<NewJob> jobs,
                                                                std::size_t bytes,
                                                                pg::Deadline deadline) {
  const Backlog::Place place = Backlog::Enter(backlog_, jobs.size(), bytes);
  auto submitted = co_await Write(jobs_, signal_, jobs, deadline);
  co_return Line::Written{std::move(jobs), std::move(submitted)};
}

const std::shared_ptr<JobWriter::Line>& JobWriter::LineOf(SubmissionKind kind) const {
  switch (kind) {
    case SubmissionKind::kPlain:
      return plain_;
    case SubmissionKind::kKeyed:
      return keyed_;
    case SubmissionKind::kWithOptions:
      break;
  }
  return with_options_;
}

}  // namespace djps::store
