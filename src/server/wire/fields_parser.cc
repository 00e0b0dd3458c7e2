#include "server/wire/fields_parser.h"

#include <fmt/format.h>

#include <boost/json/basic_parser_impl.hpp>
#include <cstdint>
#include <utility>

#include "core/json_handler.h"
#include "core/json_text.h"
#include "core/validation.h"

namespace djps::server {
namespace {

namespace json = boost::json;

/// Receives the parser's tokens. Depths: 1 in the body's object, 2 in a member of it, 3 in an item
/// of such an array.
class Splitter : public UnlimitedJsonHandler {
 public:
  using Ec = json::error_code;

  ParsedObject& object() { return object_; }
  const std::optional<JsonPath>& nul_at() const { return nul_at_; }
  bool is_object() const { return is_object_; }
  /// The whole text if it is not an object.
  std::string Text() { return compactor_.Take(); }

  bool on_document_begin(Ec& /*ec*/) { return true; }
  bool on_document_end(Ec& /*ec*/) { return true; }
  bool on_object_begin(Ec& /*ec*/) {
    if (depth_++ == 0) {
      is_object_ = true;
      return true;
    }
    --depth_;
    Begin(false, true);
    compactor_.BeginObject();
    ++depth_;
    return true;
  }
  bool on_object_end(std::size_t /*n*/, Ec& /*ec*/) {
    if (--depth_ == 0) return true;
    compactor_.EndObject();
    End();
    return true;
  }
  bool on_array_begin(Ec& /*ec*/) {
    Begin(true, false);
    compactor_.BeginArray();
    ++depth_;
    return true;
  }
  bool on_array_end(std::size_t /*n*/, Ec& /*ec*/) {
    --depth_;
    compactor_.EndArray();
    End();
    return true;
  }
  bool on_key_part(json::string_view s, std::size_t /*n*/, Ec& /*ec*/) {
    if (!std::exchange(in_key_, true)) key_.clear();
    if (depth_ == 1 || AtItemMember()) key_ += std::string_view(s);
    if (depth_ > 1) compactor_.KeyPart(s);
    return true;
  }
  bool on_key(json::string_view s, std::size_t n, Ec& ec) {
    on_key_part(s, n, ec);
    in_key_ = false;
    if (depth_ > 1) compactor_.KeyEnd({});
    if (depth_ == 1) {
      member_.name = std::exchange(key_, {});
    } else if (AtItemMember()) {
      part_ = {std::exchange(key_, {}), compactor_.size(), 0};
    }
    return true;
  }
  bool on_string_part(json::string_view s, std::size_t /*n*/, Ec& /*ec*/) {
    BeginScalar();
    compactor_.StringPart(s);
    return true;
  }
  bool on_string(json::string_view s, std::size_t n, Ec& ec) {
    on_string_part(s, n, ec);
    compactor_.StringEnd({});
    return EndScalar();
  }
  bool on_number_part(json::string_view s, Ec& /*ec*/) {
    BeginScalar();
    compactor_.NumberPart(s);
    return true;
  }
  bool on_int64(std::int64_t /*value*/, json::string_view s, Ec& ec) { return NumberEnd(s, ec); }
  bool on_uint64(std::uint64_t /*value*/, json::string_view s, Ec& ec) { return NumberEnd(s, ec); }
  bool on_double(double /*value*/, json::string_view s, Ec& ec) { return NumberEnd(s, ec); }
  bool on_bool(bool value, Ec& /*ec*/) { return Literal(value ? "true" : "false"); }
  bool on_null(Ec& /*ec*/) { return Literal("null"); }
  bool on_comment_part(json::string_view /*s*/, Ec& /*ec*/) { return true; }
  bool on_comment(json::string_view /*s*/, Ec& /*ec*/) { return true; }

 private:
  bool AtItem() const { return depth_ == 2 && is_object_ && member_.is_array; }
  bool AtItemMember() const { return depth_ == 3 && is_object_ && item_.is_object; }

  void Begin(bool array, bool object) {
    if (depth_ == 1) member_.is_array = array;
    if (!AtItem()) return;
    // A comma comes before every item but the first.
    item_ = {.begin = compactor_.size() + (member_.item_count > 0 ? 1U : 0U), .is_object = object};
  }

