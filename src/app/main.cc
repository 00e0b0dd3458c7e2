#include <csignal>
#include <string>
#include <vector>

#include "cli/commands/commands.h"
#include "cli/frame/command_line.h"
#include "cli/frame/environment.h"
#include "cli/frame/terminal.h"

int main(int argc, char** argv) {
  // If a peer or reader goes away, one write fails; the process must not end.
  std::signal(SIGPIPE, SIG_IGN);

  const djps::cli::Environment environment = djps::cli::ReadEnvironment();
  djps::cli::CommandLine line({environment, djps::cli::DetectTerminal(environment)});
  djps::cli::RegisterCommands(line);
  return djps::cli::RunCommandLine(line, {argv + (argc > 0 ? 1 : 0), argv + argc});
}
