// The API's document against a running server: every example is sent, and the answer must be one of
// those that the document lists, and match its schema.
#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <functional>
#include <map>
#include <regex>

#include "server/pages/api_documents.h"
#include "support/api_server.h"
#include "support/json_schema.h"
#include "support/store_fixture.h"

namespace djps::test_support {
namespace {

namespace json = boost::json;

/// The values of the examples in this database: "019a…" -> the id of an existing job.
using Stand = std::map<std::string, std::string>;

struct Example {
  std::string name;
  std::string method;
  std::string path;  ///< With the examples of its parameters in it.
  std::string body;
  json::object operation;
};

class OpenApiExamplesTest : public StoreTest {
 protected:
  json::object Resolved(const json::value& value) const {
    const json::object& object = value.as_object();
    if (!object.contains("$ref")) return object;
    return Resolved(document_.at_pointer(std::string(object.at("$ref").as_string()).substr(1)));
  }

  std::vector<Example> Examples() const;
  Stand Prepare(const std::string& operation);
  void Send(Example example);

  json::value document_ = json::parse(server::OpenApiText());
  store::TokenStore tokens_{*pool_};
  ApiServer server_{conninfo_};
};

std::vector<Example> OpenApiExamplesTest::Examples() const {
  std::vector<Example> examples;
  for (const auto& [path, item] : document_.at("paths").as_object()) {
    for (const char* method : {"get", "post", "put", "patch", "delete"}) {
      if (!item.as_object().contains(method)) continue;
      const json::object& operation = item.at(method).as_object();
      Example example{std::string(operation.at("operationId").as_string()), method,
                      std::string(path), "", operation};
      for (char& c : example.method) c = static_cast<char>(std::toupper(c));
      std::string query;
      for (const json::object& owner : {item.as_object(), operation}) {
        const json::value* list = owner.if_contains("parameters");
        if (list == nullptr) continue;
        for (const json::value& one : list->as_array()) {
          const json::object parameter = Resolved(one);
          const json::value* value = parameter.if_contains("example");
          if (value == nullptr) continue;
          const std::string text =
              value->is_string() ? std::string(value->as_string()) : json::serialize(*value);
          const std::string name(parameter.at("name").as_string());
          if (parameter.at("in") == "path") {
            const std::size_t at = example.path.find("{" + name + "}");
            example.path.replace(at, name.size() + 2, text);
          } else if (parameter.at("in") == "query") {
            query += (query.empty() ? "?" : "&") + name + "=" + text;
          }
        }
      }
      example.path += query;
      if (!operation.contains("requestBody")) {
        examples.push_back(example);
        continue;
      }
      const json::object body = Resolved(operation.at("requestBody"));
      const json::value& content = body.at("content").at("application/json");
      for (const auto& [name, one] : content.at("examples").as_object()) {
        Example with_body = example;
        with_body.name += "/" + std::string(name);
        with_body.body = json::serialize(one.at("value"));
        examples.push_back(with_body);
      }
    }
  }
  return examples;
}

/// Makes the jobs and queues that an operation's examples use.
Stand OpenApiExamplesTest::Prepare(const std::string& operation) {
  constexpr const char* kJob = "019a2b3c-4d5e-7f60-8123-456789abcdef";
  constexpr const char* kLease = "0b2c1d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d";
  constexpr const char* kToken = "3b1f0c52-6f0a-4a8e-9a53-0d6d2f6b7a11";
  const auto queued = [&] { return Stand{{kJob, EnqueueOne({.type = "t"}).ToString()}}; };
  const auto ended = [&] {
    EnqueueOne({.type = "t"});
    const store::ClaimedBatch batch = Claim(1);  // which may be another one
    Complete(batch.lease, batch.jobs.at(0).id);
    return Stand{{kJob, batch.jobs.at(0).id.ToString()}};
  };
  const auto held = [&] {
    EnqueueOne({.type = "t"});
    const store::ClaimedBatch batch = Claim(1);
    return Stand{{kJob, batch.jobs.at(0).id.ToString()}, {kLease, batch.lease.ToString()}};
  };
  const std::map<std::string, std::function<Stand()>> preparations = {
      {"getJob", queued},
      {"listAttempts", queued},
      {"waitForJob", queued},
      {"explainJob", queued},
      {"listJobLogs", queued},
      {"streamJobEvents", ended},
      {"heartbeat", held},
      {"completeWork", held},
      {"failWork", held},
      {"snoozeWork", held},
      {"releaseWork", held},
      {"reportProgress", held},
      {"writeLogs", held},
      {"cancelJob", queued},
      {"retryJob", queued},
      {"editJob", queued},
      {"purgeJob", ended},
      {"revokeToken", [&] {
         const auto token =
             Run(tokens_.CreateToken({.grant = {"to-be-revoked", "read"}}, "me", Soon()));
         return Stand{{kToken, token.record.id.ToString()}};
       }}};
  const auto found = preparations.find(operation);
  return found != preparations.end() ? found->second() : Stand{};
}

void OpenApiExamplesTest::Send(Example example) {
  SCOPED_TRACE(example.name + ": " + example.method + " " + example.path + " " + example.body);
  const std::string operation(example.operation.at("operationId").as_string());
  if (!example.body.empty()) {
    const json::object body = Resolved(example.operation.at("requestBody"));
    for (const std::string& trouble :
         SchemaTrouble(document_, body.at("content").at("application/json").at("schema"),
                       json::parse(example.body))) {
      ADD_FAILURE() << "the example does not fit its own schema: " << trouble;
    }
  }
  for (const auto& [placeholder, real] : Prepare(operation)) {
    for (std::string* text : {&example.path, &example.body}) {
      *text = std::regex_replace(*text, std::regex(placeholder), real);
    }
  }
  HttpClient client = server_.Connect();
  const HttpReply reply = example.body.empty()
                              ? client.Send(example.method, example.path)
                              : client.Send(example.method, example.path, example.body,
                                            {{"Content-Type", "application/json"}});
  ASSERT_TRUE(reply.status >= 200 && reply.status < 300) << reply.status << " " << reply.body;
  const json::object& responses = example.operation.at("responses").as_object();
  ASSERT_TRUE(responses.contains(std::to_string(reply.status))) << reply.status;
  const json::object response = Resolved(responses.at(std::to_string(reply.status)));
  if (!response.contains("content")) {
    EXPECT_EQ(reply.body, "");
    return;
  }
  const json::object& content = response.at("content").as_object();
  const std::string sent = reply.Header("Content-Type");
  const json::value* described = content.if_contains(sent.substr(0, sent.find(';')));
  ASSERT_NE(described, nullptr) << sent;
  if (sent != "application/json") return;
  for (const std::string& trouble :
       SchemaTrouble(document_, described->at("schema"), reply.Json())) {
    ADD_FAILURE() << trouble << " in " << reply.body.substr(0, 2000);
  }
}

TEST_F(OpenApiExamplesTest, EveryExampleDoesWhatTheDocumentSays) {
  const std::vector<Example> examples = Examples();
  ASSERT_FALSE(examples.empty());
  for (const Example& example : examples) Send(example);
}

TEST_F(OpenApiExamplesTest, ProblemsFitTheirSchema) {
  HttpClient client = server_.Connect();
  for (const HttpReply& reply :
       {client.Post("/jobs", R"({"priority":"high"})"), client.Post("/jobs", "{"),
        client.Get("/jobs/x"), client.Get("/nowhere"), client.Get("/tokens?a=b")}) {
    EXPECT_GE(reply.status, 400);
    const json::value& schema = document_.at("components").at("schemas").at("Problem");
    for (const std::string& trouble : SchemaTrouble(document_, schema, reply.Json())) {
      ADD_FAILURE() << trouble << " in " << reply.body;
    }
  }
}

TEST_F(OpenApiExamplesTest, TheSchemaOfASubmissionSaysWhatTheServerTakes) {
  const std::vector<std::pair<const char*, bool>> bodies = {
      {R"({"type":"t","queue":null,"runAt":null,"priority":null,"maxAttempts":null,"delayMs":null})",
       true},
      {R"({"type":"t","idempotencyKey":null,"keyLifetimeMs":null,"tags":null,"metadata":null})",
       true},
      {R"({"type":"t","retry":null,"timeoutMs":null,"finishBy":null,"unique":null})", true},
      {R"({"type":"t","unique":{"fields":null,"key":null,"queue":null,"periodMs":null,)"
       R"("states":null,"onConflict":null}})",
       true},
      {R"({"type":"t","retry":{"kind":"fixed","delayMs":5,"capMs":null,"jitter":null}})", true},
      {R"({"type":"t","retry":{"kind":"list","delaysMs":[1,2]}})", true},
      {R"({"type":"t","retry":{"kind":"list"}})", false},
      {R"({"type":"t","retry":{"kind":"list","delaysMs":null}})", false},
      {R"({"type":null})", false},
      {R"({"type":"t","colour":1})", false},
      {R"({"type":"t","idempotencyKey":"a\u0000b"})", false},
      {R"({"type":"t","idempotencyKey":"line\nbreak"})", false},
      {R"({"type":"t","retry":{"kind":"fixed","more":1}})", false}};
  HttpClient client = server_.Connect();
  const json::value& schema = document_.at("components").at("schemas").at("NewJob");
  for (const auto& [body, taken] : bodies) {
    EXPECT_EQ(SchemaTrouble(document_, schema, json::parse(body)).empty(), taken) << body;
    const HttpReply reply = client.Post("/jobs", body);
    EXPECT_EQ(reply.status, taken ? 201 : 422) << body << reply.body;
  }
}

TEST_F(OpenApiExamplesTest, TheValidatorSeesWhatIsWrong) {
  const auto trouble = [&](const char* schema, const char* value) {
    return !SchemaTrouble(document_, json::parse(schema), json::parse(value)).empty();
  };
  EXPECT_FALSE(trouble(R"({"type":["integer","null"],"minimum":1})", "null"));
  EXPECT_TRUE(trouble(R"({"type":"integer","minimum":1})", "0"));
  EXPECT_TRUE(trouble(R"({"type":"integer"})", "1.5"));
  EXPECT_TRUE(trouble(R"({"type":"string","format":"uuid"})", "\"x\""));
  EXPECT_TRUE(trouble(R"({"type":"string","pattern":"^a$"})", "\"b\""));
  EXPECT_TRUE(trouble(R"({"required":["a"]})", "{}"));
  EXPECT_TRUE(
      trouble(R"({"properties":{"a":{"const":1}},"additionalProperties":false})", R"({"b":1})"));
  EXPECT_TRUE(trouble(R"({"items":{"enum":["a"]}})", R"(["a","b"])"));
  EXPECT_TRUE(trouble(R"({"anyOf":[{"type":"null"},{"type":"string"}]})", "1"));
  EXPECT_TRUE(trouble(R"({"$ref":"#/components/schemas/Name"})", "\"a b\""));
  EXPECT_TRUE(trouble(R"({"madeUp":1})", "1")) << "unknown keywords are no silent ones";
}

}  // namespace
}  // namespace djps::test_support
