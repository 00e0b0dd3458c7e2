#include "server/wire/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <deque>
#include <utility>

#include "core/job_rules.h"
#include "core/json_members.h"
#include "core/suggest.h"
#include "core/time_text.h"
#include "core/validation.h"

namespace djps::server {
namespace {

/// Converts runAt to run_at.
std::string SnakeCase(std::string_view camel) {
  std::string snake;
  for (const char c : camel) {
    if (c >= 'A' && c <= 'Z') {
      snake += '_';
      snake += static_cast<char>(c - 'A' + 'a');
    } else {
      snake += c;
    }
  }
  return snake;
}

std::optional<double> ReadNumber(std::string_view value) {
  boost::system::error_code error;
  const boost::json::value parsed = boost::json::parse({value.data(), value.size()}, error);
  if (error || !parsed.is_number()) return std::nullopt;
  return parsed.to_number<double>();
}

std::string Got(std::string_view json) { return ShortenForMessage(json); }

}  // namespace

struct Fields::Member {
  std::string_view name;
  std::string_view value;
  const ParsedMember* parsed = nullptr;  // if the parser has split it
  bool read = false;
};

struct Fields::Node {
  JsonPath path;
  std::vector<Member> members;  // the first kMembersMax
  std::size_t member_count = 0;
  std::vector<std::string> known;  // the names that were read
};

struct Fields::Body {
  std::deque<ParsedObject> parsed;  // owns the text that the nodes view
  std::deque<Node> objects;         // a deque, so that addresses are stable
  FieldProblems problems;
  std::optional<Problem> malformed;

