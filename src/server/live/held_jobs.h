#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <unordered_set>
#include <utility>
#include <vector>

#include "djps/uuid.h"
#include "pg/error.h"
#include "server/http/problem.h"
#include "server/http/response.h"
#include "server/wire/fields.h"
#include "server/wire/slices.h"

namespace djps::server {

/// Maximum number of jobs in one call of a worker: one transaction, and far more than a worker runs
/// at once.
inline constexpr std::size_t kHeldJobsMax = 1'000;

/// A worker's report about jobs that it holds: `{"jobs": [{…}, …]}`, or the object of one job.
template <typename Job>
struct HeldJobs {
  std::vector<Job> jobs;
  bool single = false;
};

/// The objects of a body; `fields` itself for a single job.
std::vector<Fields> HeldJobItems(Fields& fields);

/// Reads the jobs of a body: id and leaseToken here, the rest by `read(Fields&, Job&)`. In slices,
/// so that a large body does not block others.
template <typename Job, typename Read>
boost::asio::awaitable<tl::expected<HeldJobs<Job>, Problem>> ReadHeldJobs(std::string_view body,
                                                                          Read read) {
  FieldsParser parser;
  if (FitsSlice(body)) {
    parser.Feed(body);
  } else {
    co_await FeedInSlices(parser, body);
  }
  Fields fields(std::move(parser));
  HeldJobs<Job> held;
  held.single = !fields.Has("jobs");
  std::unordered_set<Uuid> ids;
  std::size_t since_yield = 0;
  for (Fields& item : HeldJobItems(fields)) {
    since_yield += item.size();
    if (since_yield > kSliceBytes) {
      since_yield = 0;
      co_await Yield();
    }
    Job& job = held.jobs.emplace_back();
    job.job = item.Required("id", item.Id("id"));
    job.lease = item.Required("leaseToken", item.Id("leaseToken"));
    read(item, job);
    if (!ids.insert(job.job).second && job.job != Uuid{}) item.Add("id", "names a job twice");
  }
  if (auto problem = fields.Finish()) co_return tl::unexpected(*std::move(problem));
  co_return held;
}

/// A job whose value cannot be stored, and why: "must be ...", "holds ...".
struct RejectedJob {
  Uuid id;
  std::string detail;
};

/// The outcomes for the jobs of one call.
struct HeldJobsResult {
  std::vector<Uuid> done;
  std::vector<RejectedJob> rejected;
};

/// Writes `jobs` with `write`, which returns the ids that were held. A bad value must not fail the
/// other jobs: the batch is halved until the bad job is alone.
template <typename Job, typename Write>
boost::asio::awaitable<void> WriteHeldJobs(std::vector<Job> jobs, Write& write,
                                           HeldJobsResult& result) {
  std::optional<std::string> refused;
  const Uuid first = jobs.front().job;
  std::vector<Job> kept;  // several batches may be halved
  if (jobs.size() > 1) kept = jobs;
  try {
    const std::vector<Uuid> done = co_await write(std::move(jobs));
    result.done.insert(result.done.end(), done.begin(), done.end());
  } catch (const pg::PgError& error) {
    if (!error.bad_value()) throw;
    refused = std::string("holds a value that Postgres cannot store: ") + error.what();
  }
  if (!refused) co_return;
  if (kept.empty()) {
    result.rejected.push_back({first, *std::move(refused)});
    co_return;
  }
  const auto middle = kept.begin() + static_cast<std::ptrdiff_t>(kept.size() / 2);
  std::vector<Job> second(std::make_move_iterator(middle), std::make_move_iterator(kept.end()));
  kept.erase(middle, kept.end());
  co_await WriteHeldJobs(std::move(kept), write, result);
  co_await WriteHeldJobs(std::move(second), write, result);
}

/// The answer: done, lost, and rejected if there are any; `more` is appended before the end
/// (",\"name\":value"). A problem if all are lost, or if the only job was rejected for its `blamed`
/// field.
tl::expected<Response, Problem> AnswerHeldJobs(const std::vector<Uuid>& asked, bool single,
                                               const HeldJobsResult& result,
                                               std::string_view blamed, std::string_view more = {});

/// The ids of `jobs`.
template <typename Job>
std::vector<Uuid> IdsOf(const std::vector<Job>& jobs) {
  std::vector<Uuid> ids;
  ids.reserve(jobs.size());
  for (const Job& job : jobs) ids.push_back(job.job);
  return ids;
}

}  // namespace djps::server
