#include "cli/frame/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "core/suggest.h"
#include "core/validation.h"

namespace djps::cli {
namespace {

std::string DidYouMean(const std::string& word, const std::vector<std::string>& candidates) {
  const auto nearest = SuggestNearest(word, candidates);
  return nearest ? fmt::format("; did you mean {}?", *nearest) : std::string();
}

std::string UnknownCommand(const CLI::App& app, const std::string& name, const std::string& word) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  std::string hint = DidYouMean(word, names);
  if (hint.empty()) hint = fmt::format("; there are: {}", fmt::join(names, ", "));
  return fmt::format("{} is not a command of {}{}", QuoteForMessage(word), name, hint);
}

std::string UnknownOption(const CLI::App& app, const std::string& name, const std::string& word) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& long_name : option->get_lnames()) names.push_back("--" + long_name);
  }
  return fmt::format("{} is not an option of {}{}", word, name, DidYouMean(word, names));
}

const CLI::App* FindCommand(const CLI::App& app, const std::string& name) {
  const auto commands = app.get_subcommands({});
  const auto found = std::find_if(commands.begin(), commands.end(), [&](const CLI::App* command) {
    return command->get_name() == name;
  });
  return found != commands.end() ? *found : nullptr;
}

}  // namespace

SplitArgs SplitAtExec(std::vector<std::string> args) {
  const auto exec = std::find_if(args.begin(), args.end(), [](const std::string& arg) {
    return arg == "--exec" || arg.starts_with("--exec=");
  });
  auto rest = exec;
  if (rest != args.end() && *rest == "--exec") ++rest;  // the next word is its program
  if (rest != args.end()) ++rest;
  SplitArgs split;
  split.program_args.assign(std::make_move_iterator(rest), std::make_move_iterator(args.end()));
  args.erase(rest, args.end());
  split.ours = std::move(args);
  return split;
}

WordsReport CheckWords(const CLI::App& app, const std::vector<std::string>& args) {
  const CLI::App* command = &app;
  WordsReport report{app.get_name(), std::nullopt};
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string& word = args[i];
    if (word == "--") return report;
    if (word.starts_with("--")) {
      const std::string name = word.substr(0, word.find('='));
      const CLI::Option* option = command->get_option_no_throw(name);
      if (option == nullptr) {
        report.complaint = UnknownOption(*command, report.command, name);
        return report;
      }
      if (option->get_items_expected_min() > 0 && name == word) ++i;
      continue;
    }
    if (word.starts_with("-") || command->get_subcommands({}).empty()) continue;
    const CLI::App* next = FindCommand(*command, word);
    if (next == nullptr) {
      report.complaint = UnknownCommand(*command, report.command, word);
      return report;
    }
    command = next;
    report.command += " " + word;
  }
  return report;
}

}  // namespace djps::cli
