#include "cli/completion.h"

#include <algorithm>

#include "cli/commands.h"
#include "cli/exit_code.h"

namespace djps::cli {
namespace {

struct CompletionOptions {
  const CLI::App* root = nullptr;
  std::string shell;
};

/// The first clause: a menu has one line for each.
std::string Short(const std::string& description) {
  return description.substr(0, std::min(description.find("; "), description.find(" (")));
}

CompletionCommand Describe(const CLI::App& app, const std::string& path) {
  CompletionCommand command{path, app.get_name(), app.get_description(), {}, {}};
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      command.options.push_back(
          {"--" + name, Short(option->get_description()), option->get_items_expected_min() > 0});
    }
  }
  for (const CLI::App* below : app.get_subcommands({})) {
    command.commands.push_back(
        Describe(*below, path.empty() ? below->get_name() : path + " " + below->get_name()));
  }
  return command;
}

int RunCompletion(const Context& /*context*/, const CompletionOptions& options) {
  const CompletionCommand root = DescribeTree(*options.root);
  if (options.shell == "bash") Print(BashCompletion(root));
  if (options.shell == "zsh") Print(ZshCompletion(root));
  if (options.shell == "fish") Print(FishCompletion(root));
  return kExitDone;
}

}  // namespace

CompletionCommand DescribeTree(const CLI::App& app) { return Describe(app, ""); }

void RegisterCompletion(CommandLine& line) {
  CLI::App& group = AddCommandGroup(
      line.app, {.name = "completion",
                 .summary = "Print a script that completes djps in a shell",
                 .paragraph = "Prints a script that teaches a shell to complete the commands and "
                              "options of djps. It is made from this program's own commands.",
                 .examples = {"source <(djps completion bash)", "djps completion fish | source"},
                 .exit_codes = {}});
  const auto add = [&](const std::string& shell, const std::string& example) {
    CLI::App& command =
        AddCommand(line, group,
                   {.name = shell,
                    .summary = "The script for " + shell,
                    .paragraph = "Prints the script for " + shell +
                                 ". Load it in the shell's start-up file as in the example.",
                    .examples = {example},
                    .exit_codes = {"0  printed"}});
    const auto options = RunWith(line, command, RunCompletion);
    options->root = &line.app;
    options->shell = shell;
  };
  add("bash", "source <(djps completion bash)");
  add("zsh", "source <(djps completion zsh)");
  add("fish", "djps completion fish | source");
}

}  // namespace djps::cli
