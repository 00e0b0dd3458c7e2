#pragma once

#include <optional>
#include <string>
#include <vector>

#include "djps/job.h"

namespace djps {

/// A filter of jobs; an empty member matches any job.
struct JobFilter {
  std::string type = {};
  std::string queue = {};
  std::string tag = {};              ///< One of its tags.
  std::string idempotency_key = {};  ///< Needs the type.
  std::vector<JobStatus> statuses = {};
  std::optional<Timestamp> created_from = {};   ///< Inclusive.
  std::optional<Timestamp> created_until = {};  ///< Exclusive.
};

}  // namespace djps
