#include "cli/frame/help_page.h"

#include <fmt/format.h>

#include <sstream>

namespace djps::cli {
namespace {

constexpr std::size_t kPageWidth = 90;
constexpr std::size_t kNameWidth = 24;

/// Two columns; a name that is too long for its column gets its own line.
std::string Entry(const std::string& name, const std::string& text) {
  std::string entry = "  " + name;
  if (entry.size() + 2 > kNameWidth) {
    entry += "\n" + std::string(kNameWidth, ' ');
  } else {
    entry.append(kNameWidth - entry.size(), ' ');
  }
  return entry + Wrap(text, kPageWidth - kNameWidth, kNameWidth) + "\n";
}

/// "-h, --help".
std::string OptionNames(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return fmt::format("{}", fmt::join(names, ", "));
}

/// The options that every command has come last.
std::vector<const CLI::Option*> InReadingOrder(const CLI::App& app) {
  std::vector<const CLI::Option*> options;
  std::vector<const CLI::Option*> common;
  for (const CLI::Option* option : app.get_options()) {
    const bool everywhere = option == app.get_help_ptr() || option->check_lname("log-level");
    (everywhere ? common : options).push_back(option);
  }
  options.insert(options.end(), common.begin(), common.end());
  return options;
}

std::string OptionEntry(const CLI::Option& option) {
  std::string name = option.get_positional() ? option.get_name(true) : OptionNames(option);
  if (!option.get_positional() && option.get_type_size() != 0) name += " " + option.get_type_name();
  std::vector<std::string> notes;
  if (option.get_required()) notes.emplace_back("required");
  if (!option.get_default_str().empty()) notes.push_back("default " + option.get_default_str());
  if (!option.get_envname().empty()) notes.push_back("variable " + option.get_envname());
  std::string text = option.get_description();
  if (!notes.empty()) text += fmt::format(" ({})", fmt::join(notes, ", "));
  return Entry(name, text);
}

std::string Section(const std::string& title, const std::vector<std::string>& lines) {
  if (lines.empty()) return {};
  return fmt::format("\n{}:\n  {}\n", title, fmt::join(lines, "\n  "));
}

std::string Usage(const CLI::App& app, const std::string& name) {
  std::string usage = "Usage: " + name;
  if (!app.get_subcommands({}).empty()) return usage + " COMMAND [OPTIONS]";
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_positional()) continue;
    const std::string place =
        option->get_name(true) + (option->get_items_expected_max() > 1 ? "..." : "");
    usage += option->get_required() ? " " + place : " [" + place + "]";
  }
  return usage + " [OPTIONS]";
}

}  // namespace

std::string HelpPage::make_help(const CLI::App* app, std::string name,
                                CLI::AppFormatMode /*mode*/) const {
  std::string page = fmt::format("{}: {}\n\n{}\n\n{}\n", name, help_.summary,
                                 Wrap(help_.paragraph, kPageWidth, 0), Usage(*app, name));
  const auto commands = app->get_subcommands({});
  if (!commands.empty()) page += "\nCommands:\n";
  for (const CLI::App* command : commands) {
    page += Entry(command->get_name(), command->get_description());
  }
  const auto options = InReadingOrder(*app);
  if (!options.empty()) page += "\nOptions:\n";
  for (const CLI::Option* option : options) page += OptionEntry(*option);
  if (!help_.more.empty()) page += "\n" + help_.more + "\n";
  page += Section("Examples", help_.examples);
  page += Section("Exit codes", help_.exit_codes);
  return page;
}

std::string Wrap(const std::string& text, std::size_t width, std::size_t indent) {
  std::istringstream words(text);
  std::string wrapped;
  std::size_t column = 0;
  for (std::string word; words >> word;) {
    if (column > 0 && column + 1 + word.size() > width) {
      wrapped += "\n" + std::string(indent, ' ');
      column = 0;
    }
    if (column > 0) {
      wrapped += ' ';
      ++column;
    }
    wrapped += word;
    column += word.size();
  }
  return wrapped;
}

}  // namespace djps::cli
