#include "store/claims/claim_gatherer.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

namespace djps::store {
namespace {

namespace asio = boost::asio;

/// While the answer of one claim is under way, the next one runs; more would only skip rows that
/// the others have locked.
constexpr GroupCommitLimits kLimits{
    .batches = 2, .batch_items = 200, .batch_bytes = 2 * kClaimLimitMax};
/// A job of this size counts as two.
constexpr std::size_t kUsualJobBytes = 4U << 10U;
/// One worker gets at most this much at once, or one job.
constexpr std::size_t kAnswerBytesMax = 8U << 20U;
/// Above this number all lines are replaced; running ones finish.
constexpr std::size_t kLinesMax = 1'000;

/// The unit of a batch's limit, since bytes are unknown in advance: jobs; large ones count several
/// times.
std::size_t Weight(std::size_t jobs, std::optional<std::size_t> job_bytes) {
  constexpr std::size_t kUnknown = kLimits.batch_bytes / ClaimGatherer::kFirstSharedJobs + 1;
  return jobs * (job_bytes ? 1 + *job_bytes / kUsualJobBytes : kUnknown);
}

/// The most jobs that one worker is given at once.
std::size_t MostJobs(std::optional<std::size_t> job_bytes) {
  if (!job_bytes) return ClaimGatherer::kFirstJobsMax;
  return std::max<std::size_t>(1, kAnswerBytesMax / std::max<std::size_t>(1, *job_bytes));
}

std::size_t SizeOf(const std::optional<std::string>& text) { return text ? text->size() : 0; }

std::size_t BytesOf(const ClaimedBatch& batch) {
  return std::accumulate(batch.jobs.begin(), batch.jobs.end(), std::size_t{0},
                         [](std::size_t sum, const ClaimedJob& job) {
                           return sum + job.payload.size() + SizeOf(job.metadata) +
                                  SizeOf(job.checkpoint);
                         });
}

}  // namespace

ClaimGatherer::ClaimGatherer(asio::any_io_executor executor, LeaseStore& leases,
                             BacklogLimits limits)
    : executor_(std::move(executor)),
      leases_(leases),
      backlog_(std::make_shared<Backlog>(limits)) {}

std::shared_ptr<ClaimGatherer::Kind> ClaimGatherer::FindKind(const ClaimRequest& request) {
  const std::string name = ClaimKey(request);
  if (kinds_.size() >= kLinesMax && !kinds_.contains(name)) kinds_.clear();
  std::shared_ptr<Kind>& kind = kinds_[name];
  if (!kind) {
    auto claim = [&leases = leases_](const Line::Items& requests, pg::Deadline deadline) {
      return leases.ClaimForMany(requests, deadline);
    };
    // Returns jobs for a worker that has given up meanwhile.
    auto unheard = [&leases = leases_](const Line::Answers& batches) {
      for (const ClaimedBatch& batch : batches) {
        if (!batch.jobs.empty()) leases.ReturnLease(batch.lease);
      }
    };
    kind = std::make_shared<Kind>();
    kind->line = std::make_shared<Line>(executor_, backlog_, std::move(claim), Line::Identity{},
                                        kLimits, std::move(unheard));
  }
  return kind;
}

asio::awaitable<ClaimedBatch> ClaimGatherer::ClaimJobs(ClaimRequest request,
                                                       pg::Deadline deadline) {
  const std::shared_ptr<Kind> kind = FindKind(request);
  request.limit = std::min(request.limit, MostJobs(kind->job_bytes));
  const std::size_t weight = Weight(request.limit, kind->job_bytes);
  Line::Items alone;
  alone.push_back(std::move(request));
  Line::Written written = co_await kind->line->Submit(std::move(alone), weight, deadline);
  ClaimedBatch batch = std::move(written.answers.front());
  if (!batch.jobs.empty()) {
    kind->job_bytes = std::max(BytesOf(batch) / batch.jobs.size(), kind->job_bytes.value_or(0) / 2);
  }
  co_return batch;
}

GroupCommitCounts ClaimGatherer::counts(const ClaimRequest& request) const {
  const auto kind = kinds_.find(ClaimKey(request));
  return kind == kinds_.end() ? GroupCommitCounts{} : kind->second->line->counts();
}

}  // namespace djps::store
