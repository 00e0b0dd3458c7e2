#include "support/json_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <functional>
#include <map>
#include <regex>
#include <set>

#include "core/time_text.h"
#include "djps/uuid.h"

namespace djps::test_support {
namespace {

namespace json = boost::json;

/// Keywords that only describe a schema and check nothing.
const std::set<std::string> kSilent = {"description", "default",  "examples",
                                       "title",       "required", "additionalProperties"};

std::string Shown(const json::value& value) { return json::serialize(value).substr(0, 120); }

bool IsOfType(const json::value& value, std::string_view type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_bool();
  if (type == "string") return value.is_string();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  if (type == "number") return value.is_number();
  return type == "integer" && (value.is_int64() || value.is_uint64());
}

class Checker {
 public:
  explicit Checker(const json::value& document) : document_(document) {}

  void Check(const json::value& schema, const json::value& value, const std::string& at);

  std::vector<std::string> trouble;

 private:
  using Keyword = void (Checker::*)(const json::object& schema, const json::value& rule,
                                    const json::value& value, const std::string& at);
  static const std::map<std::string, Keyword>& Keywords();

  void Complain(const std::string& at, const std::string& what) {
    trouble.push_back((at.empty() ? "/" : at) + ": " + what);
  }

  bool Fits(const json::value& schema, const json::value& value) {
    Checker inner(document_);
    inner.Check(schema, value, "");
    return inner.trouble.empty();
  }

  void Ref(const json::object& schema, const json::value& rule, const json::value& value,
           const std::string& at) {
    (void)schema;
    Check(document_.at_pointer(std::string(rule.as_string()).substr(1)), value, at);
  }

  void Type(const json::object& /*schema*/, const json::value& rule, const json::value& value,
            const std::string& at) {
    json::array types = rule.is_array() ? rule.as_array() : json::array({rule});
    const bool fits = std::any_of(types.begin(), types.end(), [&](const json::value& type) {
      return IsOfType(value, std::string(type.as_string()));
    });
    if (!fits) Complain(at, fmt::format("{} is no {}", Shown(value), Shown(rule)));
  }

  void Enum(const json::object& /*schema*/, const json::value& rule, const json::value& value,
            const std::string& at) {
    const json::array& items = rule.as_array();
    if (std::find(items.begin(), items.end(), value) == items.end()) {
      Complain(at, fmt::format("{} is none of {}", Shown(value), Shown(rule)));
    }
  }

  void Const(const json::object& /*schema*/, const json::value& rule, const json::value& value,
             const std::string& at) {
    if (value != rule) Complain(at, fmt::format("{} is not {}", Shown(value), Shown(rule)));
  }

  void AnyOf(const json::object& /*schema*/, const json::value& rule, const json::value& value,
             const std::string& at) {
    const json::array& schemas = rule.as_array();
    const bool fits = std::any_of(schemas.begin(), schemas.end(),
                                  [&](const json::value& one) { return Fits(one, value); });
    if (!fits) Complain(at, Shown(value) + " fits none of anyOf");
  }

  void AllOf(const json::object& /*schema*/, const json::value& rule, const json::value& value,
             const std::string& at) {
    for (const json::value& one : rule.as_array()) Check(one, value, at);
  }

  void Minimum(const json::object& /*schema*/, const json::value& rule, const json::value& value,
               const std::string& at) {
    if (value.is_number() && value.to_number<double>() < rule.to_number<double>()) {
      Complain(at, fmt::format("{} is below {}", Shown(value), Shown(rule)));
    }
  }

  void Maximum(const json::object& /*schema*/, const json::value& rule, const json::value& value,
               const std::string& at) {
    if (value.is_number() && value.to_number<double>() > rule.to_number<double>()) {
      Complain(at, fmt::format("{} is above {}", Shown(value), Shown(rule)));
    }
  }

  void Length(const std::string& at, bool fits, const json::value& value) {
    if (!fits) Complain(at, Shown(value) + " is too short or too long");
  }
  void MinLength(const json::object& /*schema*/, const json::value& rule, const json::value& value,
                 const std::string& at) {
    Length(at, !value.is_string() || value.as_string().size() >= rule.to_number<std::size_t>(),
           value);
  }
  void MaxLength(const json::object& /*schema*/, const json::value& rule, const json::value& value,
                 const std::string& at) {
    Length(at, !value.is_string() || value.as_string().size() <= rule.to_number<std::size_t>(),
           value);
  }
  void MinItems(const json::object& /*schema*/, const json::value& rule, const json::value& value,
                const std::string& at) {
    Length(at, !value.is_array() || value.as_array().size() >= rule.to_number<std::size_t>(),
           value);
  }
  void MaxItems(const json::object& /*schema*/, const json::value& rule, const json::value& value,
                const std::string& at) {
    Length(at, !value.is_array() || value.as_array().size() <= rule.to_number<std::size_t>(),
           value);
  }

