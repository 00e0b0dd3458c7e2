// The less common options of `djps enqueue`.
#pragma once

#include <CLI/App.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "djps/job.h"

namespace djps::cli {

/// Options that together make one member of a NewJob.
struct SubmissionOptions {
  bool unique = false;
  std::vector<std::string> unique_fields;
  std::optional<Uniqueness::OnConflict> on_conflict;
  std::optional<std::chrono::milliseconds> retry_fixed;
  std::vector<std::chrono::milliseconds> retry_delays;
};

/// Adds these options and returns them.
std::vector<CLI::Option*> AddSubmissionOptions(CLI::App& command, NewJob& job,
                                               SubmissionOptions& options);

/// Sets the members of the job from `options`.
void ApplyOptions(const SubmissionOptions& options, NewJob& job);

/// Parses RFC 3339; anything else ends the parsing with an error.
Timestamp RequireTime(const std::string& option, const std::string& text);

}  // namespace djps::cli
