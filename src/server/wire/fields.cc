#include "server/wire/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <deque>
#include <utility>

#include "core/json_members.h"
#include "core/suggest.h"
#include "core/time_text.h"
#include "core/validation.h"

namespace djps::server {
namespace {

/// runAt as run_at.
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

struct Fields::Node {
  struct Member {
    std::string name;
    std::string value;
    bool read = false;
  };

  JsonPath path;
  std::vector<Member> members;
  std::vector<std::string> known;  // the names that were asked for
};

struct Fields::Body {
  std::deque<Node> objects;  // their addresses stay
  FieldProblems problems;
  std::optional<Problem> malformed;
};

Fields::Fields(std::string_view body, JsonPath where) : body_(std::make_shared<Body>()) {
  object_ = &body_->objects.emplace_back();
  object_->path = std::move(where);
  if (body.empty()) return;
  const auto compact = CompactJson(body);
  if (!compact) {
    body_->malformed = Problem{ProblemKind::kMalformedJson, compact.error().message + "."};
    return;
  }
  auto members = SplitObject(*compact);
  if (!members) {
    body_->problems.Add(object_->path, members.error().message);
    return;
  }
  for (JsonMember& member : *members) {
    object_->members.push_back({std::move(member.name), std::move(member.value)});
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

const std::string* Fields::Find(std::string_view name) {
  const std::string* found = nullptr;
  const std::string snake = SnakeCase(name);
  object_->known.emplace_back(name);
  for (auto& member : object_->members) {
    if (member.name != name && member.name != snake) continue;
    member.read = true;
    found = member.value == "null" ? nullptr : &member.value;  // of equal names the last counts
  }
  return found;
}

std::optional<std::string> Fields::Text(std::string_view name, std::size_t bytes_max,
                                        std::size_t bytes_min) {
  const std::string* value = Find(name);
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
  const std::string* value = Find(name);
  if (value == nullptr) return std::nullopt;
  const auto number = ReadJsonWholeNumber(*value);
  if (number && *number >= min && *number <= max) return number;
  Add(name, fmt::format("must be a whole number from {} to {}, got {}", min, max, Got(*value)));
  return std::nullopt;
}

std::optional<double> Fields::Number(std::string_view name, double min, double max) {
  const std::string* value = Find(name);
  if (value == nullptr) return std::nullopt;
  const auto number = ReadNumber(*value);
  if (number && std::isfinite(*number) && *number >= min && *number <= max) return number;
  Add(name, fmt::format("must be a number from {} to {}, got {}", min, max, Got(*value)));
  return std::nullopt;
}

std::optional<bool> Fields::Bool(std::string_view name) {
  const std::string* value = Find(name);
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
  const std::string* value = Find(name);
  if (value == nullptr) return std::nullopt;
  const auto text = ReadJsonString(*value);
  const auto time = text ? ParseTimestamp(*text) : std::nullopt;
  if (!time) {
    Add(name,
        fmt::format("must be a time such as 2027-01-31T08:00:00Z (RFC 3339), got {}", Got(*value)));
  }
  return time;
}

std::optional<std::string> Fields::Json(std::string_view name, std::size_t bytes_max) {
  const std::string* value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (value->size() <= bytes_max) return *value;
  Add(name, fmt::format("must be at most {} bytes of JSON, got {}", bytes_max, value->size()));
  return std::nullopt;
}

std::optional<Uuid> Fields::Id(std::string_view name) {
  const std::string* value = Find(name);
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

std::optional<std::vector<std::string>> Fields::Items(std::string_view name,
                                                      std::size_t count_max) {
  const std::string* value = Find(name);
  if (value == nullptr) return std::nullopt;
  auto items = SplitArray(*value);
  if (!items) {
    Add(name, fmt::format("must be an array, got {}", Got(*value)));
    return std::nullopt;
  }
  if (items->size() > count_max) {
    Add(name, fmt::format("may have at most {} items, got {}", count_max, items->size()));
    return std::nullopt;
  }
  return *std::move(items);
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
  auto members = SplitObject(value);
  if (!members) {
    body_->problems.Add(path, fmt::format("must be an object, got {}", Got(value)));
    return std::nullopt;
  }
  Node& object = body_->objects.emplace_back();
  object.path = path;
  for (JsonMember& member : *members) {
    object.members.push_back({std::move(member.name), std::move(member.value)});
  }
  return Fields(body_, object);
}

std::optional<Fields> Fields::Object(std::string_view name) {
  const std::string* value = Find(name);
  if (value == nullptr) return std::nullopt;
  return Inside(PathOf(name), *value);
}

std::optional<std::vector<Fields>> Fields::Objects(std::string_view name, std::size_t count_max) {
  const auto items = Items(name, count_max);
  if (!items) return std::nullopt;
  std::vector<Fields> objects;
  for (std::size_t i = 0; i < items->size(); ++i) {
    if (auto object = Inside(PathOf(name).Index(i), (*items)[i])) {
      objects.push_back(*std::move(object));
    }
  }
  return objects;
}

std::optional<Problem> Fields::Finish() {
  if (body_->malformed) return body_->malformed;
  for (const Node& object : body_->objects) {
    for (const auto& member : object.members) {
      if (member.read) continue;
      JsonPath path = object.path;
      const auto nearest = SuggestNearest(member.name, object.known);
      body_->problems.Add(path.Member(member.name),
                          nearest ? fmt::format("is not a field here; did you mean {}?", *nearest)
                                  : "is not a field here");
    }
  }
  if (body_->problems.count() == 0) return std::nullopt;
  return ValidationProblem(std::move(body_->problems));
}

}  // namespace djps::server
