#include "cli/commands/commands.h"

namespace djps::cli {

void RegisterCommands(CommandLine& line) {
  RegisterDev(line);
  RegisterServer(line);
  RegisterWorker(line);
  RegisterMigrate(line);
  RegisterToken(line);
  RegisterEnqueue(line);
  RegisterJob(line);
  RegisterQueue(line);
  RegisterDead(line);
  RegisterWorkers(line);
  RegisterRetryPolicy(line);
  RegisterRetention(line);
  RegisterAudit(line);
  RegisterStats(line);
  RegisterHealth(line);
  RegisterBench(line);
  RegisterVersion(line);
  RegisterCompletion(line);
}

}  // namespace djps::cli
