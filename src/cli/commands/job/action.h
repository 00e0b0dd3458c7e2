// Shared by cancel, retry, purge and `djps dead`: they act on jobs by id, or on all jobs that match
// a filter.
#pragma once

#include <string>
#include <vector>

#include "cli/frame/command_line.h"
#include "cli/link/target.h"

namespace djps::cli {

enum class JobAction { kCancel, kRetry, kPurge };

struct JobActionOptions {
  TargetOptions target;
  std::vector<std::string> ids;
  std::string status;  ///< Separated by commas.
  std::string type;
  std::string queue;
  std::string tag;
  std::string created_after;
  std::string created_before;
  std::string reason;
  int limit = 0;  ///< 0: no limit.
  bool run_again = false;
  bool dry_run = false;
  bool yes = false;
  bool json = false;
};

/// ID…, the filter without --status, --limit, --dry-run, --yes, --server and --json.
void AddJobActionOptions(CLI::App& command, JobActionOptions& options);

/// Returns the exit code.
int ActOnJobs(const Context& context, JobAction action, const JobActionOptions& options);

}  // namespace djps::cli
