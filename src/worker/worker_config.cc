#include "worker/worker_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "core/process_name.h"
#include "core/random.h"
#include "core/text.h"
#include "core/validation.h"
#include "core/version.h"

namespace djps::worker {
namespace {

template <typename T>
void RequireRange(const char* field, T value, T low, T high, const char* unit) {
  if (value < low || value > high) {
    throw std::invalid_argument(
        fmt::format("{} must be from {} to {} {}, got {}", field, low, high, unit, value));
  }
}

void Require(const char* field, const std::optional<std::string>& trouble) {
  if (trouble) throw std::invalid_argument(fmt::format("{} {}", field, *trouble));
}

/// Containers that share a host name may have the same process id, so a random part makes the name
/// unique.
std::string DefaultName(const WorkerConfig& config) {
  std::array<std::uint8_t, 4> unique{};
  RandomSource().Fill(unique);
  std::string name = fmt::format("{}-{:02x}", ProcessName(), fmt::join(unique, ""));
  if (config.queue != kDefaultQueue) name += "/" + config.queue;
  return CleanText(name, kNameBytesMax);
}

}  // namespace

WorkerConfig Checked(WorkerConfig config) {
  RequireRange<std::size_t>("concurrency", config.concurrency, 1, 10'000, "jobs");
  RequireRange<std::int64_t>("lease", config.lease.count(), 1'000, 86'400'000, "ms");
  RequireRange<std::int64_t>("timeout", config.timeout.count(), 0, 30LL * 86'400'000, "ms");
  RequireRange<std::int64_t>("grace", config.grace.count(), 0, 86'400'000, "ms");
  RequireRange<std::int64_t>("poll_interval_max", config.poll_interval_max.count(), 1, 60'000,
                             "ms");
  Require("queue", NameTrouble(config.queue));
  if (config.name.empty()) config.name = DefaultName(config);
  Require("name", WorkerNameTrouble(config.name));
  return config;
}

store::WorkerReport Describe(const WorkerConfig& config, const Registry& registry) {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return {.name = config.name,
          .kind = "native",
          .host = CleanText(host.data(), host.size()),
          .pid = getpid(),
          .queues = {config.queue},
          .types = registry.types(),
          .capacity = static_cast<std::int32_t>(config.concurrency),
          .version = fmt::format("djps/{}", kVersion)};
}

}  // namespace djps::worker
