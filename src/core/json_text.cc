#include "core/json_text.h"

#include <fmt/format.h>

#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <cstdint>

#include "core/json_handler.h"

namespace djps {
namespace {

namespace json = boost::json;

constexpr char kHexDigits[] = "0123456789abcdef";

/// For each byte, the character after its backslash escape: 0 for none, 'u' for a hexadecimal
/// escape.
constexpr std::array<char, 256> MakeEscapes() {
  std::array<char, 256> escapes{};
  for (std::size_t c = 0; c < 0x20; ++c) escapes[c] = 'u';
  escapes['\b'] = 'b';
  escapes['\f'] = 'f';
  escapes['\n'] = 'n';
  escapes['\r'] = 'r';
  escapes['\t'] = 't';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  return escapes;
}
constexpr std::array<char, 256> kEscapes = MakeEscapes();

void AppendEscaped(std::string& out, std::string_view text) {
  std::size_t copied = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const char escape = kEscapes[byte];
    if (escape == 0) continue;
    out.append(text, copied, i - copied);
    copied = i + 1;
    out += '\\';
    out += escape;
    if (escape != 'u') continue;
    out += "00";
    out += kHexDigits[byte >> 4U];
    out += kHexDigits[byte & 0xfU];
  }
  out.append(text, copied);
}

/// RFC 6901 escapes, then percent-encoding of what a URI fragment may not contain.
void AppendPointerToken(std::string& out, std::string_view token) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._!$&'()*+,;=:@?";
  for (const char c : token) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else if (kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
}

/// Whether `text` ends with an escape such as \ud83d, which must be followed by a second one.
bool EndsInHighSurrogate(std::string_view text) {
  constexpr std::size_t kEscapeBytes = 6;
  if (text.size() < kEscapeBytes) return false;
  text.remove_prefix(text.size() - kEscapeBytes);
  const auto is_one_of = [text](std::size_t i, std::string_view set) {
    return set.find(text[i]) != std::string_view::npos;
  };
  return text.starts_with("\\u") && is_one_of(2, "dD") && is_one_of(3, "89abAB") &&
         is_one_of(4, "0123456789abcdefABCDEF") && is_one_of(5, "0123456789abcdefABCDEF");
}

/// Feeds a JsonCompactor from Boost.JSON's parser.
struct CompactHandler : UnlimitedJsonHandler {
  using Ec = json::error_code;

  JsonCompactor compactor;

  bool Did(void (JsonCompactor::*event)()) {
    (compactor.*event)();
    return true;
  }
  bool Did(void (JsonCompactor::*event)(std::string_view), std::string_view text) {
    (compactor.*event)(text);
    return true;
  }

  bool on_document_begin(Ec& /*ec*/) { return true; }
  bool on_document_end(Ec& /*ec*/) { return true; }
  bool on_object_begin(Ec& /*ec*/) { return Did(&JsonCompactor::BeginObject); }
  bool on_object_end(std::size_t /*n*/, Ec& /*ec*/) { return Did(&JsonCompactor::EndObject); }
  bool on_array_begin(Ec& /*ec*/) { return Did(&JsonCompactor::BeginArray); }
  bool on_array_end(std::size_t /*n*/, Ec& /*ec*/) { return Did(&JsonCompactor::EndArray); }
  bool on_key_part(json::string_view s, std::size_t /*n*/, Ec& /*ec*/) {
    return Did(&JsonCompactor::KeyPart, s);
  }
  bool on_key(json::string_view s, std::size_t /*n*/, Ec& /*ec*/) {
    return Did(&JsonCompactor::KeyEnd, s);
  }
  bool on_string_part(json::string_view s, std::size_t /*n*/, Ec& /*ec*/) {
    return Did(&JsonCompactor::StringPart, s);
  }
  bool on_string(json::string_view s, std::size_t /*n*/, Ec& /*ec*/) {
    return Did(&JsonCompactor::StringEnd, s);
  }
  bool on_number_part(json::string_view s, Ec& /*ec*/) {
    return Did(&JsonCompactor::NumberPart, s);
  }
  bool on_int64(std::int64_t /*value*/, json::string_view s, Ec& /*ec*/) {
    return Did(&JsonCompactor::NumberEnd, s);
  }
  bool on_uint64(std::uint64_t /*value*/, json::string_view s, Ec& /*ec*/) {
    return Did(&JsonCompactor::NumberEnd, s);
  }
  bool on_double(double /*value*/, json::string_view s, Ec& /*ec*/) {
    return Did(&JsonCompactor::NumberEnd, s);
  }
  bool on_bool(bool value, Ec& /*ec*/) {
    return Did(&JsonCompactor::Literal, value ? "true" : "false");
  }
  bool on_null(Ec& /*ec*/) { return Did(&JsonCompactor::Literal, "null"); }
  bool on_comment_part(json::string_view /*s*/, Ec& /*ec*/) { return true; }
  bool on_comment(json::string_view /*s*/, Ec& /*ec*/) { return true; }
};

}  // namespace

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  AppendEscaped(out, text);
  out += '"';
}

JsonPath& JsonPath::Member(std::string_view name) {
  steps_.emplace_back(std::string(name));
  return *this;
}

JsonPath& JsonPath::Index(std::size_t index) {
  steps_.emplace_back(index);
  return *this;
}

JsonPath& JsonPath::Append(const JsonPath& inner) {
  steps_.insert(steps_.end(), inner.steps_.begin(), inner.steps_.end());
  return *this;
}

