#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace djps {

/// 10,000 jobs in one transaction take well under a second; more would delay others. SQL has the
/// same limit in djps.enqueue_many.
inline constexpr std::size_t kBatchJobsMax = 10'000;

/// 366 days: the longest delay.
inline constexpr std::chrono::milliseconds kDelayMax = std::chrono::hours(24 * 366);
inline constexpr std::chrono::milliseconds kTimeoutMax{std::numeric_limits<std::int32_t>::max()};
inline constexpr std::chrono::milliseconds kKeyLifetimeMin = std::chrono::seconds(1);
inline constexpr std::size_t kTagsMax = 20;
inline constexpr std::size_t kTagBytesMax = 128;
inline constexpr std::size_t kMetadataBytesMax = 64U << 10U;
inline constexpr std::size_t kUniqueFieldsMax = 20;
inline constexpr std::size_t kDelaysMax = 1'000;
inline constexpr double kFactorMax = 100;

/// Limits of changes to jobs and queues.
inline constexpr std::size_t kReasonBytesMax = 1'000;
inline constexpr int kBacklogMax = 100'000'000;

}  // namespace djps
