#include "worker/attempt.h"

#include <fmt/format.h>

#include <utility>
#include <variant>

#include "core/check.h"

namespace djps::worker {

std::optional<Outcome> OutcomeToReport(const Attempt& attempt, std::optional<Outcome> returned) {
  const bool succeeded = returned && std::holds_alternative<Succeeded>(*returned);
  switch (attempt.reason) {
    case StopReason::kNone:
      DJPS_CHECK(returned.has_value());
      return returned;
    case StopReason::kCanceled:
      if (succeeded) return returned;
      // The lease records the request: the job ends as canceled whatever is reported here.
      return Failed{.error_class = "canceled",
                    .message = "the job was canceled while it ran",
                    .retryable = false};
    case StopReason::kTimeout:
      return Failed{
          .error_class = "timeout",
          .message = fmt::format("the attempt ran longer than {} ms", attempt.time_limit.count())};
    case StopReason::kLeaseLost:
      return std::nullopt;
    case StopReason::kHandBack:
      if (succeeded) return returned;
      return Snoozed{.delay = std::chrono::milliseconds(0)};
  }
  return std::nullopt;
}

}  // namespace djps::worker