  void End() {
    if (depth_ == 1 && is_object_) {
      EndMember();
    } else if (AtItem()) {
      ++member_.item_count;
      item_.size = compactor_.size() - item_.begin;
      if (member_.items.size() < kItemsMax) member_.items.push_back(std::move(item_));
      item_ = {};
    } else if (AtItemMember()) {
      ++item_.member_count;
      part_.size = compactor_.size() - part_.begin;
      if (item_.members.size() < kMembersMax) item_.members.push_back(std::move(part_));
    }
  }

  void EndMember() {
    if (!nul_at_ && member_.name.find('\0') != std::string::npos) {
      nul_at_ = JsonPath().Member(ShortenForMessage(member_.name));
    }
    if (!nul_at_ && compactor_.nul_at()) {
      nul_at_ = JsonPath().Member(member_.name).Append(*compactor_.nul_at());
    }
    member_.value = compactor_.Take();
    ++object_.member_count;
    if (object_.members.size() < kMembersMax) object_.members.push_back(std::move(member_));
    member_ = {};
  }

  void BeginScalar() {
    if (!std::exchange(in_scalar_, true)) Begin(false, false);
  }
  bool EndScalar() {
    in_scalar_ = false;
    End();
    return true;
  }
  bool NumberEnd(json::string_view rest, Ec& ec) {
    on_number_part(rest, ec);
    compactor_.NumberEnd({});
    return EndScalar();
  }
  bool Literal(std::string_view text) {
    BeginScalar();
    compactor_.Literal(text);
    return EndScalar();
  }

  std::size_t depth_ = 0;  // open arrays and objects
  bool is_object_ = false;
  bool in_key_ = false;
  bool in_scalar_ = false;
  std::string key_;
  ParsedMember member_;  // of the body's object
  ParsedItem item_;      // of the member, if it is an array
  ParsedPart part_;      // of the item, if it is an object
  JsonCompactor compactor_;
  std::optional<JsonPath> nul_at_;
  ParsedObject object_;
};

json::parse_options Options() {
  json::parse_options options;
  options.max_depth = kWrappedDepthMax;
  return options;
}

}  // namespace

struct FieldsParser::Impl {
  json::basic_parser<Splitter> parser{Options()};
  std::size_t offset = 0;            // of the next piece
  std::optional<Problem> malformed;  // once set, the rest of the body is ignored

  void Fail(const json::error_code& error, std::string_view piece, std::size_t position) {
    malformed = Problem{ProblemKind::kMalformedJson,
                        fmt::format("{} (at offset {}).", DescribeJsonError(error, piece, position),
                                    offset + position)};
  }
};

FieldsParser::FieldsParser() : impl_(std::make_unique<Impl>()) {}
FieldsParser::~FieldsParser() = default;
FieldsParser::FieldsParser(FieldsParser&&) noexcept = default;

void FieldsParser::Feed(std::string_view piece) {
  if (impl_->malformed || piece.empty()) return;
  json::error_code error;
  const std::size_t position = impl_->parser.write_some(true, piece.data(), piece.size(), error);
  if (!error && position < piece.size()) error = json::error::extra_data;
  if (error) impl_->Fail(error, piece, position);
  impl_->offset += piece.size();
}

tl::expected<ParsedObject, Problem> FieldsParser::Finish() {
  if (impl_->offset == 0) return ParsedObject{};
  if (!impl_->malformed) {
    json::error_code error;
    impl_->parser.write_some(false, "", 0, error);
    if (error) impl_->Fail(error, {}, 0);
  }
  if (impl_->malformed) return tl::unexpected(*std::move(impl_->malformed));
  Splitter& splitter = impl_->parser.handler();
  if (!splitter.is_object()) {
    FieldProblems problems;
    problems.Add({},
                 fmt::format("must be a JSON object, got {}", ShortenForMessage(splitter.Text())));
    return tl::unexpected(ValidationProblem(std::move(problems)));
  }
  if (splitter.nul_at()) {
    return tl::unexpected(
        Problem{ProblemKind::kMalformedJson,
                fmt::format("holds a NUL character (\\u0000) at {}, which Postgres cannot store.",
                            splitter.nul_at()->Name())});
  }
  return std::move(splitter.object());
}

}  // namespace djps::server
