#pragma once

#include "cli/frame/command_line.h"

namespace djps::cli {

void RegisterDev(CommandLine& line);
void RegisterServer(CommandLine& line);
void RegisterWorker(CommandLine& line);
void RegisterMigrate(CommandLine& line);
void RegisterToken(CommandLine& line);
void RegisterEnqueue(CommandLine& line);
void RegisterJob(CommandLine& line);
void RegisterQueue(CommandLine& line);
void RegisterDead(CommandLine& line);
void RegisterWorkers(CommandLine& line);
void RegisterRetention(CommandLine& line);
void RegisterRetryPolicy(CommandLine& line);
void RegisterAudit(CommandLine& line);
void RegisterStats(CommandLine& line);
void RegisterHealth(CommandLine& line);
void RegisterBench(CommandLine& line);
void RegisterVersion(CommandLine& line);
void RegisterCompletion(CommandLine& line);

/// All commands, in the order of the help page.
void RegisterCommands(CommandLine& line);

}  // namespace djps::cli
