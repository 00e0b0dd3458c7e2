#pragma once

#include <CLI/App.hpp>
#include <CLI/Formatter.hpp>
#include <string>
#include <vector>

namespace djps::cli {

/// The content of a command's help.
struct CommandHelp {
  std::string name;
  std::string summary;    ///< One line, for the list of commands.
  std::string paragraph;  ///< What it does and when to use it.
  std::vector<std::string> examples;
  std::vector<std::string> exit_codes;  ///< "0  done", ...
  std::string more = {};                ///< A section of its own, printed unchanged.
};

/// Writes the help of one command.
class HelpPage : public CLI::Formatter {
 public:
  explicit HelpPage(CommandHelp help) : help_(std::move(help)) {}

  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;

 private:
  CommandHelp help_;
};

/// Wraps `text` into lines of at most `width` characters; all but the first are indented by
/// `indent`.
std::string Wrap(const std::string& text, std::size_t width, std::size_t indent);

}  // namespace djps::cli