std::string JsonPath::Name() const {
  std::string name;
  for (const auto& step : steps_) {
    if (const auto* index = std::get_if<std::size_t>(&step)) {
      name += fmt::format("[{}]", *index);
    } else {
      if (!name.empty()) name += '.';
      name += std::get<std::string>(step);
    }
  }
  return name;
}

std::string JsonPath::Pointer() const {
  std::string pointer = "#";
  for (const auto& step : steps_) {
    pointer += '/';
    if (const auto* index = std::get_if<std::size_t>(&step)) {
      pointer += fmt::format("{}", *index);
    } else {
      AppendPointerToken(pointer, std::get<std::string>(step));
    }
  }
  return pointer;
}

void JsonCompactor::BeforeValue() {
  if (depth_ == 0 || !frames_[depth_ - 1].array) return;
  if (frames_[depth_ - 1].items++ > 0) out_ += ',';
}

void JsonCompactor::Push(bool array) {
  BeforeValue();
  out_ += array ? '[' : '{';
  if (frames_.size() == depth_) frames_.emplace_back();
  frames_[depth_].array = array;
  frames_[depth_].items = 0;
  ++depth_;
}

void JsonCompactor::BeginObject() { Push(false); }

void JsonCompactor::BeginArray() { Push(true); }

void JsonCompactor::EndObject() {
  --depth_;
  out_ += '}';
}

void JsonCompactor::EndArray() {
  --depth_;
  out_ += ']';
}

void JsonCompactor::KeyPart(std::string_view part) {
  Frame& frame = frames_[depth_ - 1];
  if (!in_token_) {
    if (frame.items++ > 0) out_ += ',';
    out_ += '"';
    frame.key.clear();
    in_token_ = true;
  }
  frame.key += part;
  AppendText(part);
}

void JsonCompactor::KeyEnd(std::string_view rest) {
  KeyPart(rest);
  out_ += "\":";
  in_token_ = false;
}

void JsonCompactor::StringPart(std::string_view part) {
  if (!in_token_) {
    BeforeValue();
    out_ += '"';
    in_token_ = true;
  }
  AppendText(part);
}

void JsonCompactor::StringEnd(std::string_view rest) {
  StringPart(rest);
  out_ += '"';
  in_token_ = false;
}

void JsonCompactor::NumberPart(std::string_view part) {
  if (!in_token_) BeforeValue();
  in_token_ = true;
  out_ += part;
}

void JsonCompactor::NumberEnd(std::string_view rest) {
  NumberPart(rest);
  in_token_ = false;
}

void JsonCompactor::Literal(std::string_view text) {
  BeforeValue();
  out_ += text;
}

void JsonCompactor::AppendText(std::string_view text) {
  if (!nul_at_ && text.find('\0') != std::string_view::npos) nul_at_ = Here();
  AppendEscaped(out_, text);
}

JsonPath JsonCompactor::Here() const {
  JsonPath path;
  for (std::size_t i = 0; i < depth_; ++i) {
    if (frames_[i].array) {
      path.Index(frames_[i].items - 1);
    } else {
      path.Member(frames_[i].key);
    }
  }
  return path;
}

std::string JsonCompactor::Take() {
  depth_ = 0;
  in_token_ = false;
  nul_at_.reset();
  return std::exchange(out_, {});
}

Result<std::string> CompactJson(std::string_view text, std::size_t depth_max) {
  json::parse_options options;
  options.max_depth = depth_max;
  json::basic_parser<CompactHandler> parser(options);
  json::error_code error;
  const std::size_t position = parser.write_some(false, text.data(), text.size(), error);
  if (!error && position < text.size()) error = json::error::extra_data;
  if (error) {
    return Failure(
        ErrorCode::kInvalidArgument,
        fmt::format("{} (at offset {})", DescribeJsonError(error, text, position), position));
  }
  JsonCompactor& compactor = parser.handler().compactor;
  if (compactor.nul_at()) {
    const std::string place = compactor.nul_at()->Name();
    return Failure(ErrorCode::kInvalidArgument,
                   fmt::format("holds a NUL character (\\u0000){}, which Postgres cannot store",
                               place.empty() ? "" : " at " + place));
  }
  return compactor.Take();
}

std::string DescribeJsonError(const boost::system::error_code& error, std::string_view text,
                              std::size_t position) {
  // Some editors put one before the text; RFC 8259, section 8.1, forbids it.
  if (position == 0 && text.starts_with("\xEF\xBB\xBF")) {
    return "begins with a byte order mark (the bytes EF BB BF); send UTF-8 without one";
  }
  if (position == 0 && (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))) {
    return "is UTF-16 (it begins with its byte order mark); send UTF-8";
  }
  if (error == json::error::incomplete) return "ends in the middle of the JSON";
  if (error == json::error::extra_data) return "goes on after the end of the JSON";
  if (error == json::error::too_deep) {
    return fmt::format("nests deeper than {} levels", kJsonDepthMax);
  }
  if (error == json::error::illegal_leading_surrogate ||
      error == json::error::illegal_trailing_surrogate ||
      error == json::error::expected_utf16_escape ||
      (error == json::error::syntax && EndsInHighSurrogate(text.substr(0, position)))) {
    return "holds half of a surrogate pair (\\ud800 to \\udfff need a partner)";
  }
  if (error == json::error::exponent_overflow) return "holds a number with an absurd exponent";
  if (position < text.size() && static_cast<unsigned char>(text[position]) >= 0x80) {
    return "holds a byte that is not UTF-8, or not inside a string";
  }
  return "is not JSON";
}

}  // namespace djps