  /// The node of an object that the parser gave.
  Node& Add(JsonPath path, ParsedObject object) {
    const ParsedObject& kept = parsed.emplace_back(std::move(object));
    Node& node = objects.emplace_back();
    node.path = std::move(path);
    node.member_count = kept.member_count;
    for (const ParsedMember& member : kept.members) {
      node.members.push_back({member.name, member.value, &member});
    }
    return node;
  }
};

Fields::Fields(std::string_view body, JsonPath where)
    : Fields(
          [body] {
            FieldsParser parser;
            parser.Feed(body);
            return parser;
          }(),
          std::move(where)) {}

Fields::Fields(FieldsParser parser, JsonPath where) : body_(std::make_shared<Body>()) {
  auto parsed = parser.Finish();
  if (parsed) {
    object_ = &body_->Add(std::move(where), *std::move(parsed));
    return;
  }
  object_ = &body_->Add(where, ParsedObject{});
  if (parsed.error().kind == ProblemKind::kMalformedJson) {
    body_->malformed = std::move(parsed.error());
  } else {
    for (FieldProblem& wrong : parsed.error().errors) {
      body_->problems.Add(where, std::move(wrong.detail));
    }
  }
}

Fields::Fields(std::shared_ptr<Body> body, Node& object)
    : body_(std::move(body)), object_(&object) {}

JsonPath Fields::PathOf(std::string_view name) const {
  JsonPath path = object_->path;
  path.Member(name);
  return path;
}

void Fields::Add(std::string_view name, std::string detail) {
  body_->problems.Add(PathOf(name), std::move(detail));
}

bool Fields::Has(std::string_view name) const {
  const std::string snake = SnakeCase(name);
  return std::any_of(object_->members.begin(), object_->members.end(), [&](const auto& member) {
    return (member.name == name || member.name == snake) && member.value != "null";
  });
}

bool Fields::Sent(std::string_view name) const {
  const std::string snake = SnakeCase(name);
  return std::any_of(object_->members.begin(), object_->members.end(), [&](const auto& member) {
    return member.name == name || member.name == snake;
  });
}

std::size_t Fields::size() const {
  std::size_t size = 0;
  for (const auto& member : object_->members) size += member.name.size() + member.value.size();
  return size;
}

Fields::Member* Fields::FindMember(std::string_view name) {
  Member* found = nullptr;
  const std::string snake = SnakeCase(name);
  object_->known.emplace_back(name);
  for (auto& member : object_->members) {
    if (member.name != name && member.name != snake) continue;
    member.read = true;
    found = member.value == "null" ? nullptr : &member;  // of equal names the last one wins
  }
  return found;
}

const std::string_view* Fields::Find(std::string_view name) {
  const Member* const member = FindMember(name);
  return member == nullptr ? nullptr : &member->value;
}

std::optional<std::string> Fields::Text(std::string_view name, std::size_t bytes_max,
                                        std::size_t bytes_min) {
  const std::string_view* value = Find(name);
  if (value == nullptr) return std::nullopt;
  auto text = ReadJsonString(*value);
  if (!text) {
    Add(name, fmt::format("must be a string, got {}", Got(*value)));
  } else if (text->size() < bytes_min) {
    Add(name, "must not be empty");
  } else if (text->size() > bytes_max) {
    Add(name, fmt::format("must be at most {} bytes long, got {}", bytes_max, text->size()));
  } else {
    return text;
  }
  return std::nullopt;
}

std::optional<long long> Fields::Integer(std::string_view name, long long min, long long max) {
  const std::string_view* value = Find(name);
  if (value == nullptr) return std::nullopt;
  const auto number = ReadJsonWholeNumber(*value);
  if (number && *number >= min && *number <= max) return number;
  Add(name, fmt::format("must be a whole number from {} to {}, got {}", min, max, Got(*value)));
  return std::nullopt;
}

std::optional<double> Fields::Number(std::string_view name, double min, double max) {
  const std::string_view* value = Find(name);
  if (value == nullptr) return std::nullopt;
  const auto number = ReadNumber(*value);
  if (number && std::isfinite(*number) && *number >= min && *number <= max) return number;
  Add(name, fmt::format("must be a number from {} to {}, got {}", min, max, Got(*value)));
  return std::nullopt;
}

std::optional<bool> Fields::Bool(std::string_view name) {
  const std::string_view* value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (*value == "true") return true;
  if (*value == "false") return false;
  Add(name, fmt::format("must be true or false, got {}", Got(*value)));
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> Fields::Duration(std::string_view name,
                                                          std::chrono::milliseconds min,
                                                          std::chrono::milliseconds max) {
  const auto count = Integer(name, min.count(), max.count());
  if (!count) return std::nullopt;
  return std::chrono::milliseconds(*count);
}

std::optional<Timestamp> Fields::Time(std::string_view name) {
  const std::string_view* value = Find(name);
  if (value == nullptr) return std::nullopt;
  const auto text = ReadJsonString(*value);
  const auto time = text ? ParseTimestamp(*text) : std::nullopt;
  if (!time) {
    Add(name,
        fmt::format("must be a time such as 2027-01-31T08:00:00Z (RFC 3339), got {}", Got(*value)));
  }
  return time;
}

std::optional<std::string> Fields::UncheckedJson(std::string_view name) {
  const std::string_view* value = Find(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(*value);
}

std::optional<std::string> Fields::Json(std::string_view name, std::size_t bytes_max) {
  auto value = UncheckedJson(name);
  if (!value) return std::nullopt;
  auto trouble = JsonTrouble(*value, bytes_max);
  if (!trouble) return value;
  Add(name, *std::move(trouble));
  return std::nullopt;
}

std::optional<Uuid> Fields::Id(std::string_view name) {
  const std::string_view* value = Find(name);
  if (value == nullptr) return std::nullopt;
  const auto text = ReadJsonString(*value);
  const auto id = text ? Uuid::Parse(*text) : std::nullopt;
  if (!id) Add(name, fmt::format("must be a UUID of 36 characters, got {}", Got(*value)));
  return id;
}

std::optional<std::string> Fields::Name(std::string_view name) {
  auto text = Text(name, kNameBytesMax);
  if (!text) return std::nullopt;
  if (auto trouble = NameTrouble(*text)) {
    Add(name, *std::move(trouble));
    return std::nullopt;
  }
  return text;
}

const ParsedMember* Fields::Array(std::string_view name, std::size_t count_max) {
  Member* const member = FindMember(name);
  if (member == nullptr) return nullptr;
  // A part of an item is split when it is read, as the only member of an object.
  if (member->parsed == nullptr) {
    FieldsParser parser;
    parser.Feed("{\"a\":");
    parser.Feed(member->value);
    parser.Feed("}");
    member->parsed = &body_->parsed.emplace_back(parser.Finish().value()).members.front();
  }
  const ParsedMember& array = *member->parsed;
  if (!array.is_array) {
    Add(name, fmt::format("must be an array, got {}", Got(member->value)));
    return nullptr;
  }
  if (array.item_count > count_max) {
    Add(name, fmt::format("may have at most {} items, got {}", count_max, array.item_count));
    return nullptr;
  }
  return &array;
}

std::optional<std::vector<std::string>> Fields::Items(std::string_view name,
                                                      std::size_t count_max) {
  const ParsedMember* const array = Array(name, count_max);
  if (array == nullptr) return std::nullopt;
  std::vector<std::string> items;
  items.reserve(array->items.size());
  for (const ParsedItem& item : array->items) {
    items.push_back(array->value.substr(item.begin, item.size));
  }
  return items;
}

std::optional<std::vector<std::string>> Fields::Texts(std::string_view name, std::size_t count_max,
                                                      std::size_t bytes_max) {
  const auto items = Items(name, count_max);
  if (!items) return std::nullopt;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < items->size(); ++i) {
    auto text = ReadJsonString((*items)[i]);
    if (text && !text->empty() && text->size() <= bytes_max) {
      texts.push_back(*std::move(text));
      continue;
    }
    body_->problems.Add(
        PathOf(name).Index(i),
        fmt::format("must be a string of 1 to {} bytes, got {}", bytes_max, Got((*items)[i])));
  }
  return texts;
}

std::optional<std::vector<std::string>> Fields::Names(std::string_view name,
                                                      std::size_t count_max) {
  auto names = Texts(name, count_max, kNameBytesMax);
  if (!names) return std::nullopt;
  for (std::size_t i = 0; i < names->size(); ++i) {
    if (auto trouble = NameTrouble((*names)[i])) {
      body_->problems.Add(PathOf(name).Index(i), *std::move(trouble));
    }
  }
  return names;
}

std::optional<std::vector<Uuid>> Fields::Uuids(std::string_view name, std::size_t count_max) {
  const auto items = Items(name, count_max);
  if (!items) return std::nullopt;
  std::vector<Uuid> ids;
  for (std::size_t i = 0; i < items->size(); ++i) {
    const auto text = ReadJsonString((*items)[i]);
    if (const auto id = text ? Uuid::Parse(*text) : std::nullopt) {
      ids.push_back(*id);
      continue;
    }
    body_->problems.Add(PathOf(name).Index(i),
                        fmt::format("must be a UUID of 36 characters, got {}", Got((*items)[i])));
  }
  return ids;
}

std::optional<std::vector<std::chrono::milliseconds>> Fields::Durations(
    std::string_view name, std::size_t count_max, std::chrono::milliseconds max) {
  const auto items = Items(name, count_max);
  if (!items) return std::nullopt;
  std::vector<std::chrono::milliseconds> durations;
  for (std::size_t i = 0; i < items->size(); ++i) {
    const auto count = ReadJsonWholeNumber((*items)[i]);
    if (count && *count >= 0 && *count <= max.count()) {
      durations.emplace_back(*count);
      continue;
    }
    body_->problems.Add(
        PathOf(name).Index(i),
        fmt::format("must be a whole number from 0 to {}, got {}", max.count(), Got((*items)[i])));
  }
  return durations;
}

std::optional<Fields> Fields::Inside(const JsonPath& path, std::string_view value) {
  FieldsParser parser;
  parser.Feed(value);
  auto parsed = parser.Finish();
  if (!parsed) {
    body_->problems.Add(path, fmt::format("must be an object, got {}", Got(value)));
    return std::nullopt;
  }
  return Fields(body_, body_->Add(path, *std::move(parsed)));
}

std::optional<Fields> Fields::Object(std::string_view name) {
  const std::string_view* value = Find(name);
  if (value == nullptr) return std::nullopt;
  return Inside(PathOf(name), *value);
}

std::vector<Fields> Fields::Split(const JsonPath& path, const ParsedMember& array) {
  std::vector<Fields> objects;
  const std::string_view text = array.value;
  for (std::size_t i = 0; i < array.items.size(); ++i) {
    const ParsedItem& item = array.items[i];
    JsonPath place = JsonPath(path).Index(i);
    if (!item.is_object) {
      body_->problems.Add(std::move(place), fmt::format("must be an object, got {}",
                                                        Got(text.substr(item.begin, item.size))));
      continue;
    }
    Node& node = body_->objects.emplace_back();
    node.path = std::move(place);
    node.member_count = item.member_count;
    for (const ParsedPart& part : item.members) {
      node.members.push_back({part.name, text.substr(part.begin, part.size)});
    }
    objects.push_back(Fields(body_, node));
  }
  return objects;
}

std::optional<std::vector<Fields>> Fields::Objects(std::string_view name, std::size_t count_max) {
  const ParsedMember* const array = Array(name, count_max);
  if (array == nullptr) return std::nullopt;
  return Split(PathOf(name), *array);
}

bool Fields::Flawless() const { return !body_->malformed && body_->problems.count() == 0; }

std::optional<Problem> Fields::Finish() {
  if (body_->malformed) return body_->malformed;
  for (const Node& object : body_->objects) {
    for (const auto& member : object.members) {
      if (member.read) continue;
      if (!body_->problems.open()) {
        body_->problems.Count(1);
        continue;
      }
      JsonPath path = object.path;
      const auto nearest = SuggestNearest(member.name, object.known);
      body_->problems.Add(path.Member(ShortenForMessage(member.name)),
                          nearest ? fmt::format("is not a field here; did you mean {}?", *nearest)
                                  : "is not a field here");
    }
    if (object.member_count > object.members.size()) {
      body_->problems.Add(object.path, fmt::format("has {} members; at most {} are looked at",
                                                   object.member_count, kMembersMax));
    }
  }
  if (body_->problems.count() == 0) return std::nullopt;
  return ValidationProblem(std::move(body_->problems));
}

}  // namespace djps::server
