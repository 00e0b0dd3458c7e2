#include "cli/frame/options.h"

#include <fmt/format.h>

#include <CLI/Error.hpp>
#include <algorithm>
#include <charconv>

#include "cli/frame/duration.h"
#include "cli/frame/exit_code.h"
#include "core/validation.h"

namespace djps::cli {
namespace {

/// CLI11's own constructors are protected.
class UsageError : public CLI::ParseError {
 public:
  explicit UsageError(const std::string& message) : ParseError("UsageError", message, kExitUsage) {}
};

std::string RequireText(const std::string& option, const std::string& text) {
  if (text.empty()) {
    RefuseUsage(fmt::format("{} must not be empty (is a variable of your script unset?)", option));
  }
  return text;
}

std::chrono::milliseconds RequireDuration(const std::string& option, const std::string& text) {
  const auto duration = ParseDuration(text);
  if (!duration) RefuseUsage(fmt::format("{}: {}", option, duration.error().message));
  return *duration;
}

}  // namespace

void RefuseUsage(const std::string& message) { throw UsageError(message); }

std::int64_t RequireInteger(const std::string& option, const std::string& text, std::int64_t low,
                            std::int64_t high) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end || number < low || number > high) {
    RefuseUsage(fmt::format("{} must be a whole number from {} to {}, got {}", option, low, high,
                            QuoteForMessage(text)));
  }
  return number;
}

CLI::Option* AddDuration(CLI::App& command, const std::string& name,
                         std::chrono::milliseconds& value, const std::string& description) {
  return command
      .add_option_function<std::string>(
          name, [name, &value](const std::string& text) { value = RequireDuration(name, text); },
          description)
      ->type_name("TIME")
      ->default_str(FormatDuration(value));
}

CLI::Option* AddDuration(CLI::App& command, const std::string& name,
                         std::optional<std::chrono::milliseconds>& value,
                         const std::string& description) {
  return command
      .add_option_function<std::string>(
          name, [name, &value](const std::string& text) { value = RequireDuration(name, text); },
          description)
      ->type_name("TIME");
}

CLI::Option* AddDurations(CLI::App& command, const std::string& name,
                          std::vector<std::chrono::milliseconds>& values,
                          const std::string& description) {
  const auto read = [name, &values](const std::string& text) {
    values.clear();
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find(',', begin), text.size());
      values.push_back(RequireDuration(name, text.substr(begin, end - begin)));
      begin = end + 1;
    }
  };
  return command.add_option_function<std::string>(name, read, description)->type_name("TIMES");
}

CLI::Option* AddText(CLI::App& command, const std::string& name, std::string& value,
                     const std::string& value_name, const std::string& description) {
  return command
      .add_option_function<std::string>(
          name, [name, &value](const std::string& text) { value = RequireText(name, text); },
          description)
      ->type_name(value_name)
      ->default_str(value);
}

CLI::Option* AddText(CLI::App& command, const std::string& name, std::optional<std::string>& value,
                     const std::string& value_name, const std::string& description) {
  return command
      .add_option_function<std::string>(
          name, [name, &value](const std::string& text) { value = RequireText(name, text); },
          description)
      ->type_name(value_name);
}

CLI::Option* AddRepeated(CLI::App& command, const std::string& name,
                         std::vector<std::string>& values, const std::string& value_name,
                         const std::string& description) {
  return command.add_option(name, values, description)
      ->type_name(value_name)
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
}

std::function<std::string(const std::string&)> WithoutTrouble(
    std::optional<std::string> (*trouble)(std::string_view value)) {
  return [trouble](const std::string& value) { return trouble(value).value_or(""); };
}

CLI::Option* OrVariable(CLI::Option* option, const std::string& variable) {
  return option->envname(variable);
}

CLI::Option* AddJson(CLI::App& command, bool& json) {
  return command.add_flag("--json", json, "Print JSON for programs");
}

}  // namespace djps::cli
