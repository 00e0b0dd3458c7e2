#pragma once

#include <string>

#include "djps/job.h"

namespace djps {

/// One attempt that failed.
struct PastAttempt {
  int number = 1;
  std::string worker;
  Timestamp started_at{};
  Timestamp ended_at{};
  std::string error_class;
  std::string message;
  std::string detail;
};

}  // namespace djps
