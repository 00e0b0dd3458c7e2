// One program, from its start to the last byte of its output. Knows nothing about jobs:
// exec_handler.h gives the result its meaning.
//
// Guarantee: when RunProcess has returned, has thrown, or its coroutine has been
// destroyed, the program and everything left in its group have been sent SIGKILL, the program has
// been reaped (no zombie), and no descriptor is left open.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <stop_token>
#include <string>
#include <string_view>

#include "os/child.h"

namespace djps::worker {

struct ProcessLimits {
  std::chrono::milliseconds kill_after;  ///< From SIGTERM to SIGKILL after a stop request.
  std::size_t output_bytes_max;          ///< More on standard output and the group is killed.
  std::size_t error_tail_bytes;          ///< This many bytes of the end of standard error are kept.
};

struct ProcessResult {
  os::ProcessEnd end;
  std::string output;             ///< Standard output, at most output_bytes_max bytes.
  std::string error_tail;         ///< The last error_tail_bytes of standard error.
  bool output_too_large = false;  ///< The group was killed for it; `output` is only the beginning.
  bool error_cut = false;  ///< `error_tail` lacks the beginning and may start in a character.
  bool stopped = false;    ///< SIGTERM was sent because of a stop request.
  bool killed = false;     ///< SIGTERM did not suffice within kill_after.
};

/// Runs `command` with `input` on its standard input until the program has ended; then kills what
/// is left of its group. Never waits for the end of the output: a process that has left the group
/// may hold the pipe open for ever.
///
/// Standard input is closed after the last byte. A program need not read it.
///
/// Errors:        throws std::system_error with errno when the program cannot be started.
/// Cancellation:  terminal; kills the group and throws boost::system::system_error.
/// Thread-safety: call on a single-threaded executor or strand; `stop` may be requested anywhere.
/// The
///                calling thread is the program's parent: the kernel kills the program if it ends.
/// `input` must outlive the call.
boost::asio::awaitable<ProcessResult> RunProcess(os::Command command, std::string_view input,
                                                 ProcessLimits limits, std::stop_token stop);

}  // namespace djps::worker
