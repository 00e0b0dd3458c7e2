#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "djps/job.h"
#include "djps/job_filter.h"
#include "djps/result.h"

namespace djps::client {

/// The job as it can be stored: its JSON compact. Errors: kInvalidArgument for the first thing that
/// is wrong with it; `field` is named as in HTTP ("maxAttempts", "retry.delaysMs").
Result<NewJob> CheckedJob(NewJob job);

/// The same for a change. Errors: as CheckedJob; an edit that changes nothing is one.
Result<JobEdit> CheckedEdit(JobEdit edit);

Result<void> CheckFilter(const JobFilter& filter);
Result<void> CheckQueueName(std::string_view queue);
Result<void> CheckReason(std::string_view reason);

}  // namespace djps::client
