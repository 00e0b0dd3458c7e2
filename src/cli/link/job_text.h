#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "djps/job.h"
#include "djps/result.h"

namespace djps::cli {

/// A submission as the body of POST /jobs, with all its options.
std::string WriteSubmission(const NewJob& job);

/// The body of POST /jobs/batch.
std::string WriteBatch(const std::vector<NewJob>& jobs);

/// Parses a job of the API. Errors: kInternal if `json` is not one.
Result<JobRecord> ReadJobRecord(std::string_view json);

/// Parses the answer to POST /jobs/batch. Errors: kInternal.
Result<std::vector<SubmittedJob>> ReadBatchAnswer(std::string_view json);

/// Parses one line of NDJSON, with the server's checks.
///
/// Errors: kInvalidArgument, naming the field and what is wrong with it.
Result<NewJob> ReadSubmission(std::string_view json);

/// "must be ..., got ..." for an invalid job made from options; nothing if it is valid.
Result<void> CheckJob(const NewJob& job);

}  // namespace djps::cli
