#pragma once

#include <CLI/App.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace djps::cli {

// Options with our own error messages. Each writes into a variable that holds the default and must
// outlive the parsing.

/// A whole number from `low` to `high`. `value` may be optional.
template <typename T>
CLI::Option* AddInteger(CLI::App& command, const std::string& name, T& value, std::int64_t low,
                        std::int64_t high, const std::string& description);

/// "10s", "500ms", ...
CLI::Option* AddDuration(CLI::App& command, const std::string& name,
                         std::chrono::milliseconds& value, const std::string& description);

CLI::Option* AddDuration(CLI::App& command, const std::string& name,
                         std::optional<std::chrono::milliseconds>& value,
                         const std::string& description);

/// "1s,10s,5m".
CLI::Option* AddDurations(CLI::App& command, const std::string& name,
                          std::vector<std::chrono::milliseconds>& values,
                          const std::string& description);

/// A text that must not be empty.
CLI::Option* AddText(CLI::App& command, const std::string& name, std::string& value,
                     const std::string& value_name, const std::string& description);
CLI::Option* AddText(CLI::App& command, const std::string& name, std::optional<std::string>& value,
                     const std::string& value_name, const std::string& description);
/// An option that may be given more than once, each time with one value.
CLI::Option* AddRepeated(CLI::App& command, const std::string& name,
                         std::vector<std::string>& values, const std::string& value_name,
                         const std::string& description);

/// For check(): a message that `trouble` returns for the value stops the parsing.
std::function<std::string(const std::string&)> WithoutTrouble(
    std::optional<std::string> (*trouble)(std::string_view value));

/// Also takes the value from an environment variable, and says so in the help.
CLI::Option* OrVariable(CLI::Option* option, const std::string& variable);

/// --json.
CLI::Option* AddJson(CLI::App& command, bool& json);

/// Stops the parsing with exit code kExitUsage.
[[noreturn]] void RefuseUsage(const std::string& message);

std::int64_t RequireInteger(const std::string& option, const std::string& text, std::int64_t low,
                            std::int64_t high);

template <typename T>
struct Unwrap {
  using type = T;
};
template <typename T>
struct Unwrap<std::optional<T>> {
  using type = T;
};

template <typename T>
CLI::Option* AddInteger(CLI::App& command, const std::string& name, T& value, std::int64_t low,
                        std::int64_t high, const std::string& description) {
  using Plain = typename Unwrap<T>::type;
  return command
      .add_option_function<std::string>(
          name,
          [name, &value, low, high](const std::string& text) {
            value = static_cast<Plain>(RequireInteger(name, text, low, high));
          },
          description)
      ->type_name("N");
}

}  // namespace djps::cli
