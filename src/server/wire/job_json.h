#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "djps/job.h"

namespace djps::server {

/// May be large; lists and events leave it off.
enum class JobPayload { kShown, kLeftOff };

/// Appends a job as clients see it.
void AppendJob(std::string& out, const JobRecord& job, JobPayload payload = JobPayload::kShown);

/// Appends a moment, or null.
void AppendTime(std::string& out, const std::optional<Timestamp>& time);

/// The record of a job that has just been stored: what was sent and what the database added.
JobRecord RecordOf(NewJob job, const SubmittedJob& submitted);

/// What became of a submission: created, replayed, existing, replaced or rescheduled.
std::string_view OutcomeName(const SubmittedJob& job);

/// Appends what became of a batch: one entry per job, in order, and the totals.
void AppendBatch(std::string& out, const std::vector<SubmittedJob>& submitted);

}  // namespace djps::server
