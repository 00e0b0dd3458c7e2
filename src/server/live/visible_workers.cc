#include "server/live/visible_workers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <string_view>
#include <utility>

#include "core/check.h"
#include "core/json_members.h"

namespace djps::server {
namespace {

/// Keeps the items of a JSON array for which `keeps` is true; returns their number.
template <typename Keeps>
std::size_t Keep(std::string& array, const Keeps& keeps) {
  const auto items = SplitArray(array);
  DJPS_CHECK(items.has_value());
  std::vector<std::string> kept;
  for (const std::string& item : *items) {
    if (keeps(item)) kept.push_back(item);
  }
  array = fmt::format("[{}]", fmt::join(kept, ","));
  return kept.size();
}

bool IsOwn(const Caller& caller, const std::string& job) {
  const auto members = SplitObject(job);
  DJPS_CHECK(members.has_value());
  const auto text = [&](std::string_view name) {
    return ReadJsonString(FindMember(*members, name).value_or("")).value_or("");
  };
  return caller.MayUseJob(text("queue"), text("type"));
}

/// Reduces a worker's list of names to those that the caller may know (`may`). An empty list means
/// any name.
template <typename May>
bool KeepNames(std::string& names, const May& may) {
  if (names == "[]") return true;
  return Keep(names,
              [&](const std::string& name) { return may(ReadJsonString(name).value_or("")); }) > 0;
}

}  // namespace

std::vector<store::WorkerRecord> VisibleWorkers(const Caller& caller,
                                                std::vector<store::WorkerRecord> workers) {
  if (!caller.restricted()) return workers;
  std::erase_if(workers, [&](store::WorkerRecord& worker) {
    const auto running = Keep(worker.jobs, [&](const auto& job) { return IsOwn(caller, job); });
    worker.running = static_cast<int>(running);
    const bool queue =
        KeepNames(worker.queues, [&](const auto& n) { return caller.MayUseQueue(n); });
    const bool type = KeepNames(worker.types, [&](const auto& n) { return caller.MayUseType(n); });
    return !queue || !type;
  });
  return workers;
}

}  // namespace djps::server
