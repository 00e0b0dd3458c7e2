// Tags over HTTP: what one may be, that it comes back as it was sent, and that it is found.
#include <fmt/format.h>

#include <boost/json/serialize.hpp>

#include "core/option_limits.h"
#include "support/work_api.h"

namespace djps::test_support {
namespace {

/// As a query has it; every byte, so that none has a meaning.
std::string Encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return encoded;
}

class ServerTagsTest : public WorkApiTest {
 protected:
  HttpReply Submit(const json::array& tags) {
    return Post("/jobs", json::serialize(json::object{{"type", "t"}, {"tags", tags}}));
  }

  /// The one mistake that the answer names.
  static std::string Mistake(const HttpReply& reply) {
    EXPECT_EQ(reply.status, 422) << reply.body;
    const json::value body = reply.Json();
    EXPECT_EQ(body.at("errors").as_array().size(), 1U) << reply.body;
    return TextOf(body.as_object(), "detail");
  }
};

TEST_F(ServerTagsTest, AJobHasUpTo20TagsOfUpTo128Bytes) {
  json::array tags;
  for (std::size_t i = 0; i < kTagsMax; ++i) {
    std::string tag = std::to_string(i);
    tag.resize(kTagBytesMax, 'x');
    tags.emplace_back(tag);
  }
  const HttpReply most = Submit(tags);
  ASSERT_EQ(most.status, 201) << most.body;
  EXPECT_EQ(most.Json().at("tags").as_array(), tags);
  tags.emplace_back("one more");
  EXPECT_TRUE(Mistake(Submit(tags)).starts_with("tags ")) << "and says how many there may be";
  EXPECT_NE(Mistake(Submit(tags)).find("20"), std::string::npos);
  // Bytes count, not characters.
  std::string letters;
  for (std::size_t i = 0; i < kTagBytesMax / 2; ++i) letters += "\u00e9";
  EXPECT_EQ(Submit({letters}).status, 201);
  EXPECT_EQ(Mistake(Submit({"a", letters + "x"})).find("tags[1] must be a string of 1 to 128"), 0U);
  EXPECT_EQ(Count("facts"), "2");
}

TEST_F(ServerTagsTest, WhatIsNoTagIsNamed) {
  for (const char* tag : {"\"\"", "1", "true", "null", "[\"a\"]", "{}"}) {
    const std::string job = fmt::format(R"({{"type":"t","tags":["a",{}]}})", tag);
    EXPECT_EQ(Mistake(Post("/jobs", job)).find("tags[1]"), 0U) << tag;
    const std::string batch = R"({"jobs":[{"type":"t"},)" + job + "]}";
    EXPECT_EQ(Mistake(Post("/jobs/batch", batch)).find("jobs[1].tags[1]"), 0U) << tag;
  }
  const std::string nul = R"({"type":"t","tags":["a","b\u0000"]})";
  const std::string said =
      "holds a NUL character (\\u0000) at tags[1], which Postgres cannot store.";
  EXPECT_EQ(Mistake(Post("/jobs", nul)), "the body " + said);
  EXPECT_EQ(Mistake(Post("/jobs/batch", R"({"jobs":[)" + nul + "]}")), "jobs[0] " + said);
  EXPECT_EQ(Count("facts"), "0");
}

TEST_F(ServerTagsTest, OddCharactersComeBackAndAreFound) {
  const std::vector<std::string> odd = {"a b",    " ",          "a,b",
                                        "{a,b}",  "NULL",       "\"",
                                        "\\",     "a\\\"b",     "'; drop table djps.facts; --",
                                        "100%",   "+",          "&",
                                        "a=b",    "#",          "?",
                                        "/",      "\n\t",       "\x7f",
                                        "\u0085", "\u00fc",     "u\u0308",
                                        "\u202e", "\U0001f600", "%41",
                                        "*",      "_"};
  for (const std::string& tag : odd) {
    SCOPED_TRACE(tag);
    const HttpReply created = Submit({tag, "all"});
    ASSERT_EQ(created.status, 201) << created.body;
    const json::array tags = {json::value(tag), json::value("all")};
    const std::string id = TextOf(created.Json().as_object(), "id");
    EXPECT_EQ(GetOk("/jobs/" + id).at("tags").as_array(), tags);
    const json::object page = GetOk("/jobs?tag=" + Encoded(tag));
    ASSERT_EQ(page.at("jobs").as_array().size(), 1U) << "no other tag is taken for it";
    EXPECT_EQ(page.at("jobs").at(0).at("id"), json::value(id));
    const json::object bulk =
        Ok("/jobs/bulk", json::serialize(json::object{
                             {"action", "cancel"},
                             {"dryRun", true},
                             {"filter", {{"status", json::array{"queued"}}, {"tag", tag}}}}));
    EXPECT_EQ(bulk.at("matched"), 1);
    // The worker that gets the job sees them too.
    const json::object claim = Ok("/worker/claim", R"({"worker":"w","types":["t"]})");
    EXPECT_EQ(claim.at("jobs").at(0).at("tags").as_array(), tags);
  }
  EXPECT_EQ(GetOk("/jobs?limit=1000&tag=all").at("jobs").as_array().size(), odd.size());
}

TEST_F(ServerTagsTest, ATagTwiceIsFoundOnceAndTheFilterTakesWhatATagMayBe) {
  ASSERT_EQ(Submit({"a", "a"}).status, 201);
  EXPECT_EQ(GetOk("/jobs?tag=a").at("jobs").as_array().size(), 1U);
  const std::string longest(kTagBytesMax, 'x');
  EXPECT_TRUE(GetOk("/jobs?tag=" + longest).at("jobs").as_array().empty());
  for (const std::string& wrong :
       {longest + "x", std::string("%00"), std::string("%FF"), std::string()}) {
    EXPECT_EQ(client_.Get("/jobs?tag=" + wrong).status, 422) << wrong;
  }
}

}  // namespace
}  // namespace djps::test_support
