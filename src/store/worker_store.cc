#include "store/worker_store.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/ids.h"
#include "store/statements.h"

namespace djps::store {
namespace {

namespace asio = boost::asio;
using std::chrono::microseconds;

/// Names hold no comma (core/validation.h).
std::optional<std::string> Joined(const std::vector<std::string>& names) {
  if (names.empty()) return std::nullopt;
  return fmt::format("{}", fmt::join(names, ","));
}

WorkerRecord ReadWorker(const pg::Row& row) {
  namespace columns = sql::list_workers;
  WorkerRecord worker;
  worker.name = row.Get(columns::kName);
  worker.kind = row.Get(columns::kKind);
  worker.host = row.Find(columns::kHost);
  worker.pid = row.Find(columns::kPid);
  worker.queues = row.Get(columns::kQueues);
  worker.types = row.Get(columns::kTypes);
  worker.capacity = row.Find(columns::kCapacity);
  worker.running = row.Get(columns::kRunning);
  worker.version = row.Get(columns::kVersion);
  worker.started_at = row.Get(columns::kStartedAt);
  worker.last_seen_at = row.Get(columns::kLastSeenAt);
  worker.jobs = row.Get(columns::kJobs);
  return worker;
}

}  // namespace

asio::awaitable<void> WorkerStore::ReportWorkers(const std::vector<WorkerReport>& workers,
                                                 pg::Deadline deadline) {
  pg::Params params;
  params.AddArray(workers, [](const WorkerReport& w) { return std::string_view(w.name); });
  params.AddArray(workers, [](const WorkerReport& w) { return std::string_view(w.kind); });
  params.AddArray(workers, [](const WorkerReport& w) { return w.host; });
  params.AddArray(workers, [](const WorkerReport& w) { return w.pid; });
  params.AddArray(workers, [](const WorkerReport& w) { return Joined(w.queues); });
  params.AddArray(workers, [](const WorkerReport& w) { return Joined(w.types); });
  params.AddArray(workers, [](const WorkerReport& w) { return w.capacity; });
  params.AddArray(workers, [](const WorkerReport& w) { return w.running; });
  params.AddArray(workers, [](const WorkerReport& w) { return std::string_view(w.version); });
  co_await pool_.Execute(sql::kReportWorkers, std::move(params), deadline);
}

asio::awaitable<WorkerCount> WorkerStore::CountWorkers(const std::string& queue,
                                                       const std::vector<std::string>& types,
                                                       pg::Deadline deadline) {
  namespace columns = sql::count_workers;
  pg::Params params;
  params.Add(queue);
  params.AddArray(types, [](const std::string& type) { return std::string_view(type); });
  const pg::Rows rows = co_await pool_.Execute(sql::kCountWorkers, std::move(params), deadline);
  co_return WorkerCount{.everywhere = rows[0].Get(columns::kEverywhere),
                        .alike = rows[0].Get(columns::kAlike),
                        .free = rows[0].Get(columns::kFree)};
}

asio::awaitable<void> WorkerStore::RemoveWorker(const WorkerReport& worker, pg::Deadline deadline) {
  pg::Params params;
  params.Add(worker.name).Add(worker.host).Add(worker.pid);
  co_await pool_.Execute(sql::kRemoveWorker, std::move(params), deadline);
}

asio::awaitable<int> WorkerStore::ForgetWorkers(std::chrono::milliseconds silence,
                                                pg::Deadline deadline) {
  pg::Params params;
  params.Add(microseconds(silence));
  const pg::Rows rows = co_await pool_.Execute(sql::kForgetWorkers, std::move(params), deadline);
  co_return rows.size();
}

asio::awaitable<std::vector<WorkerRecord>> WorkerStore::ListWorkers(
    std::chrono::milliseconds within, int limit, pg::Deadline deadline) {
  pg::Params params;
  params.Add(kLane).Add(microseconds(within)).Add(static_cast<std::int32_t>(limit));
  const pg::Rows rows = co_await pool_.Execute(sql::kListWorkers, std::move(params), deadline);
  std::vector<WorkerRecord> workers;
  for (const pg::Row row : rows) workers.push_back(ReadWorker(row));
  co_return workers;
}

}  // namespace djps::store
