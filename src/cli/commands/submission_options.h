// The options of `djps enqueue` that most jobs do without.
#pragma once

#include <CLI/App.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "djps/job.h"

namespace djps::cli {

/// What becomes a member of a NewJob only together with others.
struct SubmissionOptions {
  bool unique = false;
  std::vector<std::string> unique_fields;
  std::optional<Uniqueness::OnConflict> on_conflict;
  std::optional<std::chrono::milliseconds> retry_fixed;
  std::vector<std::chrono::milliseconds> retry_delays;
};

/// Adds them all; gives them back.
std::vector<CLI::Option*> AddSubmissionOptions(CLI::App& command, NewJob& job,
                                               SubmissionOptions& options);

/// What `options` say, as members of the job.
void ApplyOptions(const SubmissionOptions& options, NewJob& job);

/// RFC 3339, or the parsing stops.
Timestamp RequireTime(const std::string& option, const std::string& text);

}  // namespace djps::cli
