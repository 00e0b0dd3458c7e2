#include "store/claim_gatherer.h"

#include <utility>

namespace djps::store {
namespace {

namespace asio = boost::asio;

/// While one claim is on its way back, the next is worked on; more would only pass over what the
/// others have locked.
constexpr GroupCommitLimits kLimits{
    .batches = 2, .batch_items = 200, .batch_bytes = 2 * kClaimLimitMax};
/// Beyond this, all lines begin anew; those at work end what they do.
constexpr std::size_t kLinesMax = 1'000;

}  // namespace

ClaimGatherer::ClaimGatherer(asio::any_io_executor executor, LeaseStore& leases,
                             BacklogLimits limits)
    : executor_(std::move(executor)),
      leases_(leases),
      backlog_(std::make_shared<Backlog>(limits)) {}

std::shared_ptr<ClaimGatherer::Line> ClaimGatherer::LineFor(const ClaimRequest& request) {
  const std::string kind = KindOf(request);
  if (lines_.size() >= kLinesMax && !lines_.contains(kind)) lines_.clear();
  std::shared_ptr<Line>& line = lines_[kind];
  if (!line) {
    auto claim = [&leases = leases_](const Line::Items& requests, pg::Deadline deadline) {
      return leases.ClaimForMany(requests, deadline);
    };
    line = std::make_shared<Line>(executor_, backlog_, std::move(claim), Line::Identity{}, kLimits);
  }
  return line;
}

asio::awaitable<ClaimedBatch> ClaimGatherer::ClaimJobs(ClaimRequest request,
                                                       pg::Deadline deadline) {
  const std::shared_ptr<Line> line = LineFor(request);
  const std::size_t size = request.limit;  // takes the place of bytes: a claim's are not known yet
  Line::Items alone;
  alone.push_back(std::move(request));
  Line::Written written = co_await line->Submit(std::move(alone), size, deadline);
  co_return std::move(written.answers.front());
}

GroupCommitCounts ClaimGatherer::counts(const ClaimRequest& request) const {
  const auto line = lines_.find(KindOf(request));
  return line == lines_.end() ? GroupCommitCounts{} : line->second->counts();
}

}  // namespace djps::store
