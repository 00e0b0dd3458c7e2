#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "djps/job.h"

namespace djps::server {

/// May be large; lists and events omit it.
enum class JobPayload { kShown, kLeftOff };

/// Appends a job as JSON for clients.
void AppendJob(std::string& out, const JobRecord& job, JobPayload payload = JobPayload::kShown);

/// Appends a time, or null.
void AppendTime(std::string& out, const std::optional<Timestamp>& time);

/// The record of a job that has just been stored: the submission and what the database added.
JobRecord RecordOf(NewJob job, const SubmittedJob& submitted);

/// The outcome of a submission: created, replayed, existing, replaced or rescheduled.
std::string_view OutcomeName(const SubmittedJob& job);

/// Appends the outcome of a batch: one entry per job, in order, and the totals.
void AppendBatch(std::string& out, const std::vector<SubmittedJob>& submitted);

}  // namespace djps::server
