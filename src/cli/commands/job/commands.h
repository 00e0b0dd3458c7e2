#pragma once

#include "cli/frame/command_line.h"
#include "djps/result.h"
#include "djps/uuid.h"

namespace djps::cli {

// The commands of `djps job`, added to its group.

void RegisterJobGet(CommandLine& line, CLI::App& group);
void RegisterJobList(CommandLine& line, CLI::App& group);
void RegisterJobWait(CommandLine& line, CLI::App& group);
void RegisterJobExplain(CommandLine& line, CLI::App& group);
void RegisterJobAttempts(CommandLine& line, CLI::App& group);
void RegisterJobCancel(CommandLine& line, CLI::App& group);
void RegisterJobRetry(CommandLine& line, CLI::App& group);
void RegisterJobEdit(CommandLine& line, CLI::App& group);
void RegisterJobPurge(CommandLine& line, CLI::App& group);

/// `djps dead list`: the same list with the status dead.
void RegisterDeadList(CommandLine& line, CLI::App& group);

/// Errors: kInvalidArgument; the message says what a job id looks like.
Result<Uuid> ParseJobId(const std::string& text);

}  // namespace djps::cli
