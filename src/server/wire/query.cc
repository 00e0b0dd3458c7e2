#include "server/wire/query.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/url/pct_string_view.hpp>
#include <charconv>
#include <utility>

#include "core/json_members.h"
#include "core/suggest.h"
#include "core/validation.h"

namespace djps::server {
namespace {

/// Decodes %XX and + in `text`; none if they are malformed. The parts are split here, not by
/// boost::urls::parse_query: that of Boost 1.81 reads past the end of the last value.
std::optional<std::string> Decode(std::string_view text) {
  const auto encoded = boost::urls::make_pct_string_view({text.data(), text.size()});
  if (encoded.has_error()) return std::nullopt;
  boost::urls::encoding_opts options;
  options.space_as_plus = true;
  return encoded->decode(options);
}

}  // namespace

Query::Query(std::string_view target) {
  std::string_view text = target.substr(0, target.find('#'));
  const std::size_t mark = text.find('?');
  if (mark == std::string_view::npos) return;
  text.remove_prefix(mark + 1);
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(item.size() + 1, text.size()));
    if (item.empty()) continue;
    const std::size_t equals = item.find('=');
    const auto name = Decode(item.substr(0, equals));
    const auto value =
        Decode(equals == std::string_view::npos ? std::string_view() : item.substr(equals + 1));
    if (!name || !value) {
      problems_.Add({}, "must have a query of the form name=value&name=value, encoded as in a URI");
      return;
    }
    parameters_.push_back({*name, *value});
  }
}

std::optional<std::string> Query::Text(std::string_view name, std::size_t bytes_max) {
  std::optional<std::string> found;
  bool twice = false;
  known_.emplace_back(name);
  for (Parameter& parameter : parameters_) {
    if (parameter.name != name) continue;
    parameter.read = true;
    twice = twice || found;
    found = parameter.value;
  }
  if (!found) return std::nullopt;
  if (twice || found->empty()) {
    Add(name, twice ? "is given twice; send it once" : "is empty; give it a value or omit it");
    return std::nullopt;
  }
  // Encoded bytes may be anything; only text that JSON and Postgres can hold is accepted.
  if (!CompactJson(JsonString(*found))) {
    Add(name, "must be UTF-8 without NUL characters");
    return std::nullopt;
  }
  if (found->size() > bytes_max) {
    Add(name, fmt::format("must be at most {} bytes long, got {}", bytes_max, found->size()));
    return std::nullopt;
  }
  return found;
}

std::optional<std::string> Query::Name(std::string_view name) {
  auto text = Text(name, kNameBytesMax);
  if (!text) return std::nullopt;
  if (auto trouble = NameTrouble(*text)) {
    Add(name, *std::move(trouble));
    return std::nullopt;
  }
  return text;
}

std::optional<long long> Query::Integer(std::string_view name, long long min, long long max) {
  const auto text = Text(name);
  if (!text) return std::nullopt;
  const auto number = ReadJsonInteger(*text);
  if (number && *number >= min && *number <= max) return number;
  Add(name, fmt::format("must be a whole number from {} to {}, got {}", min, max,
                        QuoteForMessage(*text)));
  return std::nullopt;
}

std::optional<bool> Query::Bool(std::string_view name) {
  const auto text = Text(name);
  if (!text) return std::nullopt;
  if (*text == "true" || *text == "1") return true;
  if (*text == "false" || *text == "0") return false;
  Add(name, fmt::format("must be true or false, got {}", QuoteForMessage(*text)));
  return std::nullopt;
}

void Query::Add(std::string_view name, std::string detail) {
  problems_.Add(JsonPath().Member(name), std::move(detail));
}

std::optional<Problem> Query::Finish() {
  for (const Parameter& parameter : parameters_) {
    if (parameter.read) continue;
    if (!problems_.open()) {
      problems_.Count(1);
      continue;
    }
    const auto nearest = SuggestNearest(parameter.name, known_);
    Add(ShortenForMessage(parameter.name),
        nearest ? fmt::format("is not a parameter here; did you mean {}?", *nearest)
                : "is not a parameter here");
  }
  if (problems_.count() == 0) return std::nullopt;
  return ValidationProblem(std::move(problems_));
}

}  // namespace djps::server
