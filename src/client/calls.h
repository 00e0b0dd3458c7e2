#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

#include "djps/client.h"
#include "pg/pool.h"
#include "store/batching/job_writer.h"
#include "store/queue_limits.h"
#include "store/stores.h"

namespace djps::client {

template <typename T>
using Call = boost::asio::awaitable<Result<T>>;

/// Every call of a Client as a coroutine. They take values, since the caller may give up before the
/// call ends. Throws pg::PgError. Thread-safety: everything on the pool's thread; but a call may be
/// created (not awaited) on any thread.
class Calls {
 public:
  /// `waiting` is for statements that wait for a lock, so that others need not wait behind them.
  Calls(pg::Pool& pool, pg::Pool& waiting, std::string actor)
      : stores_(store::SubmissionPools{pool, pool, waiting}, pool),
        submissions_(pool.executor(), stores_.jobs, stores_.signal),
        actor_(std::move(actor)) {}

  Call<std::vector<SubmittedJob>> Submit(std::vector<NewJob> jobs, pg::Deadline deadline);
  Call<std::optional<JobRecord>> Find(Uuid id, pg::Deadline deadline);
  Call<JobRecord> Wait(Uuid id, pg::Deadline end, std::chrono::milliseconds timeout);
  Call<std::vector<PastAttempt>> Attempts(Uuid id, pg::Deadline deadline);
  Call<JobPage> List(JobFilter filter, ListOptions options, pg::Deadline deadline);
  Call<CancelOutcome> Cancel(Uuid id, std::optional<std::string> reason, pg::Deadline deadline);
  Call<JobRecord> Retry(Uuid id, bool run_again, pg::Deadline deadline);
  Call<JobRecord> Edit(Uuid id, JobEdit edit, pg::Deadline deadline);
  Call<bool> Purge(Uuid id, pg::Deadline deadline);
  Call<QueuePage> ListQueues(QueueListOptions options, pg::Deadline deadline);
  Call<bool> SetQueuePaused(std::string queue, bool paused, pg::Deadline deadline);
  Call<bool> SetQueueLimit(std::string queue, std::optional<int> max_backlog,
                           pg::Deadline deadline);

 private:
  /// The current job, or why an action on it did nothing; `needed` is the requirement of the
  /// action.
  Call<JobRecord> Answer(Uuid id, bool done, std::string needed, pg::Deadline deadline);
  /// A unique job stays as it is: `holder` has its place.
  Call<JobRecord> AnswerPlaceTaken(Uuid holder, pg::Deadline deadline);

  store::Stores stores_;
  store::QueueLimits limits_{stores_.operators};
  store::JobWriter submissions_;  // writes concurrent submissions together
  std::string actor_;
};

}  // namespace djps::client
