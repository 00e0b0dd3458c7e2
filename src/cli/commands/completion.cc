#include "cli/frame/completion.h"

#include "cli/commands/commands.h"
#include "cli/frame/exit_code.h"

namespace djps::cli {
namespace {

struct CompletionOptions {
  const CLI::App* root = nullptr;
  std::string shell;
};

int RunCompletion(const Context& /*context*/, const CompletionOptions& options) {
  const CompletionCommand root = DescribeTree(*options.root);
  if (options.shell == "bash") Print(BashCompletion(root));
  if (options.shell == "zsh") Print(ZshCompletion(root));
  if (options.shell == "fish") Print(FishCompletion(root));
  return kExitDone;
}

}  // namespace

void RegisterCompletion(CommandLine& line) {
  CLI::App& group = AddCommandGroup(
      line.app, {.name = "completion",
                 .summary = "Print a script that completes djps in a shell",
                 .paragraph = "Prints a shell script that completes the commands and options of "
                              "djps. It is generated from the commands of this program.",
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
