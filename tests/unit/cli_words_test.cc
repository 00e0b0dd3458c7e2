#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "cli/frame/words.h"
#include "core/suggest.h"

namespace djps::cli {
namespace {

using Words = std::vector<std::string>;

TEST(SplitAtExecTest, EverythingBehindTheProgramBelongsToIt) {
  const SplitArgs split =
      SplitAtExec({"worker", "--type", "a", "--exec", "prog", "-v", "--type", "b", "--exec", "x"});
  EXPECT_EQ(split.ours, (Words{"worker", "--type", "a", "--exec", "prog"}));
  EXPECT_EQ(split.program_args, (Words{"-v", "--type", "b", "--exec", "x"}));
}

TEST(SplitAtExecTest, TheProgramMayStandInTheSameWord) {
  const SplitArgs split = SplitAtExec({"worker", "--exec=prog", "--help"});
  EXPECT_EQ(split.ours, (Words{"worker", "--exec=prog"}));
  EXPECT_EQ(split.program_args, Words{"--help"});
}

TEST(SplitAtExecTest, LeavesOtherCommandLinesAlone) {
  for (const Words& words : {Words{}, Words{"dev"}, Words{"worker", "--exec"},
                             Words{"worker", "--exec", "prog"}, Words{"x", "--execute", "y"}}) {
    const SplitArgs split = SplitAtExec(words);
    EXPECT_EQ(split.ours, words);
    EXPECT_TRUE(split.program_args.empty());
  }
}

class CheckWordsTest : public testing::Test {
 protected:
  CheckWordsTest() : app_("", "djps") {
    CLI::App* job = app_.add_subcommand("job");
    get_ = job->add_subcommand("get");
    get_->add_option("ID", text_);
    get_->add_option("--server", text_);
    get_->add_flag("--json", flag_);
    app_.add_subcommand("enqueue");
  }

  CLI::App app_;
  CLI::App* get_ = nullptr;
  std::string text_;
  bool flag_ = false;
};

TEST_F(CheckWordsTest, FollowsTheCommands) {
  for (const Words& words :
       {Words{"job", "get", "--server", "job", "--json", "id"}, Words{"job", "get", "--help"},
        Words{"job", "get", "--server=x", "id"}, Words{"job", "get", "--", "--id"}}) {
    const WordsReport report = CheckWords(app_, words);
    EXPECT_EQ(report.command, "djps job get");
    EXPECT_EQ(report.complaint, std::nullopt) << *report.complaint;
  }
}

TEST_F(CheckWordsTest, SuggestsTheNearestCommand) {
  EXPECT_EQ(CheckWords(app_, {"enqeue"}).complaint,
            "\"enqeue\" is not a command of djps; did you mean enqueue?");
  EXPECT_EQ(CheckWords(app_, {"job", "got", "x"}).complaint,
            "\"got\" is not a command of djps job; did you mean get?");
}

TEST_F(CheckWordsTest, ListsTheCommandsWhenNoneIsNear) {
  EXPECT_EQ(CheckWords(app_, {"zzz"}).complaint,
            "\"zzz\" is not a command of djps; there are: job, enqueue");
}

TEST_F(CheckWordsTest, SuggestsTheNearestOption) {
  const WordsReport report = CheckWords(app_, {"job", "get", "--sever=x"});
  EXPECT_EQ(report.command, "djps job get");
  EXPECT_EQ(report.complaint, "--sever is not an option of djps job get; did you mean --server?");
}

TEST(SuggestTest, ToleratesAThirdOfTheLettersAndSwappedNeighbours) {
  const Words commands = {"dev", "worker", "completion", "health"};
  EXPECT_EQ(SuggestNearest("wroker", commands), "worker");
  EXPECT_EQ(SuggestNearest("helth", commands), "health");
  EXPECT_EQ(SuggestNearest("comp", commands), "completion");
  EXPECT_EQ(SuggestNearest("devv", commands), "dev");
  EXPECT_EQ(SuggestNearest("server", commands), std::nullopt);
  EXPECT_EQ(SuggestNearest("", commands), std::nullopt);
  EXPECT_EQ(SuggestNearest(std::string(1000, 'd'), commands), std::nullopt);
}

}  // namespace
}  // namespace djps::cli
