// All scripts work alike: they follow the words before the cursor down the tree of commands, then
// offer what is below. All lists are generated from the tree, so they match the commands.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "cli/frame/completion.h"

namespace djps::cli {
namespace {

using Visit = std::function<void(const CompletionCommand&)>;

void ForEach(const CompletionCommand& command, const Visit& visit) {
  visit(command);
  for (const CompletionCommand& below : command.commands) ForEach(below, visit);
}

/// The cases that lead from a command and one more word to its subcommand.
std::string Steps(const CompletionCommand& root, const std::string& format) {
  std::string steps;
  ForEach(root, [&](const CompletionCommand& command) {
    for (const CompletionCommand& below : command.commands) {
      steps += fmt::format(fmt::runtime(format), command.path + " " + below.name, below.path);
    }
  });
  return steps;
}

/// Options whose next word is their value; --exec is a separate case, since it ends the options of
/// djps.
std::vector<std::string> ValueOptions(const CompletionCommand& root) {
  std::vector<std::string> names;
  ForEach(root, [&](const CompletionCommand& command) {
    for (const CompletionOption& option : command.options) {
      if (option.takes_value && option.name != "--exec") names.push_back(option.name);
    }
  });
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

/// Escapes a text for single quotes in bash and zsh.
std::string ShellQuoted(std::string text) {
  for (std::size_t at = text.find('\''); at != std::string::npos; at = text.find('\'', at + 4)) {
    text.replace(at, 1, "'\\''");
  }
  return "'" + text + "'";
}

/// The same for fish, where a backslash is special inside single quotes.
std::string FishQuoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

/// "name:description" for _describe, where a colon in the name needs an escape; ours have none.
std::string ZshItem(const std::string& name, const std::string& description) {
  return ShellQuoted(name + ":" + description);
}

}  // namespace

std::string BashCompletion(const CompletionCommand& root) {
  std::string words;
  ForEach(root, [&](const CompletionCommand& command) {
    std::vector<std::string> names;
    names.reserve(command.commands.size() + command.options.size());
    for (const CompletionCommand& below : command.commands) names.push_back(below.name);
    for (const CompletionOption& option : command.options) names.push_back(option.name);
    words += fmt::format("    \"{}\") words=\"{}\" ;;\n", command.path, fmt::join(names, " "));
  });
  return fmt::format(
      R"(# Completion of djps for bash. Load it with:  source <(djps completion bash)
_djps() {{
  local cur="${{COMP_WORDS[COMP_CWORD]}}" word="" at="" words="" value="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="${{COMP_WORDS[i]}}"
    if [[ $value ]]; then value=""; continue; fi
    case "$word" in
      --exec | --exec=*) return ;;
      {}) value=1 ;;
    esac
    case "$at $word" in
{}    esac
  done
  [[ $value ]] && return
  case "$at" in
{}  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -o default -o bashdefault -F _djps djps
)",
      fmt::join(ValueOptions(root), " | "), Steps(root, "      \"{}\") at=\"{}\" ;;\n"), words);
}

std::string ZshCompletion(const CompletionCommand& root) {
  std::string items;
  ForEach(root, [&](const CompletionCommand& command) {
    std::string lines;
    for (const CompletionCommand& below : command.commands) {
      lines += "      commands+=(" + ZshItem(below.name, below.description) + ")\n";
    }
    for (const CompletionOption& option : command.options) {
      lines += "      options+=(" + ZshItem(option.name, option.description) + ")\n";
    }
    items += fmt::format("    \"{}\")\n{}      ;;\n", command.path, lines);
  });
  return fmt::format(
      R"(#compdef djps
# Completion of djps for zsh. Load it with:  source <(djps completion zsh)
_djps() {{
  local at="" word="" value=""
  local -a commands options
  for word in "${{(@)words[2,CURRENT-1]}}"; do
    if [[ -n $value ]]; then value=""; continue; fi
    case "$word" in
      --exec|--exec=*) _files; return ;;
      {}) value=1 ;;
    esac
    case "$at $word" in
{}    esac
  done
  if [[ -n $value ]]; then _files; return; fi
  case "$at" in
{}  esac
  (( $#commands )) && _describe 'command' commands
  [[ "${{words[CURRENT]}}" == -* || $#commands -eq 0 ]] && _describe -o 'option' options
}}
if [ "$funcstack[1]" = "_djps" ]; then
  _djps "$@"
elif (( $+functions[compdef] )); then
  compdef _djps djps
fi
)",
      fmt::join(ValueOptions(root), "|"), Steps(root, "      \"{}\") at=\"{}\" ;;\n"), items);
}

std::string FishCompletion(const CompletionCommand& root) {
  std::string lines;
  ForEach(root, [&](const CompletionCommand& command) {
    const std::string here = fmt::format("complete -c djps -n '__djps_at \"{}\"'", command.path);
    for (const CompletionCommand& below : command.commands) {
      lines += fmt::format("{} -f -a {} -d {}\n", here, below.name, FishQuoted(below.description));
    }
    for (const CompletionOption& option : command.options) {
      lines += fmt::format("{} -l {}{} -d {}\n", here, option.name.substr(2),
                           option.takes_value ? " -r" : "", FishQuoted(option.description));
    }
  });
  return fmt::format(
      R"(# Completion of djps for fish. Load it with:  djps completion fish | source
function __djps_at
    set -l at ""
    set -l value ""
    set -l words (commandline -opc)
    for word in $words[2..-1]
        if test -n "$value"
            set value ""
            continue
        end
        switch $word
            case --exec '--exec=*'
                return 1
            case {}
                set value 1
        end
        switch "$at $word"
{}        end
    end
    test "$at" = "$argv[1]"
end
{})",
      fmt::join(ValueOptions(root), " "),
      Steps(root, "            case \"{}\"\n                set at \"{}\"\n"), lines);
}

}  // namespace djps::cli
