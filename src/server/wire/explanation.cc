#include "server/wire/explanation.h"

#include <fmt/format.h>

#include "core/json_text.h"
#include "core/time_text.h"
#include "server/wire/job_json.h"

namespace djps::server {
namespace {

std::string Until(const store::JobReason& reason) {
  return reason.until ? FormatTimestamp(*reason.until) : "an unknown time";
}

std::string Behind(const store::JobReason& reason) {
  const std::int64_t ahead = reason.ahead.value_or(0);
  if (ahead == 0) {
    return fmt::format(
        "The job is the next one of queue {}: the next worker that asks for jobs of type {} gets "
        "it.",
        reason.queue, reason.type);
  }
  return fmt::format("{}{} {} of queue {} {} before it, by priority and by the time they are due.",
                     reason.ahead_exact ? "" : "At least ", ahead, ahead == 1 ? "job" : "jobs",
                     reason.queue, ahead == 1 ? "comes" : "come");
}

template <typename T>
std::string NumberOrNull(const std::optional<T>& number) {
  return number ? fmt::format("{}", *number) : "null";
}

}  // namespace

std::string ExplainInWords(const store::JobReason& reason) {
  if (reason.reason == "running") {
    return fmt::format(
        "The job is running: attempt {}, on worker {}, whose lease holds until {} "
        "without a heartbeat.",
        reason.attempt, reason.worker, Until(reason));
  }
  if (reason.reason == "finished") {
    return fmt::format("The job has ended: it is {}.", StatusName(reason.status));
  }
  if (reason.reason == "not_due") {
    return fmt::format("The job is not due before {}.", Until(reason));
  }
  if (reason.reason == "backoff") {
    return fmt::format("Attempt {} failed; the next one is due at {}.", reason.attempt,
                       Until(reason));
  }
  if (reason.reason == "queue_paused") {
    return fmt::format("Queue {} is paused: none of its jobs starts until it is resumed.",
                       reason.queue);
  }
  if (reason.reason == "no_worker") {
    return fmt::format("No worker takes jobs of queue {} now.", reason.queue);
  }
  if (reason.reason == "unknown_type") {
    return fmt::format("No worker of queue {} has a handler for jobs of type {}.", reason.queue,
                       reason.type);
  }
  if (reason.reason == "no_free_slot") {
    return fmt::format(
        "The job is the next one of queue {}, and all slots of its workers are taken.",
        reason.queue);
  }
  return Behind(reason);
}

void AppendExplanation(std::string& out, const store::JobReason& reason) {
  out += fmt::format(R"({{"reason":"{}","text":)", reason.reason);
  AppendJsonString(out, ExplainInWords(reason));
  out += fmt::format(R"(,"status":"{}","attempt":{},"until":)", StatusName(reason.status),
                     reason.attempt);
  AppendTime(out, reason.until);
  out +=
      fmt::format(R"(,"ahead":{},"ahead_exact":{},"estimate_ms":{}}})", NumberOrNull(reason.ahead),
                  reason.ahead_exact, NumberOrNull(reason.estimate_ms));
}

}  // namespace djps::server
