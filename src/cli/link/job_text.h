#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "djps/job.h"
#include "djps/result.h"

namespace djps::cli {

/// A submission as POST /jobs takes it, with all its options.
std::string WriteSubmission(const NewJob& job);

/// The body of POST /jobs/batch.
std::string WriteBatch(const std::vector<NewJob>& jobs);

/// A job as the API shows it. Errors: kInternal when that is not what `json` is.
Result<JobRecord> ReadJobRecord(std::string_view json);

/// The answer to POST /jobs/batch. Errors: kInternal.
Result<std::vector<SubmittedJob>> ReadBatchAnswer(std::string_view json);

/// One submission of NDJSON, checked as the server would.
///
/// Errors: kInvalidArgument, naming the field and what is wrong with it.
Result<NewJob> ReadSubmission(std::string_view json);

/// "must be ..., got ..." for a job made from options; nothing when it may be sent.
Result<void> CheckJob(const NewJob& job);

}  // namespace djps::cli
