// Looks at the words of a command line before CLI11 does: for what CLI11 does not do.
#pragma once

#include <CLI/App.hpp>
#include <optional>
#include <string>
#include <vector>

namespace djps::cli {

/// A command line cut in two: what is ours, and the arguments of the program behind --exec.
struct SplitArgs {
  std::vector<std::string> ours;  ///< Including --exec and the program's name.
  std::vector<std::string> program_args;
};

/// Everything behind `--exec PROGRAM` (or `--exec=PROGRAM`) belongs to the program, also what looks
/// like an option of ours.
SplitArgs SplitAtExec(std::vector<std::string> args);

struct WordsReport {
  std::string command;                   ///< The command as far as it is known: "djps job get".
  std::optional<std::string> complaint;  ///< About the first word that is no command or option.
};

/// Follows the words down the tree of commands, and suggests what may have been meant by an unknown
/// command or option.
WordsReport CheckWords(const CLI::App& app, const std::vector<std::string>& args);

}  // namespace djps::cli
