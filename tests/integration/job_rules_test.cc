// The rules of a submission: one table of cases for HTTP, djps::Client and SQL. All of them accept
// the same, refuse the same, and name the same member.
#include "core/job_rules.h"

#include <fmt/format.h>

#include <functional>
#include <optional>

#include "core/option_limits.h"
#include "core/time_text.h"
#include "djps/client.h"
#include "support/api_server.h"
#include "support/store_fixture.h"

namespace djps {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;
using test_support::ApiServer;
using test_support::HttpClient;
using test_support::HttpReply;
using test_support::StoreTest;

struct Case {
  std::string members;  ///< Beside the type, in snake_case.
  std::string field;    ///< What is refused; empty: nothing.
  /// The same job in C++; null if C++ cannot express it.
  std::function<void(NewJob&)> change = nullptr;
  bool jsonb = true;  ///< false: no value of jsonb could say it.
};

std::string Nested(std::size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

std::string Numbers(std::size_t count, std::string_view number) {
  std::string array = "[";
  for (std::size_t i = 0; i < count; ++i) (array += number) += ',';
  array.back() = ']';
  return array;
}

std::string Quoted(std::size_t bytes) { return '"' + std::string(bytes, 'x') + '"'; }

Case WithPayload(const std::string& payload, const std::string& field = {}) {
  return {R"("payload":)" + payload, field, [payload](NewJob& job) { job.payload = payload; }};
}

Case WithMetadata(const std::string& metadata, const std::string& field = {}) {
  return {R"("metadata":)" + metadata, field, [metadata](NewJob& job) { job.metadata = metadata; }};
}

Case NoJsonb(Case one) {
  one.jsonb = false;
  return one;
}

std::vector<Case> JsonCases() {
  return {
      WithPayload("null"),
      WithPayload(Nested(64)),
      WithPayload(Nested(65), "payload"),
      WithPayload("{\"a\":" + Nested(64) + "}", "payload"),
      WithPayload(Quoted(kPayloadBytesMax - 2)),
      WithPayload(Quoted(kPayloadBytesMax - 1), "payload"),
      // White space that jsonb adds does not count.
      WithPayload(Numbers(kPayloadBytesMax / 2 - 1, "1")),
      WithPayload(Numbers(kPayloadBytesMax / 2, "1"), "payload"),
      // Numbers count as they are printed.
      WithPayload("1e131071"),
      NoJsonb(WithPayload("1e131072", "payload")),
      WithPayload("1e-16383"),
      NoJsonb(WithPayload("1e-16384", "payload")),
      WithPayload(Numbers(7, "1e131071")),
      WithPayload(Numbers(8, "1e131071"), "payload"),
      WithPayload(Numbers(3'000, "1e131071"), "payload"),
      WithPayload(Numbers(3'000, "1e-16383"), "payload"),
      WithPayload("{\"1e131071\":\"" + std::string(100, 'e') + "\"}"),
      WithMetadata(R"({"a":1})"),
      WithMetadata("{\"a\":" + Nested(63) + "}"),
      WithMetadata("{\"a\":" + Nested(64) + "}", "metadata"),
      WithMetadata("[1]", "metadata"),
      WithMetadata("{\"a\":" + Quoted(kMetadataBytesMax - 8) + "}"),
      WithMetadata("{\"a\":" + Quoted(kMetadataBytesMax - 7) + "}", "metadata"),
      WithMetadata(R"({"a":1e70000})", "metadata"),
  };
}

Case WithType(const std::string& queue, const std::string& field) {
  return {"\"queue\":\"" + queue + '"', field, [queue](NewJob& job) { job.queue = queue; }};
}

Case WithKey(const std::string& key, const std::string& field = {}) {
  return {"\"idempotency_key\":\"" + key + '"', field,
          [key](NewJob& job) { job.idempotency_key = key; }};
}

Case WithRunAt(const std::string& text, const std::string& field = {}) {
  Case one{"\"run_at\":\"" + text + '"', field};
  if (const auto time = ParseTimestamp(text))
    one.change = [time](NewJob& job) { job.run_at = time; };
  return one;
}

Case WithFinishBy(const std::string& text, const std::string& field = {}) {
  Case one{"\"finish_by\":\"" + text + '"', field};
  if (const auto time = ParseTimestamp(text)) {
    one.change = [time](NewJob& job) { job.finish_by = time; };
  }
  return one;
}

std::vector<Case> PlainCases() {
  return {
      {"\"queue\":null", ""},
      {"\"queue\":7", "queue"},
      WithType("a b", "queue"),
      WithType("", "queue"),
      WithType(std::string(129, 'q'), "queue"),
      {"\"priority\":32767", "", [](NewJob& job) { job.priority = 32767; }},
      {"\"priority\":34.0", ""},
      {"\"priority\":32768", "priority"},
      {"\"priority\":1.5", "priority"},
      {"\"priority\":\"high\"", "priority"},
      {"\"priority\":99999999999", "priority"},
      {"\"priority\":1e131071", "priority"},
      {"\"priority\":[1]", "priority"},
      {"\"max_attempts\":0", "max_attempts", [](NewJob& job) { job.max_attempts = 0; }},
      {"\"max_attempts\":1001", "max_attempts", [](NewJob& job) { job.max_attempts = 1001; }},
      {"\"max_attempts\":true", "max_attempts"},
      WithKey(std::string(255, 'k')),
      WithKey(std::string(256, 'k'), "idempotency_key"),
      WithKey("", "idempotency_key"),
      WithKey("\u00e9\u20ac"),
      WithKey("a\xc2\x85", "idempotency_key"),
      {"\"idempotency_key\":12", "idempotency_key"},
      WithRunAt("2030-01-31T08:00:00Z"),
      WithRunAt("2030-01-31t08:00:60.123456789+05:30"),
      WithRunAt("9999-12-31T23:59:59.999999Z"),
      WithRunAt("9999-12-31T23:59:59-01:00", "run_at"),
      WithRunAt("1970-01-01T00:00:00Z"),
      WithRunAt("1970-01-01T00:00:00+01:00", "run_at"),
      WithRunAt("1969-12-31T23:59:59Z", "run_at"),
      WithRunAt("2030-02-29T00:00:00Z", "run_at"),
      WithRunAt("2032-02-29T00:00:00Z"),
      WithRunAt("2030-01-31T24:00:00Z", "run_at"),
      WithRunAt("2030-01-31", "run_at"),
      WithRunAt("soon", "run_at"),
      WithRunAt("infinity", "run_at"),
      {"\"run_at\":1893456000", "run_at"},
      WithFinishBy("2030-01-31T08:00:00Z"),
      WithFinishBy("9999-12-31T23:59:59-01:00", "finish_by"),
      WithFinishBy("infinity", "finish_by"),
      {"\"colour\":\"red\"", "colour"},
  };
}

Case WithDelay(std::int64_t ms, const std::string& field = {}) {
  return {fmt::format("\"delay_ms\":{}", ms), field,
          [ms](NewJob& job) { job.delay = milliseconds(ms); }};
}

Case WithTags(const std::vector<std::string>& tags, const std::string& field = {}) {
  std::string list;
  for (const std::string& tag : tags) list += (list.empty() ? "\"" : ",\"") + tag + '"';
  return {"\"tags\":[" + list + "]", field, [tags](NewJob& job) { job.tags = tags; }};
}

std::vector<Case> OptionCases() {
  return {
      WithDelay(0),
      WithDelay(31'622'400'000),
      WithDelay(31'622'400'001, "delay_ms"),
      WithDelay(-1, "delay_ms"),
      {R"("delay_ms":1,"run_at":"2030-01-31T08:00:00Z")", "delay_ms",
       [](NewJob& job) {
         job.delay = milliseconds(1);
         job.run_at = ParseTimestamp("2030-01-31T08:00:00Z");
       }},
      {R"("idempotency_key":"kl","key_lifetime_ms":999)", "key_lifetime_ms",
       [](NewJob& job) {
         job.idempotency_key = "kl";
         job.key_lifetime = milliseconds(999);
       }},
      {R"("key_lifetime_ms":1000)", "key_lifetime_ms",
       [](NewJob& job) { job.key_lifetime = milliseconds(1000); }},
      {"\"timeout_ms\":0", "timeout_ms", [](NewJob& job) { job.timeout = milliseconds(0); }},
      {"\"timeout_ms\":2147483648", "timeout_ms",
       [](NewJob& job) { job.timeout = milliseconds(2147483648); }},
      {"\"timeout_ms\":2147483647", "",
       [](NewJob& job) { job.timeout = milliseconds(2147483647); }},
      WithTags({}),
      WithTags(std::vector<std::string>(20, std::string(128, 't'))),
      WithTags(std::vector<std::string>(21, "t"), "tags"),
      WithTags({"a", ""}, "tags[1]"),
      WithTags({std::string(129, 't')}, "tags[0]"),
      {"\"tags\":\"{a}\"", "tags"},
      {"\"tags\":[\"a\",null]", "tags[1]"},
      {"\"unique\":{}", "", [](NewJob& job) { job.unique.emplace(); }},
      {R"("unique":{"fields":["a.b"],"states":["queued"],"on_conflict":null})", ""},
      {R"("unique":{"key":""})", "unique.key", [](NewJob& job) { job.unique.emplace().key = ""; }},
      {"\"unique\":{\"key\":" + Quoted(256) + "}", "unique.key",
       [](NewJob& job) { job.unique.emplace().key = std::string(256, 'x'); }},
      {R"("unique":{"fields":["a",""]})", "unique.fields[1]",
       [](NewJob& job) { job.unique.emplace().fields = {"a", ""}; }},
      {R"("unique":{"fields":[]})", "unique.fields"},
      {R"("unique":{"period_ms":0})", "unique.period_ms",
       [](NewJob& job) { job.unique.emplace().period = milliseconds(0); }},
      {R"("unique":{"states":["gone"]})", "unique.states"},
      {R"("unique":{"on_conflict":"panic"})", "unique.on_conflict"},
      {R"("unique":[])", "unique"},
      {R"("unique":{"filds":[]})", "unique.filds"},
  };
}

Case WithPolicy(const std::string& members, const std::string& field,
                std::function<void(RetryPolicy&)> change = nullptr) {
  Case one{"\"retry\":{" + members + "}", field};
  if (change) one.change = [change](NewJob& job) { change(job.retry.emplace()); };
  return one;
}

std::vector<Case> RetryCases() {
  using Kind = RetryPolicy::Kind;
  return {
      {"\"retry\":null", ""},
      WithPolicy(R"("kind":"exponential","base_ms":null,"factor":1.5)", "",
                 [](RetryPolicy& retry) { retry.factor = 1.5; }),
      WithPolicy(R"("kind":"fixed","delay_ms":5.0)", "",
                 [](RetryPolicy& retry) { retry.kind = Kind::kFixed; }),
      WithPolicy("", "retry.kind"),
      WithPolicy(R"("kind":"hopeful")", "retry.kind"),
      WithPolicy(R"("kind":"linear")", "retry.delay_ms"),
      WithPolicy(R"("kind":"fixed","delay_ms":-1)", "retry.delay_ms",
                 [](RetryPolicy& retry) { retry.delay = milliseconds(-1); }),
      WithPolicy(R"("kind":"exponential","base_ms":1e100000)", "retry.base_ms"),
      WithPolicy(R"("kind":"exponential","cap_ms":31622400001)", "retry.cap_ms",
                 [](RetryPolicy& retry) { retry.cap = milliseconds(31'622'400'001); }),
      WithPolicy(R"("kind":"exponential","factor":0.5)", "retry.factor",
                 [](RetryPolicy& retry) { retry.factor = 0.5; }),
      WithPolicy(R"("kind":"exponential","factor":1e131071)", "retry.factor"),
      WithPolicy(R"("kind":"list","delays_ms":[])", "retry.delays_ms",
                 [](RetryPolicy& retry) { retry.kind = Kind::kList; }),
      WithPolicy(R"("kind":"list","delays_ms":[1,-1])", "retry.delays_ms[1]",
                 [](RetryPolicy& retry) {
                   retry.kind = Kind::kList;
                   retry.delays = {milliseconds(1), milliseconds(-1)};
                 }),
      WithPolicy("\"kind\":\"list\",\"delays_ms\":" + Numbers(1'001, "1"), "retry.delays_ms",
                 [](RetryPolicy& retry) {
                   retry.kind = Kind::kList;
                   retry.delays.resize(1'001, milliseconds(1));
                 }),
      WithPolicy(R"("kind":"fixed","delay_ms":1,"jitter":"no")", "retry.jitter"),
      WithPolicy(R"("kind":"fixed","delay_ms":1,"jiter":true)", "retry.jiter"),
  };
}

/// runAt as run_at.
std::string SnakeCase(std::string_view camel) {
  std::string snake;
  for (const char c : camel) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper) snake += '_';
    snake += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return snake;
}

/// #/jobs/0/tags/1 as tags[1].
std::string FieldOfPointer(std::string_view pointer) {
  constexpr std::string_view kJob = "#/jobs/0/";
  if (!pointer.starts_with(kJob)) return std::string(pointer);
  std::string field;
  for (pointer.remove_prefix(kJob.size()); !pointer.empty();) {
    const std::string_view step = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(std::min(step.size() + 1, pointer.size()));
    if (step.find_first_not_of("0123456789") == std::string_view::npos) {
      field += fmt::format("[{}]", step);
    } else {
      field += (field.empty() ? "" : ".") + SnakeCase(step);
    }
  }
  return field;
}

class JobRulesTest : public StoreTest {
 protected:
  std::string OverHttp(const std::string& job) {
    HttpClient client = server_.Connect();
    const HttpReply reply = client.Post("/jobs/batch", "{\"jobs\":[" + job + "]}");
    if (reply.status == 201 || reply.status == 200) return "";
    EXPECT_EQ(reply.status, 422) << reply.body.substr(0, 500);
    const json::value answer = reply.Json();
    const auto* errors = answer.as_object().if_contains("errors");
    if (errors == nullptr) return reply.body;
    return FieldOfPointer(errors->at(0).at("pointer").as_string().c_str());
  }

  std::string InSql(const std::string& job) {
    constexpr std::string_view kJob = "jobs[0].";
    try {
      sql_.Run("select djps.enqueue_many($json$[" + job + "]$json$)");
    } catch (const pg::PgError& error) {
      EXPECT_EQ(error.sqlstate(), "22023") << error.what();
      const std::string message = error.what();
      const std::size_t begin = message.find(kJob);
      if (begin == std::string::npos) return message;
      const std::size_t end = message.find(' ', begin);
      return message.substr(begin + kJob.size(), end - begin - kJob.size());
    }
    return "";
  }

  std::string InCpp(const Case& one) {
    NewJob job{.type = "t"};
    one.change(job);
    const auto submitted = client_.Submit(job);
    if (submitted) return "";
    EXPECT_EQ(submitted.error().code, ErrorCode::kInvalidArgument) << submitted.error().message;
    return SnakeCase(submitted.error().field);
  }

  void Hold(const std::vector<Case>& cases) {
    for (const Case& one : cases) {
      const std::string name = one.members.substr(0, 80);
      const std::string job = R"({"type":"t",)" + one.members + "}";
      EXPECT_EQ(OverHttp(job), one.field) << "HTTP: " << name;
      if (one.jsonb) {
        EXPECT_EQ(InSql(job), one.field) << "SQL: " << name;
      }
      if (one.change) {
        EXPECT_EQ(InCpp(one), one.field) << "C++: " << name;
      }
    }
  }

  ApiServer server_{conninfo_};
  Client client_{{.database_url = conninfo_, .name = "rules"}};
};

TEST_F(JobRulesTest, EverybodyTakesTheSameJson) { Hold(JsonCases()); }

TEST_F(JobRulesTest, EverybodyTakesTheSameFields) { Hold(PlainCases()); }

TEST_F(JobRulesTest, EverybodyTakesTheSameOptions) { Hold(OptionCases()); }

TEST_F(JobRulesTest, EverybodyTakesTheSameRetryPolicies) { Hold(RetryCases()); }

TEST_F(JobRulesTest, APayloadOfNullIsKeptByEverybody) {
  EXPECT_EQ(OverHttp(R"({"type":"t","payload":null})"), "");
  EXPECT_EQ(OverHttp(R"({"type":"t","payload":null,"tags":["a"]})"), "");
  EXPECT_EQ(InSql(R"({"type":"t","payload":null})"), "");
  EXPECT_EQ(sql_.Value("select string_agg(payload::text, ' ') from djps.jobs"), "null null null");
}

TEST_F(JobRulesTest, AJobThatIsNoObjectIsNamed) {
  for (const char* job : {"7", "null", "[]", "\"t\""}) {
    EXPECT_NE(InSql(job).find("jobs[0] must be a JSON object, got "), std::string::npos) << job;
  }
}

}  // namespace
}  // namespace djps
