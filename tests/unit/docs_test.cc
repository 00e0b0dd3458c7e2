// The examples in the documents must be built by tests.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "build_paths.h"
#include "cli/commands/commands.h"
#include "cli/frame/completion.h"

namespace djps {
namespace {

std::string ReadSource(const std::string& path) {
  const std::ifstream file(std::string(test_support::kSourceDir) + "/" + path);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

/// The ```cpp blocks of a document.
std::vector<std::string> CppBlocks(const std::string& document) {
  const std::string open = "```cpp\n";
  std::vector<std::string> blocks;
  std::size_t at = 0;
  while ((at = document.find(open, at)) != std::string::npos) {
    at += open.size();
    const std::size_t end = document.find("```", at);
    blocks.push_back(document.substr(at, end - at));
    at = end;
  }
  return blocks;
}

/// The examples in C++, which are all built (tests/CMakeLists.txt; examples/cmake_project/check).
std::vector<std::string> Examples() {
  std::vector<std::string> texts;
  const std::string folder = std::string(test_support::kSourceDir) + "/examples";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".cc") continue;
    texts.push_back(
        ReadSource(std::filesystem::relative(entry.path(), test_support::kSourceDir).string()));
  }
  return texts;
}

TEST(DocsTest, EveryExampleInCppIsOneThatIsCompiled) {
  std::vector<std::string> documents = {"README.md"};
  const std::string folder = std::string(test_support::kSourceDir) + "/docs";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".md") continue;
    documents.push_back(std::filesystem::relative(entry.path(), test_support::kSourceDir).string());
  }
  const std::vector<std::string> examples = Examples();
  std::size_t blocks = 0;
  for (const std::string& name : documents) {
    const std::string document = ReadSource(name);
    for (const std::string& block : CppBlocks(document)) {
      ++blocks;
      const bool compiled =
          std::any_of(examples.begin(), examples.end(), [&block](const std::string& example) {
            return example.find(block) != std::string::npos;
          });
      EXPECT_TRUE(compiled) << name << " shows C++ that is in no file of examples/:\n" << block;
    }
    // C++ must be in ```cpp blocks, or the checks above would miss it.
    EXPECT_EQ(document.find("\n    #include"), std::string::npos) << name;
  }
  EXPECT_GE(blocks, 2U);
}

/// `document` must have every command that can be run, with an example.
void ExpectDocumented(const cli::CompletionCommand& command, const std::string& document) {
  for (const cli::CompletionCommand& below : command.commands) ExpectDocumented(below, document);
  if (!command.commands.empty()) return;
  EXPECT_NE(document.find("\n| `djps " + command.path + "` | "), std::string::npos) << command.path;
}

TEST(DocsTest, EveryCommandIsInTheTablesOfCommands) {
  cli::CommandLine line({.environment = {}, .terminal = {}});
  cli::RegisterCommands(line);
  ExpectDocumented(cli::DescribeTree(line.app), ReadSource("docs/cli.md"));
}

/// Everything under tests, with its white space squeezed, since the formatter may break lines.
std::string TestSources() {
  std::string text;
  const std::string folder = std::string(test_support::kSourceDir) + "/tests";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".cc") continue;
    text += ReadSource(std::filesystem::relative(entry.path(), test_support::kSourceDir).string());
  }
  return std::regex_replace(text, std::regex("\\s+"), " ");
}

TEST(DocsTest, EveryTestThatTheFeaturesNameExists) {
  const std::string features = ReadSource("docs/features.md");
  const std::string tests = TestSources();
  const std::regex name(R"(([A-Z]\w+Test)\.(\w+))");
  int named = 0;
  for (std::sregex_iterator at(features.begin(), features.end(), name), end; at != end; ++at) {
    ++named;
    const std::string declaration = "(" + at->str(1) + ", " + at->str(2) + ")";
    EXPECT_NE(tests.find(declaration), std::string::npos) << at->str();
  }
  EXPECT_GT(named, 40);
}

}  // namespace
}  // namespace djps
