#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "djps/job.h"
#include "pg/pool.h"

namespace djps::store {

/// The result of a cancellation.
struct CanceledJob {
  Uuid id;
  std::string state;  ///< "canceled", "requested", or the terminal status that it had already.
};

/// A job that was put back into the queue, or that stays as it is: it is unique, and another job
/// has its place.
struct RetriedJob {
  Uuid id;
  JobStatus was = JobStatus::kQueued;
  std::optional<Uuid> held_by = {};  ///< The job that has the place; nothing was changed then.
};

/// What an edit came to.
struct EditedJob {
  bool changed = false;              ///< False: it does not wait, or `held_by`.
  std::optional<Uuid> held_by = {};  ///< The job that has the place of the new payload.
};

using djps::JobEdit;

struct FullQueue {
  std::string name;
  int max_backlog = 0;
};

struct RetryPolicyEntry {
  std::string type;
  std::string policy;  ///< JSON text.
};

/// One action on many jobs, as the audit shows it: one entry, to which each page adds its jobs.
struct BulkAction {
  std::string action;  ///< cancel, retry or purge
  std::string detail;  ///< JSON object: the filter, the reason.
  /// Its entry. Nothing before the first page.
  std::optional<std::int64_t> audit = {};
};

/// A job that a bulk action changed.
struct AuditedJob {
  Uuid id;
  std::string was;  ///< Its status before; of a cancellation "waiting" or "running".
};

struct AuditEntry {
  std::int64_t id = 0;
  Timestamp at{};
  std::string actor;
  std::string action;
  std::string target;
  std::string detail;  ///< JSON text.
};

/// The texts of one page of the audit have so many bytes as JSON, or it has one entry.
inline constexpr std::int32_t kAuditBytesMax = 4 << 20;

struct AuditPage {
  std::vector<AuditEntry> entries = {};
  bool more = false;  ///< There may be older ones.
};

/// Changes to jobs and queues by people: typed calls over src/store/sql/operate and
/// src/store/sql/queues. Each is recorded in the audit. Throws pg::PgError when the database is
/// away.
class OperatorStore {
 public:
  explicit OperatorStore(pg::Pool& pool) : OperatorStore(pool, pool) {}
  /// `waiting` is for statements that may wait until another transaction releases a job.
  OperatorStore(pg::Pool& pool, pg::Pool& waiting) : pool_(pool), waiting_(waiting) {}

  /// The entry of the audit for a bulk action: that of its pages before, or a new one. Its id goes
  /// to the calls below as `audit`; without it they write an entry for each job.
  boost::asio::awaitable<std::int64_t> OpenBulk(const BulkAction& bulk, const std::string& actor,
                                                pg::Deadline deadline);

  /// A job that is missing in the answer does not exist.
  boost::asio::awaitable<std::vector<CanceledJob>> CancelJobs(
      const std::vector<Uuid>& ids, const std::string& actor,
      const std::optional<std::string>& reason, pg::Deadline deadline,
      std::optional<std::int64_t> audit = {});

  /// Makes jobs claimable at once: those that wait, and those that ended as one of `from`, which
  /// begin again from attempt 0. Gives back what it changed, and the unique jobs that it did not.
  boost::asio::awaitable<std::vector<RetriedJob>> RetryJobs(const std::vector<Uuid>& ids,
                                                            const std::vector<JobStatus>& from,
                                                            const std::string& actor,
                                                            pg::Deadline deadline,
                                                            std::optional<std::int64_t> audit = {});

  boost::asio::awaitable<EditedJob> EditJob(Uuid id, const JobEdit& edit, const std::string& actor,
                                            pg::Deadline deadline);

  /// Deletes jobs that ended as one of `from`. Gives back those that are gone.
  boost::asio::awaitable<std::vector<Uuid>> PurgeJobs(const std::vector<Uuid>& ids,
                                                      const std::vector<JobStatus>& from,
                                                      const std::string& actor,
                                                      pg::Deadline deadline,
                                                      std::optional<std::int64_t> audit = {});

  /// Ends at most `limit` jobs whose deadline passed before they started.
  boost::asio::awaitable<std::vector<Uuid>> BuryOverdue(int limit, pg::Deadline deadline);

  /// Whether it was a change. After a pause no claim of the queue commits any more.
  boost::asio::awaitable<bool> SetQueuePaused(const std::string& queue, bool paused,
                                              const std::string& actor, pg::Deadline deadline);

  /// Maximum number of waiting jobs in the queue; nothing: no limit.
  boost::asio::awaitable<void> SetQueueLimit(const std::string& queue,
                                             std::optional<int> max_backlog,
                                             const std::string& actor, pg::Deadline deadline);

  /// The queues that have reached their limit.
  boost::asio::awaitable<std::vector<FullQueue>> ListFullQueues(pg::Deadline deadline);

  /// How jobs of a type wait between attempts (JSON text); nothing: the default. Whether it was a
  /// change.
  boost::asio::awaitable<bool> SetRetryPolicy(const std::string& type,
                                              const std::optional<std::string>& policy,
                                              const std::string& actor, pg::Deadline deadline);
  boost::asio::awaitable<std::vector<RetryPolicyEntry>> ListRetryPolicies(pg::Deadline deadline);

  /// Newest first, older than `before` where given; of one job, queue or type where given. Those of
  /// a job include the bulk actions that changed it. Up to `limit`, or fewer where they have
  /// kAuditBytesMax.
  boost::asio::awaitable<AuditPage> ListAudit(const std::optional<std::string>& target,
                                              std::optional<std::int64_t> before, int limit,
                                              pg::Deadline deadline);

  /// The jobs of a bulk action, after the first `after`; nothing if there is no such entry.
  boost::asio::awaitable<std::optional<std::vector<AuditedJob>>> ListAuditJobs(
      std::int64_t audit, int after, int limit, pg::Deadline deadline);

 private:
  pg::Pool& pool_;
  pg::Pool& waiting_;
};

}  // namespace djps::store
