#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

namespace djps::cli {

/// The tree of commands, for completion.
struct CompletionOption {
  std::string name;  ///< "--json"
  std::string description;
  bool takes_value = false;
};

struct CompletionCommand {
  std::string path;  ///< "job get"; empty for djps itself.
  std::string name;  ///< The last word of the path.
  std::string description;
  std::vector<CompletionOption> options;
  std::vector<CompletionCommand> commands;
};

CompletionCommand DescribeTree(const CLI::App& app);

/// Scripts for the three shells, to be sourced or installed.
std::string BashCompletion(const CompletionCommand& root);
std::string ZshCompletion(const CompletionCommand& root);
std::string FishCompletion(const CompletionCommand& root);

}  // namespace djps::cli
