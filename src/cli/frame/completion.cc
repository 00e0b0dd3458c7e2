#include "cli/frame/completion.h"

#include <algorithm>

namespace djps::cli {
namespace {

/// The first clause of a description: a menu has one line per entry.
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

}  // namespace

CompletionCommand DescribeTree(const CLI::App& app) { return Describe(app, ""); }

}  // namespace djps::cli
