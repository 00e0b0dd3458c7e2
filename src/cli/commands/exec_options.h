#pragma once

#include <CLI/App.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "djps/worker.h"

namespace djps::cli {

/// Which program runs jobs of which types: the options that `worker` and `dev` share.
struct ExecOptions {
  std::vector<std::string> types;
  std::optional<std::string> program;
  std::vector<std::string> env;
  std::chrono::milliseconds snooze{30'000};
};

void AddExecOptions(CLI::App& command, ExecOptions& options, bool required);

/// The handler for every one of `options.types`.
///
/// Throws std::invalid_argument when the program cannot be executed.
CoroutineHandler MakeHandler(const ExecOptions& options, std::vector<std::string> program_args);

/// Help text of both commands: the program's input and the meaning of its exit code.
std::string ExecHelp();

}  // namespace djps::cli
