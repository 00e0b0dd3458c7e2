// The API's document against the routes that the server has.
#include <gtest/gtest.h>

#include <boost/beast/http/verb.hpp>
#include <boost/json/parse.hpp>
#include <set>
#include <string>
#include <vector>

#include "core/version.h"
#include "server/access/access.h"
#include "server/pages/api_documents.h"
#include "server/routes/routes.h"

namespace djps::server {
namespace {

namespace json = boost::json;

struct Operation {
  std::string method;
  std::string path;
  json::object text;
  std::vector<json::object> parameters;  ///< Those of the path too, resolved.

  std::string Name() const { return method + " " + path; }
};

class OpenApiTest : public testing::Test {
 protected:
  const json::value& At(const std::string& reference) {
    EXPECT_TRUE(reference.starts_with("#/")) << reference;
    return document_.at_pointer(reference.substr(1));
  }

  json::object Resolved(const json::value& value) {
    const json::object& object = value.as_object();
    if (!object.contains("$ref")) return object;
    return Resolved(At(std::string(object.at("$ref").as_string())));
  }

  std::vector<Operation> Operations() {
    const std::set<std::string> methods = {"get", "post", "put", "patch", "delete"};
    std::vector<Operation> operations;
    for (const auto& [path, item] : document_.at("paths").as_object()) {
      for (const auto& [name, operation] : item.as_object()) {
        if (!methods.contains(std::string(name))) continue;
        Operation found{std::string(name), std::string(path), operation.as_object(), {}};
        for (char& c : found.method) c = static_cast<char>(std::toupper(c));
        for (const json::object& owner : {item.as_object(), operation.as_object()}) {
          const json::value* list = owner.if_contains("parameters");
          if (list == nullptr) continue;
          for (const json::value& one : list->as_array()) found.parameters.push_back(Resolved(one));
        }
        operations.push_back(std::move(found));
      }
    }
    return operations;
  }

