#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "djps/job.h"

namespace djps::server {

/// Appends a job as clients see it.
void AppendJob(std::string& out, const JobRecord& job);

/// The record of a job that has just been stored: what was sent and what the database added.
JobRecord RecordOf(NewJob job, const SubmittedJob& submitted);

/// What became of a submission: created, replayed, existing, replaced or rescheduled.
std::string_view OutcomeName(const SubmittedJob& job);

/// Appends what became of a batch: one entry per job, in order, and the totals.
void AppendBatch(std::string& out, const std::vector<SubmittedJob>& submitted);

}  // namespace djps::server
