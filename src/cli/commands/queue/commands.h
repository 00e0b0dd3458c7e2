#pragma once

#include "cli/frame/command_line.h"

namespace djps::cli {

// The commands of `djps queue` that have their own file, added to its group.

/// pause and resume.
void RegisterQueuePause(CommandLine& line, CLI::App& group);
void RegisterQueueLimit(CommandLine& line, CLI::App& group);
void RegisterQueueDrain(CommandLine& line, CLI::App& group);

}  // namespace djps::cli
