#include <gtest/gtest.h>
#include <spdlog/details/log_msg.h>

#include "cli/commands/bulk_submission.h"
#include "cli/commands/commands.h"
#include "cli/commands/job/card.h"
#include "cli/commands/listen_options.h"
#include "cli/frame/command_line.h"
#include "cli/frame/completion.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/logging.h"
#include "cli/frame/progress.h"
#include "cli/frame/terminal.h"

namespace djps::cli {
namespace {

TEST(TerminalTest, CountsAreReadable) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(4'213), "4,213");
  EXPECT_EQ(FormatCount(1'234'567), "1,234,567");
  EXPECT_EQ(FormatCount(1, "job"), "1 job");
  EXPECT_EQ(FormatCount(2, "job"), "2 jobs");
}

TEST(TerminalTest, ColumnsLineUpForEveryAlphabet) {
  EXPECT_EQ(FormatTable({{"NAME", "STATE"}, {"größe", "x"}, {"a", "y"}}, Style(false)),
            "NAME   STATE\ngröße  x\na      y\n");
}

TEST(TerminalTest, ColoursOnlyWhereTheyAreWanted) {
  EXPECT_EQ(Style(false).Bad("x"), "x");
  EXPECT_EQ(Style(true).Bad("x"), "\x1b[31mx\x1b[0m");
}

TEST(TerminalTest, TextOfOthersCannotSteerTheTerminal) {
  EXPECT_EQ(Printable("a\x1b[2J\n\xe2\x82\xac"), "a\\x1b[2J\\x0a\xe2\x82\xac");
}

TEST(TerminalTest, ControlsOfAnyKindAreWrittenOut) {
  EXPECT_EQ(Printable("\xc2\x9b"
                      "2J\xc2\xa0\x7f"),
            "\\u009b2J\xc2\xa0\\x7f");
  EXPECT_EQ(Printable("\x9b"
                      "2J"),
            "\xef\xbf\xbd"
            "2J")
      << "a byte that is not UTF-8";
  EXPECT_EQ(Printable("\xc2"), "\xef\xbf\xbd");
}

TEST(LogFormatterTest, TextOfOthersStaysInItsLine) {
  const spdlog::details::log_msg message("djps", spdlog::level::warn,
                                         "worker a\x1b[2J\n2026 info b\xc2\x9b"
                                         "1m is gone");
  spdlog::memory_buf_t line;
  LogFormatter()->format(message, line);
  const std::string text(line.data(), line.size());
  EXPECT_TRUE(text.ends_with(" warning worker a\\x1b[2J\\x0a2026 info b\\u009b1m is gone\n"))
      << text;
}

TEST(ProgressTest, ShowsABarWhereTheTotalIsKnown) {
  EXPECT_EQ(FormatProgress(200, 100, 4'213), "[###############               ]  50%  4,213 jobs");
  EXPECT_EQ(FormatProgress(200, 500, 1), "[##############################] 100%  1 job");
  EXPECT_EQ(FormatProgress(std::nullopt, 100, 7), "7 jobs");
  EXPECT_EQ(FormatProgress(0, 0, 0), "0 jobs");
}

TEST(BulkTotalsTest, ClosingLineTellsNewFromKnown) {
  EXPECT_EQ(ToSentence({.created = 4'213, .replayed = 0, .payload_differs = 0}),
            "submitted 4,213 jobs: 4,213 new, 0 already there");
  EXPECT_EQ(ToJson({.created = 1, .replayed = 2, .payload_differs = 1}),
            R"({"submitted":3,"created":1,"replayed":2,"payload_differs":1})");
}

TEST(ExitCodeTest, TellsWrongUsageFromUnavailable) {
  EXPECT_EQ(ExitCodeFor(ErrorCode::kInvalidArgument), 2);
  EXPECT_EQ(ExitCodeFor(ErrorCode::kUnavailable), 5);
  EXPECT_EQ(ExitCodeFor(ErrorCode::kSchemaOutdated), 1);
}

TEST(ApiUrlTest, IsAnAddressThatClientsCanUse) {
  EXPECT_EQ(ApiUrl("127.0.0.1", 3000), "http://127.0.0.1:3000");
  EXPECT_EQ(ApiUrl("0.0.0.0", 1), "http://127.0.0.1:1");
  EXPECT_EQ(ApiUrl("::", 1), "http://[::1]:1");
  EXPECT_EQ(ApiUrl("fe80::1", 1), "http://[fe80::1]:1");
}

TEST(JobCardTest, ShowsWhyTheLastAttemptFailed) {
  JobRecord job;
  job.type = "email";
  job.queue = "default";
  job.payload = "{}";
  job.status = JobStatus::kFailed;
  job.last_error = R"({"class":"exit_1","message":"no route","detail":"one\ntwo\u001b[2J",)"
                   R"("attempt":2,"worker":"host/17"})";
  const std::string card = FormatJobCard(job, Style(false));
  EXPECT_NE(card.find("exit_1: no route (attempt 2, worker host/17)"), std::string::npos) << card;
  EXPECT_NE(card.find("    one\n    two\\x1b[2J\n"), std::string::npos) << card;
}

TEST(JobCardTest, CutsALongPayloadAndSaysSo) {
  JobRecord job;
  job.payload = "\"" + std::string(5'000, 'x') + "\"";
  const std::string card = FormatJobCard(job, Style(false));
  EXPECT_LT(card.size(), 3'000U);
  EXPECT_NE(card.find("5,002 bytes in all"), std::string::npos);
}

class CommandTreeTest : public testing::Test {
 protected:
  CommandTreeTest() : line_(Context{}) { RegisterCommands(line_); }

  CommandLine line_;
};

void ForEachCommand(const CompletionCommand& command,
                    const std::function<void(const CompletionCommand&)>& visit) {
  visit(command);
  for (const CompletionCommand& below : command.commands) ForEachCommand(below, visit);
}

TEST_F(CommandTreeTest, CompletionKnowsEveryCommandAndOption) {
  const CompletionCommand root = DescribeTree(line_.app);
  const std::string bash = BashCompletion(root);
  const std::string zsh = ZshCompletion(root);
  const std::string fish = FishCompletion(root);
  std::size_t options = 0;
  ForEachCommand(root, [&](const CompletionCommand& command) {
    for (const std::string& script : {bash, zsh, fish}) {
      EXPECT_NE(script.find("\"" + command.path + "\""), std::string::npos) << command.path;
    }
    for (const CompletionOption& option : command.options) {
      ++options;
      EXPECT_NE(bash.find(" " + option.name), std::string::npos) << option.name;
      EXPECT_NE(zsh.find("'" + option.name + ":"), std::string::npos) << option.name;
      EXPECT_NE(fish.find(" -l " + option.name.substr(2) + " "), std::string::npos) << option.name;
    }
  });
  EXPECT_GT(options, 40U);
}

TEST_F(CommandTreeTest, EveryCommandThatRunsHasAnExampleAndExitCodesInItsHelp) {
  const std::function<void(const CLI::App&, const std::string&)> check =
      [&check](const CLI::App& app, const std::string& path) {
        const std::string help = app.help(path);
        EXPECT_NE(help.find("Examples:\n  "), std::string::npos) << path;
        EXPECT_NE(help.find("Usage: djps"), std::string::npos) << path;
        const auto commands = app.get_subcommands({});
        if (commands.empty()) {
          EXPECT_NE(help.find("Exit codes:\n  0  "), std::string::npos) << path;
        }
        for (const CLI::App* command : commands) check(*command, path + " " + command->get_name());
      };
  check(line_.app, "djps");
}

TEST_F(CommandTreeTest, EveryOptionIsDescribed) {
  ForEachCommand(DescribeTree(line_.app), [](const CompletionCommand& command) {
    for (const CompletionOption& option : command.options) {
      EXPECT_FALSE(option.description.empty()) << command.path << " " << option.name;
    }
  });
}

}  // namespace
}  // namespace djps::cli
