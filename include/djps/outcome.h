#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>

namespace djps {

/// The job is done. `result` is JSON text, stored with the job (at most 1 MiB).
struct Succeeded {
  std::string result = "null";
};

/// The attempt failed. It is retried after a backoff while attempts are left, else the job is dead.
struct Failed {
  std::string error_class =
      {};  ///< Short and stable, for grouping: "timeout", "exit_1", "std::bad_alloc".
  std::string message = {};  ///< One line for people.
  std::string detail = {};   ///< More, such as the end of standard error; cut to 8 KiB.
  bool retryable = true;     ///< false: retrying cannot help; the job is dead at once.
  std::optional<std::chrono::milliseconds> retry_after = {};  ///< Instead of the backoff.
};

/// Not now: back to the queue for `delay`; the attempt is not counted. A job may be snoozed 1,000
/// times; one more is a failed attempt of the class "snooze_limit".
struct Snoozed {
  std::chrono::milliseconds delay{30'000};
};

/// The outcome that a handler returns. Exceptions become Failed.
using Outcome = std::variant<Succeeded, Failed, Snoozed>;

}  // namespace djps
