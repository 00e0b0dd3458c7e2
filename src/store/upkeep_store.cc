#include "store/upkeep_store.h"

#include "store/statements.h"

namespace djps::store {

namespace asio = boost::asio;

asio::awaitable<ServerState> UpkeepStore::CheckServer(pg::Deadline deadline) {
  namespace columns = sql::check_server;
  const pg::Rows rows = co_await pool_.Execute(sql::kCheckServer, {}, deadline);
  const pg::Row row = rows[0];
  const auto version = row.Get(columns::kSchemaVersion);
  // Newer is fine: while a cluster is upgraded, its schema is first.
  co_return ServerState{.version_num = row.Get(columns::kVersionNum),
                        .read_only = row.Get(columns::kReadOnly),
                        .fsync = row.Get(columns::kFsync),
                        .full_page_writes = row.Get(columns::kFullPageWrites),
                        .schema_version = version,
                        .schema_fits = version >= sql::Migrations().back().version};
}

asio::awaitable<int> UpkeepStore::EnsurePartitions(int days, pg::Deadline deadline) {
  pg::Params params;
  params.Add(static_cast<std::int32_t>(days));
  const pg::Rows rows = co_await pool_.Execute(sql::kEnsurePartitions, std::move(params), deadline);
  co_return rows[0].Get(sql::ensure_partitions::kMade);
}

asio::awaitable<int> UpkeepStore::ForgetClaimCursors(std::chrono::milliseconds age,
                                                     pg::Deadline deadline) {
  pg::Params params;
  params.Add(std::chrono::microseconds(age));
  const pg::Rows rows =
      co_await pool_.Execute(sql::kForgetClaimCursors, std::move(params), deadline);
  co_return rows.size();
}

}  // namespace djps::store
