#pragma once

#include <string>
#include <vector>

#include "djps/job.h"
#include "djps/retry_policy.h"

namespace djps {

/// A retry policy as used by SQL (djps.retry_delay) and the API: compact JSON, names in snake_case.
std::string WriteRetryPolicy(const RetryPolicy& policy);

/// Uniqueness, as used by djps.store_unique_job and the API.
std::string WriteUniqueness(const Uniqueness& unique);

/// Tags as a JSON array.
std::string WriteTags(const std::vector<std::string>& tags);

/// A whole submission with all its options, as used by djps.new_job and the API. Default values are
/// omitted.
std::string WriteNewJob(const NewJob& job);

}  // namespace djps