  json::value document_ = json::parse(OpenApiText());
};

std::set<std::string> Required(const Operation& operation) {
  std::set<std::string> statuses;
  const auto add = [&](std::initializer_list<const char*> more) {
    statuses.insert(more.begin(), more.end());
  };
  if (operation.text.at("x-djps-role") != "none") add({"401", "403", "503"});
  if (operation.text.contains("requestBody")) add({"400", "413", "415", "422"});
  for (const json::object& parameter : operation.parameters) {
    if (parameter.at("in") == "query") add({"422"});
    if (parameter.at("in") != "path") continue;
    // An id may be malformed or unknown; a name can only have wrong characters.
    if (parameter.at("name") == "id") {
      add({"400", "404"});
    } else {
      add({"422"});
    }
  }
  return statuses;
}

TEST_F(OpenApiTest, HasExactlyTheRoutesOfTheServerWithTheirRoles) {
  std::set<std::string> documented;
  for (const Operation& operation : Operations()) {
    documented.insert(operation.Name() + " " +
                      std::string(operation.text.at("x-djps-role").as_string()));
  }
  std::set<std::string> served;
  for (const Route& route : Routes()) {
    const auto method = boost::beast::http::to_string(route.method);
    served.insert(std::string(method.data(), method.size()) + " " + std::string(route.pattern) +
                  " " + std::string(RoleName(route.role)));
  }
  EXPECT_EQ(documented, served);
}

TEST_F(OpenApiTest, IsOfThisVersion) {
  EXPECT_EQ(document_.at("openapi"), "3.1.0");
  EXPECT_EQ(std::string(document_.at("info").at("version").as_string()), kVersion);
}

TEST_F(OpenApiTest, EveryOperationHasANameASummaryAndAKnownTag) {
  std::set<std::string> names;
  std::set<std::string> tags;
  for (const json::value& tag : document_.at("tags").as_array()) {
    tags.insert(std::string(tag.at("name").as_string()));
  }
  for (const Operation& operation : Operations()) {
    SCOPED_TRACE(operation.Name());
    EXPECT_TRUE(names.insert(std::string(operation.text.at("operationId").as_string())).second);
    EXPECT_FALSE(operation.text.at("summary").as_string().empty());
    for (const json::value& tag : operation.text.at("tags").as_array()) {
      EXPECT_TRUE(tags.contains(std::string(tag.as_string()))) << tag.as_string();
    }
  }
}

TEST_F(OpenApiTest, EveryOperationListsTheErrorsItCanGive) {
  for (const Operation& operation : Operations()) {
    SCOPED_TRACE(operation.Name());
    const json::object& responses = operation.text.at("responses").as_object();
    for (const std::string& status : Required(operation)) {
      EXPECT_TRUE(responses.contains(status)) << status;
    }
    bool succeeds = false;
    for (const auto& [status, response] : responses) {
      succeeds = succeeds || status.starts_with('2');
      EXPECT_FALSE(Resolved(response).at("description").as_string().empty()) << status;
    }
    EXPECT_TRUE(succeeds);
  }
}

TEST_F(OpenApiTest, EveryParameterOfAPathIsDescribedWithAnExample) {
  for (const Operation& operation : Operations()) {
    SCOPED_TRACE(operation.Name());
    std::set<std::string> described;
    for (const json::object& parameter : operation.parameters) {
      const std::string name(parameter.at("name").as_string());
      EXPECT_TRUE(parameter.contains("schema")) << name;
      if (parameter.at("in") != "path") continue;
      EXPECT_EQ(parameter.at("required"), true) << name;
      EXPECT_TRUE(parameter.contains("example")) << name;
      described.insert("{" + name + "}");
    }
    std::set<std::string> wanted;
    for (std::size_t at = operation.path.find('{'); at != std::string::npos;
         at = operation.path.find('{', at + 1)) {
      wanted.insert(operation.path.substr(at, operation.path.find('}', at) + 1 - at));
    }
    EXPECT_EQ(described, wanted);
  }
}

TEST_F(OpenApiTest, EveryBodyHasExamples) {
  for (const Operation& operation : Operations()) {
    if (!operation.text.contains("requestBody")) continue;
    const json::object body = Resolved(operation.text.at("requestBody"));
    const json::value& content = body.at("content").at("application/json");
    EXPECT_FALSE(content.at("examples").as_object().empty()) << operation.Name();
    EXPECT_TRUE(content.as_object().contains("schema")) << operation.Name();
  }
}

void CollectReferences(const json::value& value, std::set<std::string>& references) {
  if (value.is_array()) {
    for (const json::value& item : value.as_array()) CollectReferences(item, references);
  } else if (value.is_object()) {
    for (const auto& [name, member] : value.as_object()) {
      if (name == "$ref") {
        references.insert(std::string(member.as_string()));
      } else {
        CollectReferences(member, references);
      }
    }
  }
}

TEST_F(OpenApiTest, EveryReferenceLeadsSomewhereAndEveryComponentIsUsed) {
  std::set<std::string> references;
  CollectReferences(document_, references);
  ASSERT_FALSE(references.empty());
  for (const std::string& reference : references) {
    json::error_code error;
    EXPECT_NE(document_.find_pointer(reference.substr(1), error), nullptr) << reference;
  }
  for (const auto& [kind, components] : document_.at("components").as_object()) {
    if (kind == "securitySchemes") continue;
    for (const auto& [name, component] : components.as_object()) {
      const std::string reference = "#/components/" + std::string(kind) + "/" + std::string(name);
      EXPECT_TRUE(references.contains(reference)) << reference << " is never used";
    }
  }
}

TEST_F(OpenApiTest, ThePageTakesNothingFromElsewhere) {
  const std::string_view page = DocsPageText();
  for (const char* foreign : {"http://", "https://", "//cdn", "src=", "@import", "innerHTML"}) {
    EXPECT_EQ(page.find(foreign), std::string_view::npos) << foreign;
  }
}

}  // namespace
}  // namespace djps::server