  void Pattern(const json::object& /*schema*/, const json::value& rule, const json::value& value,
               const std::string& at) {
    if (!value.is_string()) return;
    const std::regex pattern{std::string(rule.as_string())};
    if (!std::regex_search(std::string(value.as_string()), pattern)) {
      Complain(at, fmt::format("{} does not match {}", Shown(value), Shown(rule)));
    }
  }

  void Format(const json::object& /*schema*/, const json::value& rule, const json::value& value,
              const std::string& at) {
    if (!value.is_string()) return;
    const std::string text(value.as_string());
    bool fits = false;
    if (rule == "uuid") fits = Uuid::Parse(text).has_value();
    if (rule == "date-time") fits = ParseTimestamp(text).has_value();
    if (!fits) Complain(at, fmt::format("{} is no {}", Shown(value), Shown(rule)));
  }

  void Items(const json::object& /*schema*/, const json::value& rule, const json::value& value,
             const std::string& at) {
    if (!value.is_array()) return;
    for (std::size_t i = 0; i < value.as_array().size(); ++i) {
      Check(rule, value.as_array()[i], fmt::format("{}/{}", at, i));
    }
  }

  void Properties(const json::object& /*schema*/, const json::value& rule, const json::value& value,
                  const std::string& at) {
    if (!value.is_object()) return;
    for (const auto& [name, member] : value.as_object()) {
      const json::value* known = rule.as_object().if_contains(name);
      if (known != nullptr) Check(*known, member, at + "/" + std::string(name));
    }
  }

  void Names(const json::object& schema, const json::value& value, const std::string& at);

  const json::value& document_;
};

const std::map<std::string, Checker::Keyword>& Checker::Keywords() {
  static const std::map<std::string, Keyword> keywords = {{"$ref", &Checker::Ref},
                                                          {"type", &Checker::Type},
                                                          {"enum", &Checker::Enum},
                                                          {"const", &Checker::Const},
                                                          {"anyOf", &Checker::AnyOf},
                                                          {"allOf", &Checker::AllOf},
                                                          {"minimum", &Checker::Minimum},
                                                          {"maximum", &Checker::Maximum},
                                                          {"minLength", &Checker::MinLength},
                                                          {"maxLength", &Checker::MaxLength},
                                                          {"minItems", &Checker::MinItems},
                                                          {"maxItems", &Checker::MaxItems},
                                                          {"pattern", &Checker::Pattern},
                                                          {"format", &Checker::Format},
                                                          {"items", &Checker::Items},
                                                          {"properties", &Checker::Properties}};
  return keywords;
}

void Checker::Check(const json::value& schema, const json::value& value, const std::string& at) {
  for (const auto& [name, rule] : schema.as_object()) {
    const auto keyword = Keywords().find(std::string(name));
    if (keyword != Keywords().end()) {
      (this->*keyword->second)(schema.as_object(), rule, value, at);
    } else if (!kSilent.contains(std::string(name))) {
      Complain(at, "the keyword " + std::string(name) + " is not known to this validator");
    }
  }
  if (value.is_object()) Names(schema.as_object(), value, at);
}

void Checker::Names(const json::object& schema, const json::value& value, const std::string& at) {
  const json::object& object = value.as_object();
  if (const json::value* required = schema.if_contains("required")) {
    for (const json::value& name : required->as_array()) {
      if (!object.contains(name.as_string())) Complain(at, Shown(name) + " is missing");
    }
  }
  const json::value* others = schema.if_contains("additionalProperties");
  if (others == nullptr) return;
  const json::value* known = schema.if_contains("properties");
  for (const auto& [name, member] : object) {
    if (known != nullptr && known->as_object().contains(name)) continue;
    if (others->is_object()) {
      Check(*others, member, at + "/" + std::string(name));
    } else if (*others == false) {
      Complain(at, std::string(name) + " is not a property");
    }
  }
}

}  // namespace

std::vector<std::string> SchemaTrouble(const json::value& document, const json::value& schema,
                                       const json::value& value) {
  Checker checker(document);
  checker.Check(schema, value, "");
  return checker.trouble;
}

}  // namespace djps::test_support
