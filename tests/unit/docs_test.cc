// What the documents show must be what is built.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

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

}  // namespace
}  // namespace djps
