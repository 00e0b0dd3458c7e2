#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "djps/worker.h"

namespace djps::worker {

/// How a program's exit status is read. From sysexits.h: EX_DATAERR and EX_TEMPFAIL.
inline constexpr int kExitDone = 0;
inline constexpr int kExitDoNotRetry = 65;
inline constexpr int kExitSnooze = 75;

struct ExecConfig {
  std::string program;            ///< A path, or a name looked up in PATH when the worker starts.
  std::vector<std::string> args;  ///< Passed unchanged, without a shell.
  /// Variables of the worker's own environment that the program may see, beside the always-passed
  /// PATH, HOME, USER, LANG, LC_ALL, TZ and TMPDIR. "NAME" copies, "NAME=VALUE" sets.
  std::vector<std::string> env;
  std::chrono::milliseconds snooze{30'000};     ///< The delay for exit code kExitSnooze.
  std::chrono::milliseconds kill_after{5'000};  ///< Between SIGTERM and SIGKILL when stopped.
  std::size_t stdout_bytes_max =
      std::size_t{1024} * 1024;  ///< A longer result is a failure: "result_too_large".
  std::size_t stderr_tail_bytes =
      std::size_t{8} * 1024;  ///< This many bytes from the end become the detail.
};

/// Makes a handler that runs `config.program` once per job, in a session-less process group of its
/// own, without a shell.
///
/// The payload arrives on standard input; DJPS_JOB_ID, DJPS_JOB_TYPE, DJPS_QUEUE, DJPS_PRIORITY,
/// DJPS_ATTEMPT, DJPS_MAX_ATTEMPTS, DJPS_LEASE_TOKEN, DJPS_CREATED_AT (RFC 3339) in the environment
/// and, where the job has them, DJPS_IDEMPOTENCY_KEY, DJPS_METADATA (JSON), DJPS_TAGS (a JSON
/// array) and DJPS_CHECKPOINT (JSON). Of the last three, one longer than 64 KiB is not set: its
/// name with _FILE at the end has the path of a file that holds it, until the program ends.
/// Standard output is the result: JSON text as it is, anything else as a JSON string (invalid UTF-8
/// and NUL replaced by U+FFFD, one final newline removed), nothing as null.
///
/// Exit status: 0 Succeeded; 65 Failed, not retryable, class "exit_65"; 75 Snoozed; any other n
/// Failed "exit_n"; a signal Failed "signal_n". The last line of standard error is the message.
/// A stop request (timeout, lost lease) sends SIGTERM to the whole group, SIGKILL after kill_after;
/// the attempt then ends as Failed "stopped". Processes left in the group after the program has
/// ended are killed too. The kernel kills the program when the worker dies.
///
/// Throws std::invalid_argument when the program does not exist or may not be executed.
CoroutineHandler MakeExecHandler(ExecConfig config);

}  // namespace djps::worker
