#pragma once

#include <string>

#include "cli/frame/terminal.h"
#include "djps/job.h"

namespace djps::cli {

/// Formats a job for people.
std::string FormatJobCard(const JobRecord& job, const Style& style);

}  // namespace djps::cli
