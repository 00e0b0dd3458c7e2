#pragma once

#include <string>
#include <vector>

#include "djps/job.h"
#include "djps/retry_policy.h"

namespace djps {

/// A retry policy as SQL (djps.retry_delay) and the API have it: compact JSON, names in snake_case.
std::string WriteRetryPolicy(const RetryPolicy& policy);

/// What must be unique, as djps.store_unique_job and the API have it.
std::string WriteUniqueness(const Uniqueness& unique);

/// Tags as a JSON array.
std::string WriteTags(const std::vector<std::string>& tags);

/// A whole submission with all its options, as djps.new_job and the API have it. What has its
/// default value is left out.
std::string WriteNewJob(const NewJob& job);

}  // namespace djps
