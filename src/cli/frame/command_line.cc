#include "cli/frame/command_line.h"

#include <fmt/format.h>

#include <CLI/Config.hpp>
#include <CLI/Error.hpp>
#include <CLI/Validators.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <utility>

#include "cli/frame/exit_code.h"
#include "cli/frame/logging.h"
#include "cli/frame/options.h"
#include "cli/frame/words.h"

namespace djps::cli {
namespace {

CommandHelp Overview() {
  return {
      .name = "djps",
      .summary = "durable jobs on Postgres",
      .paragraph =
          "Submit jobs over HTTP, from a shell or in SQL, and run them with workers. A worker that "
          "dies loses no job. `djps dev` starts everything on this machine, with its own Postgres.",
      .examples = {"djps dev", "djps enqueue --type echo --payload '{\"hello\": \"world\"}'",
                   "djps job get ID --wait"},
      .exit_codes = {"0  done", "1  failed", "2  the command line or an input is wrong",
                     "3  the job waited for is dead or canceled",
                     "4  the job waited for did not end in time",
                     "5  the server or the database cannot be reached"},
      .more = "Each command explains itself: djps COMMAND --help"};
}

int ReportUsage(const std::string& message, const std::string& command) {
  const int code = ReportError({ErrorCode::kInvalidArgument, message, {}});
  fmt::print(stderr, "See: {} --help\n", command);
  return code;
}

/// Parses the command line; returns an exit code unless the action may run.
std::optional<int> Parse(CommandLine& line, std::vector<std::string> args) {
  if (!args.empty() && args.front() == "help") {
    std::rotate(args.begin(), args.begin() + 1, args.end());
    args.back() = "--help";
  }
  SplitArgs split = SplitAtExec(std::move(args));
  line.context.program_args = std::move(split.program_args);
  const WordsReport words = CheckWords(line.app, split.ours);
  if (words.complaint) return ReportUsage(*words.complaint, words.command);
  try {
    const bool nothing = split.ours.empty();
    std::reverse(split.ours.begin(), split.ours.end());  // CLI11 expects the reverse order
    line.app.parse(std::move(split.ours));
    if (line.action) return std::nullopt;
    Print(line.app.help());
    return nothing ? kExitDone : kExitUsage;
  } catch (const CLI::CallForHelp&) {
    Print(line.app.help());
    return kExitDone;
  } catch (const CLI::ParseError& error) {
    return ReportUsage(error.what(), words.command);
  }
}

int RunAction(const CommandLine& line) {
  SetUpLogging(line.log_level, line.context.terminal);
  try {
    return line.action();
  } catch (const std::invalid_argument& error) {
    return ReportError({ErrorCode::kInvalidArgument, error.what(), {}});
  } catch (const std::exception& error) {
    return ReportError({ErrorCode::kInternal, error.what(), {}});
  }
}

/// Output that cannot be written is a failure, unless the reader closed the pipe (`| head`).
int Finish(int code) {
  const bool lost = std::fflush(stdout) != 0 || std::ferror(stdout) != 0;
  if (!lost || code != kExitDone) return code;
  if (errno == EPIPE) return kExitFailed;
  return ReportError({ErrorCode::kUnsupported, "the output could not be written", {}});
}

}  // namespace

CommandLine::CommandLine(Context process)
    : context(std::move(process)), app(Overview().summary, "djps") {
  app.formatter(std::make_shared<HelpPage>(Overview()));
  app.get_help_ptr()->description("Show this help");
}

CLI::App& AddCommandGroup(CLI::App& parent, const CommandHelp& help) {
  CLI::App* const command = parent.add_subcommand(help.name, help.summary);
  command->formatter(std::make_shared<HelpPage>(help));
  command->get_help_ptr()->description("Show this help");
  return *command;
}

CLI::App& AddCommand(CommandLine& line, CLI::App& parent, const CommandHelp& help) {
  CLI::App& command = AddCommandGroup(parent, help);
  command.add_option("--log-level", line.log_level)
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}).description(""))
      ->description("How much to log on standard error: trace, debug, info, warn, error or off")
      ->default_str(line.log_level)
      ->envname("DJPS_LOG_LEVEL");
  return command;
}

int RunCommandLine(CommandLine& line, std::vector<std::string> args) {
  const std::optional<int> parsed = Parse(line, std::move(args));
  return Finish(parsed ? *parsed : RunAction(line));
}

}  // namespace djps::cli
