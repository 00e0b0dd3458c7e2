// The tree of commands. Each command has its own file with the same structure: Register<Command>
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

/// The process in which a command runs.
struct Context {
  Environment environment;
  Terminal terminal;
  /// The arguments after `--exec PROGRAM`; djps does not interpret them.
  std::vector<std::string> program_args = {};
};

struct CommandLine {
  explicit CommandLine(Context process);

  Context context;
  CLI::App app;
  std::string log_level = "info";
  /// The chosen command; set while parsing, called when all options are known.
  std::function<int()> action;
};

/// Adds a command that can be run, with the common options.
CLI::App& AddCommand(CommandLine& line, CLI::App& parent, const CommandHelp& help);

/// Adds a group: a command that only has subcommands.
CLI::App& AddCommandGroup(CLI::App& parent, const CommandHelp& help);

/// Sets the function that runs when the command is chosen, and makes the options that it gets.
template <typename Options>
std::shared_ptr<Options> RunWith(CommandLine& line, CLI::App& command,
                                 int (*run)(const Context& context, const Options& options)) {
  auto options = std::make_shared<Options>();
  command.final_callback([&line, options, run] {
    line.action = [&line, options, run] { return run(line.context, *options); };
  });
  return options;
}

/// Parses and runs; returns the exit code. Prints help and usage errors.
int RunCommandLine(CommandLine& line, std::vector<std::string> args);

}  // namespace djps::cli
