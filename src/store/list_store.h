#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

#include "djps/job.h"
#include "djps/job_filter.h"
#include "pg/pool.h"

namespace djps::store {

/// Maximum number of jobs that one call examines before it returns what it has found.
inline constexpr int kListScanMax = 20'000;
inline constexpr int kListLimitMax = 1'000;
/// Bytes of JSON and error texts that end a page, so that no list takes the memory of a server.
inline constexpr std::int32_t kListBytesMax = 4 << 20;

/// How much of each job is read.
enum class ListDetail {
  kBrief,      ///< Without payload, result, error and metadata: for actions on jobs.
  kNoPayload,  ///< All but the payload, which is "null".
  kAll,
};

enum class ListOrder {
  kNewest,  ///< By creation, the latest first.
  kOldest,  ///< By creation, the earliest first.
  kNext,    ///< In claim order: by queue, priority and due time.
};

using djps::JobFilter;

/// A place in a list: the job that was examined last. Only kNext uses more than the id.
struct ListPosition {
  Uuid id;
  std::string queue = {};
  std::int16_t priority = 0;
  Timestamp visible_at{};
};

struct ListRequest {
  JobFilter filter = {};
  ListOrder order = ListOrder::kNewest;  ///< kNext only with the status queued alone.
  std::optional<ListPosition> after = {};
  int limit = 100;  ///< 1..kListLimitMax
  int scan = kListScanMax;
  ListDetail detail = ListDetail::kNoPayload;
};

struct ListPage {
  std::vector<JobRecord> jobs;       ///< In order.
  std::optional<ListPosition> next;  ///< Where to go on; nothing at the end of the list.
  bool scan_ended = false;           ///< The page is short because of ListRequest::scan.
};

/// Lists of jobs: typed calls over src/store/sql/lists. Each call reads a bounded number of rows,
/// whatever the database contains, and a page ends early at kListBytesMax. Throws pg::PgError.
class ListStore {
 public:
  explicit ListStore(pg::Pool& pool) : pool_(pool) {}

  /// A page of jobs. A job that matches the filter during the whole listing is on exactly one page,
  /// also while others are added. A job that changes its status meanwhile may be on none.
  boost::asio::awaitable<ListPage> ListJobs(const ListRequest& request, pg::Deadline deadline);

  /// Those of these jobs that exist, in the order given and brief.
  boost::asio::awaitable<std::vector<JobRecord>> FindJobs(const std::vector<Uuid>& ids,
                                                          pg::Deadline deadline);

 private:
  struct Found;
  struct Read;

  boost::asio::awaitable<Found> Walk(const ListRequest& request, pg::Deadline deadline);
  boost::asio::awaitable<Read> ReadJobs(const std::vector<Uuid>& ids, ListDetail detail,
                                        pg::Deadline deadline);

  pg::Pool& pool_;
};

}  // namespace djps::store
