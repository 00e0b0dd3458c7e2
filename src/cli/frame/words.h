// Checks the words of a command line before CLI11 parses them, for what CLI11 cannot do.
#pragma once

#include <CLI/App.hpp>
#include <optional>
#include <string>
#include <vector>

namespace djps::cli {

/// A command line in two parts: the words for djps, and the arguments of the program of --exec.
struct SplitArgs {
  std::vector<std::string> ours;  ///< Including --exec and the program's name.
  std::vector<std::string> program_args;
};

/// Everything after `--exec PROGRAM` (or `--exec=PROGRAM`) belongs to the program, also words that
/// look like options of djps.
SplitArgs SplitAtExec(std::vector<std::string> args);

struct WordsReport {
  std::string command;  ///< The command as far as it was recognized: "djps job get".
  std::optional<std::string> complaint;  ///< About the first word that is not a command or option.
};

/// Follows the words down the tree of commands, and suggests a similar name for an unknown command
/// or option.
WordsReport CheckWords(const CLI::App& app, const std::vector<std::string>& args);

}  // namespace djps::cli
