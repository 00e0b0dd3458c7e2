#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>

#include "pg/pool.h"

namespace djps::store {

struct ServerState {
  int version_num = 0;  ///< 150018 for 15.18.
  bool read_only = false;
  bool fsync = true;
  bool full_page_writes = true;
  int schema_version = 0;
  bool schema_fits = false;  ///< It has all migrations of this binary.
};

/// The database itself: its health and its upkeep. Calls throw pg::PgError.
class UpkeepStore {
 public:
  explicit UpkeepStore(pg::Pool& pool) : pool_(pool) {}

  boost::asio::awaitable<ServerState> CheckServer(pg::Deadline deadline);

  /// Makes missing partitions for today and `days` more; gives back how many.
  boost::asio::awaitable<int> EnsurePartitions(int days, pg::Deadline deadline);

  /// Deletes claim cursors that were not saved for that long; returns how many.
  boost::asio::awaitable<int> ForgetClaimCursors(std::chrono::milliseconds age,
                                                 pg::Deadline deadline);

 private:
  pg::Pool& pool_;
};

}  // namespace djps::store
