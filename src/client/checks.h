#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "djps/job.h"
#include "djps/job_filter.h"
#include "djps/result.h"

namespace djps::client {

/// The job with compact JSON, ready to store. Errors: kInvalidArgument for the first error; `field`
/// is named as in HTTP ("maxAttempts", "retry.delaysMs").
Result<NewJob> CheckedJob(NewJob job);

/// The same for an edit. Errors: as CheckedJob; also for an edit that changes nothing.
Result<JobEdit> CheckedEdit(JobEdit edit);

Result<void> CheckFilter(const JobFilter& filter);
Result<void> CheckQueueName(std::string_view queue);
Result<void> CheckReason(std::string_view reason);

}  // namespace djps::client
