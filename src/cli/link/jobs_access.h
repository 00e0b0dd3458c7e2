// Submits and reads jobs through a server or directly in the database; the commands need not know
// which.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/link/target.h"
#include "djps/job.h"
#include "djps/result.h"

namespace djps::cli {

struct HealthReport {
  bool healthy = false;
  std::string target;  ///< The server or database.
  std::string json;    ///< The unchanged answer.
};

class JobsAccess {
 public:
  virtual ~JobsAccess() = default;

  /// Stores all of `jobs` or none. They must be valid.
  ///
  /// Errors: kUnavailable (the jobs may have been stored), kInvalidArgument, kInternal.
  virtual Result<std::vector<SubmittedJob>> Submit(const std::vector<NewJob>& jobs) = 0;

  /// Errors: kUnavailable, kInternal.
  virtual Result<std::optional<JobRecord>> Find(Uuid id) = 0;

  /// Errors: kUnavailable when the target cannot be reached.
  virtual Result<HealthReport> CheckHealth() = 0;
};

/// Errors: kInvalidArgument for a URL that cannot be used; for a database also what
///         store::RequireCurrentSchema says, except that its health can always be asked.
enum class OpenFor { kJobs, kHealth };
Result<std::unique_ptr<JobsAccess>> OpenJobs(const JobTarget& target, OpenFor purpose);

/// The two implementations.
Result<std::unique_ptr<JobsAccess>> OpenServerJobs(const ServerTarget& target);
Result<std::unique_ptr<JobsAccess>> OpenDatabaseJobs(const DatabaseTarget& target, OpenFor purpose);

}  // namespace djps::cli
