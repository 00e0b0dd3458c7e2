// The tree of commands. Each command is a file of its own with the same shape: Register<Command>
// adds it to the tree, with options that write into a struct; Run gets that struct and returns the
// exit code.
#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/frame/environment.h"
#include "cli/frame/help_page.h"
#include "cli/frame/terminal.h"

namespace djps::cli {

/// What commands know about the process they run in.
struct Context {
  Environment environment;
  Terminal terminal;
  /// What stands behind `--exec PROGRAM`; it is not ours to interpret.
  std::vector<std::string> program_args = {};
};

struct CommandLine {
  explicit CommandLine(Context process);

  Context context;
  CLI::App app;
  std::string log_level = "info";
  /// What the command line asks for; set while it is parsed, called once everything is known.
  std::function<int()> action;
};

/// Adds a command that can be run; its common options are added too.
CLI::App& AddCommand(CommandLine& line, CLI::App& parent, const CommandHelp& help);

/// Adds a command that only has commands below it.
CLI::App& AddCommandGroup(CLI::App& parent, const CommandHelp& help);

/// The options of a command, and what to call when it was chosen.
template <typename Options>
std::shared_ptr<Options> RunWith(CommandLine& line, CLI::App& command,
                                 int (*run)(const Context& context, const Options& options)) {
  auto options = std::make_shared<Options>();
  command.final_callback([&line, options, run] {
    line.action = [&line, options, run] { return run(line.context, *options); };
  });
  return options;
}

/// Parses and runs; gives back the exit code. Prints help and mistakes itself.
int RunCommandLine(CommandLine& line, std::vector<std::string> args);

}  // namespace djps::cli
