// What the documents show must be what is built.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "cli/commands.h"
#include "cli/completion.h"

namespace djps {
namespace {

std::string ReadSource(const std::string& path) {
  const std::ifstream file(std::string(DJPS_SOURCE_DIR) + "/" + path);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

TEST(DocsTest, ReadmeExampleIsTheOneThatIsCompiled) {
  const std::string readme = ReadSource("README.md");
  const std::string open = "```cpp\n";
  const std::size_t start = readme.find(open);
  ASSERT_NE(start, std::string::npos);
  const std::size_t end = readme.find("```", start + open.size());
  EXPECT_EQ(readme.substr(start + open.size(), end - start - open.size()),
            ReadSource("examples/email_worker/main.cc"));
}

/// Every command that can be run must stand in `document`, and with it an example.
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

}  // namespace
}  // namespace djps
