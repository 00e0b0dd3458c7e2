// Reading the members of a request body, and the parameters of its query.
#include "server/wire/fields.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "server/wire/query.h"

namespace djps::server {
namespace {

using namespace std::chrono_literals;

std::string Told(std::optional<Problem> problem) {
  if (!problem) return "nothing";
  std::string all;
  for (const FieldProblem& error : problem->errors) {
    all += error.path.Name() + " " + error.detail + "; ";
  }
  return all.empty() ? problem->detail : all;
}

TEST(FieldsTest, ReadsEachKindOfValue) {
  Fields fields(R"({"name":"a\u00e9","count":3,"ratio":0.5,"on":true,"waitMs":1500,
    "at":"2027-01-31T08:00:00Z","data":{"n":1e400},"id":"01900000-0000-7000-8000-000000000000"})");
  EXPECT_EQ(fields.Text("name", 10), "aé");
  EXPECT_EQ(fields.Integer("count", 0, 10), 3);
  EXPECT_EQ(fields.Number("ratio", 0, 1), 0.5);
  EXPECT_EQ(fields.Bool("on"), true);
  EXPECT_EQ(fields.Duration("waitMs", 0ms, 1h), 1500ms);
  EXPECT_TRUE(fields.Time("at"));
  EXPECT_EQ(fields.Json("data", 1000), R"({"n":1e400})") << "digits are kept";
  EXPECT_TRUE(fields.Id("id"));
  EXPECT_EQ(Told(fields.Finish()), "nothing");
}

TEST(FieldsTest, TakesBothSpellingsAndReadsNullAsNothing) {
  Fields fields(R"({"wait_ms":5,"name":null})");
  EXPECT_EQ(fields.Duration("waitMs", 0ms, 1s), 5ms);
  EXPECT_EQ(fields.Text("name", 10), std::nullopt);
  EXPECT_FALSE(fields.Has("name"));
  EXPECT_EQ(Told(fields.Finish()), "nothing");
}

TEST(FieldsTest, AWholeNumberMayHaveAPointOrAnExponent) {
  for (const char* written : {"34", "34.0", "3.4e1", "3.4E+1", "340e-1", "0.34e2"}) {
    Fields fields(std::string(R"({"count":)") + written + R"(,"waitsMs":[)" + written + "]}");
    EXPECT_EQ(fields.Integer("count", 0, 100), 34) << written;
    EXPECT_EQ(fields.Durations("waitsMs", 1, 100ms), (std::vector{34ms})) << written;
    EXPECT_EQ(Told(fields.Finish()), "nothing") << written;
  }
  for (const char* written :
       {"34.5", "3.45e1", "1e-1", "1e400", "1e18", "\"34\"", "101.0", "-1.0"}) {
    Fields fields(std::string(R"({"count":)") + written + "}");
    EXPECT_EQ(fields.Integer("count", 0, 100), std::nullopt) << written;
    EXPECT_NE(Told(fields.Finish()).find("must be a whole number from 0 to 100"), std::string::npos)
        << written;
  }
}

TEST(FieldsTest, SaysEverythingThatIsWrongAtOnce) {
  Fields fields(
      R"({"name":7,"count":11,"on":"yes","at":"soon","id":"x","queue":"a b","ids":[1],"limt":1})");
  fields.Text("name", 10);
  fields.Integer("count", 0, 10);
  fields.Bool("on");
  fields.Time("at");
  fields.Id("id");
  fields.Name("queue");
  fields.Uuids("ids", 5);
  fields.Integer("limit", 1, 2);
  fields.Required("reason", fields.Text("reason", 10));
  EXPECT_EQ(Told(fields.Finish()),
            "name must be a string, got 7; "
            "count must be a whole number from 0 to 10, got 11; "
            "on must be true or false, got \"yes\"; "
            "at must be a time such as 2027-01-31T08:00:00Z (RFC 3339), got \"soon\"; "
            "id must be a UUID of 36 characters, got \"x\"; "
            "queue may hold only A-Z a-z 0-9 _ . : / - , got \"a b\"; "
            "ids[0] must be a UUID of 36 characters, got 1; "
            "reason is missing; "
            "limt is not a field here; did you mean limit?; ");
}

TEST(FieldsTest, ReadsObjectsInsideArrays) {
  Fields fields(R"({"jobs":[{"id":1},{"id":2,"more":0}, 3]})");
  auto objects = fields.Objects("jobs", 10);
  ASSERT_TRUE(objects);
  ASSERT_EQ(objects->size(), 2U);
  EXPECT_EQ((*objects)[0].Integer("id", 0, 9), 1);
  EXPECT_EQ((*objects)[1].Integer("id", 0, 9), 2);
  EXPECT_EQ(Told(fields.Finish()),
            "jobs[2] must be an object, got 3; jobs[1].more is not a field here; ");
}

TEST(FieldsTest, LimitsTheSizeOfThings) {
  Fields fields(R"({"name":"abcd","data":"abcd","names":["a","b","c"],"texts":["", "abcd"]})");
  fields.Text("name", 3);
  fields.Json("data", 3);
  fields.Names("names", 2);
  fields.Texts("texts", 2, 3);
  EXPECT_EQ(Told(fields.Finish()),
            "name must be at most 3 bytes long, got 4; "
            "data must be at most 3 bytes of JSON, got 6; "
            "names may have at most 2 items, got 3; "
            "texts[0] must be a string of 1 to 3 bytes, got \"\"; "
            "texts[1] must be a string of 1 to 3 bytes, got \"abcd\"; ");
}

TEST(FieldsTest, TellsMalformedJsonFromAWrongShape) {
  EXPECT_EQ(Fields("{").Finish()->kind, ProblemKind::kMalformedJson);
  EXPECT_EQ(Fields("[]").Finish()->kind, ProblemKind::kValidationFailed);
  EXPECT_EQ(Told(Fields("").Finish()), "nothing") << "an empty body stands for {}";
}

TEST(FieldsTest, CountsMembersBeyondThoseThatAnybodyNeeds) {
  std::string body = R"({"name":"a")";
  for (int i = 0; i < 100'000; ++i) body += R"(,"nmae":1)";
  const auto problem = [&] {
    Fields fields(body + "}");
    EXPECT_EQ(fields.Text("name", 10), "a");
    return fields.Finish();
  }();
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->errors.size(), kFieldProblemsMax);
  EXPECT_EQ(problem->errors[0].detail, "is not a field here; did you mean name?");
  EXPECT_EQ(problem->detail, "100 fields are wrong; errors lists the first 20 and leaves off 80.");
}

TEST(FieldsTest, SaysHowManyMembersAreTooMany) {
  std::string body = R"({"a":[{)";
  for (int i = 0; i < 150; ++i) body += fmt::format("{}\"b\":1", i == 0 ? "" : ",");
  Fields fields(body + "}]}");
  auto items = fields.Objects("a", 1);
  ASSERT_EQ(items->size(), 1U);
  EXPECT_EQ((*items)[0].Integer("b", 0, 9), 1);
  EXPECT_EQ(Told(fields.Finish()), "a[0] has 150 members; at most 100 are looked at; ");
}

TEST(FieldsTest, ReadsABodyTheSameInWhateverPiecesItComes) {
  const std::string body =
      R"( {"jobs":[{"id":"01900000-0000-7000-8000-000000000000","result":{"a":[1e400,"\u00e9\n"]}},)"
      R"(7,{"tags":["x","y"],"result":[[1],[]]}],"result":[[],{"b":{}}],"n":-1.50e2,"t":true,"z":null} )";
  for (std::size_t cut = 0; cut < body.size(); ++cut) {
    FieldsParser parser;
    parser.Feed(body.substr(0, cut));
    parser.Feed(body.substr(cut));
    Fields fields(std::move(parser));
    auto jobs = fields.Objects("jobs", 3);
    ASSERT_EQ(jobs->size(), 2U) << cut;
    EXPECT_EQ((*jobs)[0].Json("result", 1000), "{\"a\":[1e400,\"é\\n\"]}") << cut;
    EXPECT_TRUE((*jobs)[0].Id("id")) << cut;
    EXPECT_EQ((*jobs)[1].Texts("tags", 2, 2), (std::vector<std::string>{"x", "y"})) << cut;
    EXPECT_EQ((*jobs)[1].Json("result", 1000), "[[1],[]]") << cut;
    EXPECT_EQ(fields.Json("result", 1000), R"([[],{"b":{}}])") << cut;
    EXPECT_EQ(fields.Number("n", -200, 0), -150) << cut;
    EXPECT_EQ(fields.Bool("t"), true) << cut;
    EXPECT_EQ(fields.Text("z", 1), std::nullopt) << cut;
    EXPECT_EQ(Told(fields.Finish()), "jobs[1] must be an object, got 7; ") << cut;
  }
}

TEST(FieldsTest, NamesAByteOrderMark) {
  EXPECT_EQ(Told(Fields("\xEF\xBB\xBF{}").Finish()),
            "begins with a byte order mark (the bytes EF BB BF); send UTF-8 without one (at offset "
            "0).");
  EXPECT_EQ(Told(Fields(std::string_view("\xFF\xFE{\0}\0", 6)).Finish()),
            "is UTF-16 (it begins with its byte order mark); send UTF-8 (at offset 0).");
}

TEST(QueryTest, ReadsDecodedParameters) {
  Query query("/jobs?queue=a%2Fb&text=two+words%21&limit=7&dry=true");
  EXPECT_EQ(query.Name("queue"), "a/b");
  EXPECT_EQ(query.Text("text"), "two words!");
  EXPECT_EQ(query.Integer("limit", 1, 10), 7);
  EXPECT_EQ(query.Bool("dry"), true);
  EXPECT_EQ(Told(query.Finish()), "nothing");
}

TEST(QueryTest, ReadsValuesToTheirEndAndNoFurther) {
  // Boost 1.81 left rubbish at the end of the last value, whatever lay in the buffer before.
  for (const char* target : {"/workers?all=true", "/jobs/x/logs?after=1", "/a?some-long-name=1"}) {
    const std::string text(target);
    const std::size_t mark = text.find('?') + 1;
    const std::size_t equals = text.find('=');
    Query query(text);
    EXPECT_EQ(query.Text(text.substr(mark, equals - mark)), text.substr(equals + 1));
  }
}

TEST(QueryTest, SaysEverythingThatIsWrongAtOnce) {
  Query query("/jobs?queue=a+b&limit=many&dry=maybe&bad=%00&tag=&key=a&key=a&type&stauts=dead");
  query.Name("queue");
  query.Integer("limit", 1, 10);
  query.Bool("dry");
  query.Text("bad");
  query.Text("tag");
  query.Text("key");
  query.Text("type");
  query.Text("status");
  EXPECT_EQ(Told(query.Finish()),
            "queue may hold only A-Z a-z 0-9 _ . : / - , got \"a b\"; "
            "limit must be a whole number from 1 to 10, got \"many\"; "
            "dry must be true or false, got \"maybe\"; "
            "bad must be UTF-8 without NUL characters; "
            "tag is empty; give it a value or omit it; "
            "key is given twice; send it once; "
            "type is empty; give it a value or omit it; "
            "stauts is not a parameter here; did you mean status?; ");
}

TEST(QueryTest, AnIdIsText) {
  const std::string id = "01a20d35-a034-7e1d-afaa-3b15c972d5c0";
  Query query("/audit?target=" + id);
  EXPECT_EQ(query.Text("target"), id);
  EXPECT_EQ(Told(query.Finish()), "nothing");
}

TEST(QueryTest, APathWithoutAQueryHasNoParameters) {
  Query query("/jobs");
  EXPECT_EQ(query.Text("status"), std::nullopt);
  EXPECT_EQ(Told(query.Finish()), "nothing");
  EXPECT_NE(Told(Query("/jobs?a=%zz").Finish()), "nothing");
}

}  // namespace
}  // namespace djps::server
