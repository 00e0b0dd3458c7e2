#include "server/wire/submission_parser.h"

#include <fmt/format.h>

#include <boost/json/basic_parser_impl.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "core/json_handler.h"
#include "core/json_text.h"
#include "core/option_limits.h"
#include "core/validation.h"
#include "server/wire/job_draft.h"

namespace djps::server {
namespace {

namespace json = boost::json;

constexpr std::string_view kJobsMember = "jobs";

/// Receives the parser's tokens. It tracks the position in the body, sends the members of jobs to a
/// JobDraft, and reports and skips what does not belong there.
class BodyHandler : public UnlimitedJsonHandler {
 public:
  using Ec = json::error_code;

  BodyHandler(SubmissionParser::Shape shape, std::optional<std::string> default_key)
      : shape_(shape), default_key_(std::move(default_key)) {}

  std::vector<NewJob>& jobs() { return jobs_; }
  FieldProblems& problems() { return problems_; }

  bool on_document_begin(Ec& /*ec*/) { return true; }
  bool on_document_end(Ec& /*ec*/) { return true; }
  bool on_object_begin(Ec& ec);
  bool on_object_end(std::size_t n, Ec& ec);
  bool on_array_begin(Ec& ec);
  bool on_array_end(std::size_t n, Ec& ec);
  bool on_key_part(json::string_view s, std::size_t n, Ec& ec);
  bool on_key(json::string_view s, std::size_t n, Ec& ec);
  bool on_string_part(json::string_view s, std::size_t n, Ec& ec);
  bool on_string(json::string_view s, std::size_t n, Ec& ec);
  bool on_number_part(json::string_view s, Ec& ec);
  bool on_int64(std::int64_t /*value*/, json::string_view s, Ec& /*ec*/) { return NumberEnd(s); }
  bool on_uint64(std::uint64_t /*value*/, json::string_view s, Ec& /*ec*/) { return NumberEnd(s); }
  bool on_double(double /*value*/, json::string_view s, Ec& /*ec*/) { return NumberEnd(s); }
  bool on_bool(bool value, Ec& ec);
  bool on_null(Ec& ec);
  bool on_comment_part(json::string_view /*s*/, Ec& /*ec*/) { return true; }
  bool on_comment(json::string_view /*s*/, Ec& /*ec*/) { return true; }

 private:
  enum class Place {
    kDocument,  ///< Before the outermost value.
    kEnvelope,  ///< In the object that holds "jobs".
    kItems,     ///< In the array of jobs.
    kJob,       ///< In a job, between members.
    kMember,    ///< In an array or object that is a member of a job.
    kSkipped,   ///< In an array or object with a reported error.
  };

  bool NumberEnd(std::string_view rest);
  bool Literal(JsonKind kind, std::string_view text);

  /// A value begins. False: skip it.
  bool BeginValue(JsonKind kind);
  void BeginItem(JsonKind kind);
  void BeginContainer(JsonKind kind);
  void EndContainer();
  void EndScalar();
  void EndMember();
  void EndJob();
  void EndEnvelope();
  JsonPath JobPath() const;
  std::optional<std::string> DefaultKey() const;

  SubmissionParser::Shape shape_;
  std::optional<std::string> default_key_;
  Place place_ = Place::kDocument;
  Place skipped_from_ = Place::kDocument;
  std::size_t nested_ = 0;  // open arrays and objects inside a member or a skipped value
  std::string key_;         // of the current member of the envelope or the job
  bool in_key_ = false;
  bool in_scalar_ = false;   // a part of a string or number has arrived
  bool raw_string_ = false;  // this member's string is kept unescaped, not as JSON
  bool skip_scalar_ = false;
  bool jobs_seen_ = false;
  JsonKind kind_ = JsonKind::kNull;
  std::string text_;  // a raw string
  std::size_t item_count_ = 0;
  JsonCompactor compactor_;
  JobDraft draft_;
  std::vector<NewJob> jobs_;
  FieldProblems problems_;
};

std::optional<std::string> BodyHandler::DefaultKey() const {
  if (!default_key_ || shape_ == SubmissionParser::Shape::kOneJob) return default_key_;
  return fmt::format("{}/{}", *default_key_, item_count_ - 1);
}

JsonPath BodyHandler::JobPath() const {
  JsonPath path;
  if (shape_ == SubmissionParser::Shape::kBatch) path.Member(kJobsMember).Index(item_count_ - 1);
  return path;
}

bool BodyHandler::BeginValue(JsonKind kind) {
  switch (place_) {
    case Place::kDocument:
      if (kind != JsonKind::kObject) problems_.Add({}, "must be a JSON object");
      return kind == JsonKind::kObject;
    case Place::kEnvelope:
      if (key_ != kJobsMember) {
        if (problems_.open()) {
          problems_.Add(JsonPath().Member(ShortenForMessage(key_)),
                        "is not a field of a batch; send {\"jobs\": [...]}");
        } else {
          problems_.Count(1);
        }
        return false;
      }
      jobs_seen_ = true;
      jobs_.clear();
      item_count_ = 0;
      if (kind != JsonKind::kArray) {
        problems_.Add(JsonPath().Member(kJobsMember), "must be an array of jobs");
      }
      return kind == JsonKind::kArray;
    case Place::kItems:
      ++item_count_;
      if (item_count_ > kBatchJobsMax) return false;  // EndContainer reports the number
      if (kind != JsonKind::kObject) problems_.Add(JobPath(), "must be an object");
      return kind == JsonKind::kObject;
    case Place::kJob:
      kind_ = kind;
      return true;
    case Place::kMember:
    case Place::kSkipped:
      break;
  }
  return place_ == Place::kMember;
}

void BodyHandler::BeginContainer(JsonKind kind) {
  const bool wanted = BeginValue(kind);
  if (place_ == Place::kSkipped) {
    ++nested_;
  } else if (!wanted) {
    skipped_from_ = std::exchange(place_, Place::kSkipped);
    nested_ = 1;
  } else if (place_ == Place::kDocument) {
    place_ = shape_ == SubmissionParser::Shape::kOneJob ? Place::kJob : Place::kEnvelope;
  } else if (place_ == Place::kEnvelope) {
    place_ = Place::kItems;
  } else if (place_ == Place::kItems) {
    place_ = Place::kJob;
  } else {
    nested_ = place_ == Place::kJob ? 1 : nested_ + 1;
    place_ = Place::kMember;
    if (kind == JsonKind::kArray) {
      compactor_.BeginArray();
    } else {
      compactor_.BeginObject();
    }
  }
}

void BodyHandler::EndContainer() {
  switch (place_) {
    case Place::kDocument:
      break;
    case Place::kEnvelope:
      EndEnvelope();
      break;
    case Place::kItems:
      if (item_count_ == 0 || item_count_ > kBatchJobsMax) {
        problems_.Add(JsonPath().Member(kJobsMember),
                      fmt::format("must hold 1 to {} jobs, got {}", kBatchJobsMax, item_count_));
      }
      place_ = Place::kEnvelope;
      break;
    case Place::kJob:
      EndJob();
      break;
    case Place::kMember:
      if (--nested_ == 0) EndMember();
      break;
    case Place::kSkipped:
      if (--nested_ == 0) place_ = skipped_from_;
      break;
  }
}

void BodyHandler::EndMember() {
  place_ = Place::kJob;
  auto nul_at = compactor_.nul_at();
  std::string text = compactor_.Take();
  if (std::exchange(raw_string_, false)) text = std::exchange(text_, {});
  draft_.Add(key_, kind_, std::move(text), std::move(nul_at));
}

void BodyHandler::EndJob() {
  const bool single = shape_ == SubmissionParser::Shape::kOneJob;
  NewJob job = draft_.Finish(JobPath(), DefaultKey(), problems_);
  // After an error nothing is stored, so nothing need be kept.
  if (problems_.count() == 0) jobs_.push_back(std::move(job));
  place_ = single ? Place::kDocument : Place::kItems;
}

void BodyHandler::EndEnvelope() {
  if (!jobs_seen_) problems_.Add(JsonPath().Member(kJobsMember), "is required");
  place_ = Place::kDocument;
}

void BodyHandler::EndScalar() {
  in_scalar_ = false;
  if (std::exchange(skip_scalar_, false)) return;
  if (place_ == Place::kJob) EndMember();
}

bool BodyHandler::on_object_begin(Ec& /*ec*/) {
  BeginContainer(JsonKind::kObject);
  return true;
}

bool BodyHandler::on_array_begin(Ec& /*ec*/) {
  BeginContainer(JsonKind::kArray);
  return true;
}

bool BodyHandler::on_object_end(std::size_t /*n*/, Ec& /*ec*/) {
  if (place_ == Place::kMember) compactor_.EndObject();
  EndContainer();
  return true;
}

bool BodyHandler::on_array_end(std::size_t /*n*/, Ec& /*ec*/) {
  if (place_ == Place::kMember) compactor_.EndArray();
  EndContainer();
  return true;
}

bool BodyHandler::on_key_part(json::string_view s, std::size_t /*n*/, Ec& /*ec*/) {
  if (place_ == Place::kMember) {
    compactor_.KeyPart(s);
  } else if (place_ != Place::kSkipped) {
    if (!std::exchange(in_key_, true)) key_.clear();
    key_ += std::string_view(s);
  }
  return true;
}

bool BodyHandler::on_key(json::string_view s, std::size_t n, Ec& ec) {
  if (place_ == Place::kMember) {
    compactor_.KeyEnd(s);
    return true;
  }
  on_key_part(s, n, ec);
  in_key_ = false;
  return true;
}

bool BodyHandler::on_string_part(json::string_view s, std::size_t /*n*/, Ec& /*ec*/) {
  if (!std::exchange(in_scalar_, true)) {
    skip_scalar_ = !BeginValue(JsonKind::kString);
    raw_string_ = place_ == Place::kJob && !JobDraft::KeepsJson(key_);
  }
  if (skip_scalar_) return true;
  if (raw_string_ && place_ == Place::kJob) {
    text_ += std::string_view(s);
  } else {
    compactor_.StringPart(s);
  }
  return true;
}

bool BodyHandler::on_string(json::string_view s, std::size_t n, Ec& ec) {
  on_string_part(s, n, ec);
  if (!skip_scalar_ && !raw_string_) compactor_.StringEnd({});
  EndScalar();
  return true;
}

bool BodyHandler::on_number_part(json::string_view s, Ec& /*ec*/) {
  if (!std::exchange(in_scalar_, true)) skip_scalar_ = !BeginValue(JsonKind::kNumber);
  if (!skip_scalar_) compactor_.NumberPart(s);
  return true;
}

bool BodyHandler::NumberEnd(std::string_view rest) {
  Ec ec;
  on_number_part(rest, ec);
  if (!skip_scalar_) compactor_.NumberEnd({});
  EndScalar();
  return true;
}

bool BodyHandler::Literal(JsonKind kind, std::string_view text) {
  skip_scalar_ = !BeginValue(kind);
  if (!skip_scalar_) compactor_.Literal(text);
  EndScalar();
  return true;
}

bool BodyHandler::on_bool(bool value, Ec& /*ec*/) {
  return Literal(JsonKind::kBool, value ? "true" : "false");
}

bool BodyHandler::on_null(Ec& /*ec*/) { return Literal(JsonKind::kNull, "null"); }

json::parse_options ParserOptions() {
  // More than a payload may have, so that JsonTrouble names the member that is too deep.
  json::parse_options options;
  options.max_depth = kWrappedDepthMax;
  return options;
}

}  // namespace

struct SubmissionParser::Impl {
  Impl(Shape shape, std::optional<std::string> key)
      : parser(ParserOptions(), shape, std::move(key)) {}

  json::basic_parser<BodyHandler> parser;
  std::size_t offset = 0;            // of the next piece
  bool only_space = true;            // so far
  std::optional<Problem> malformed;  // once set, the rest of the body is ignored

  void Fail(const json::error_code& error, std::string_view piece, std::size_t position) {
    malformed = Problem{ProblemKind::kMalformedJson,
                        fmt::format("the body {} (at offset {}).",
                                    DescribeJsonError(error, piece, position), offset + position)};
  }
};

SubmissionParser::SubmissionParser(Shape shape, std::optional<std::string> key)
    : impl_(std::make_unique<Impl>(shape, std::move(key))) {}

SubmissionParser::~SubmissionParser() = default;

void SubmissionParser::Feed(std::string_view piece) {
  if (impl_->malformed || piece.empty()) return;
  impl_->only_space =
      impl_->only_space && piece.find_first_not_of(" \t\r\n") == std::string_view::npos;
  json::error_code error;
  const std::size_t position = impl_->parser.write_some(true, piece.data(), piece.size(), error);
  if (!error && position < piece.size()) error = json::error::extra_data;
  if (error) impl_->Fail(error, piece, position);
  impl_->offset += piece.size();
}

tl::expected<std::vector<NewJob>, Problem> SubmissionParser::Finish() {
  if (!impl_->malformed && impl_->only_space) {
    impl_->malformed = Problem{ProblemKind::kMalformedJson,
                               "the body is empty; send a JSON object with at least a type."};
  }
  if (!impl_->malformed) {
    json::error_code error;
    impl_->parser.write_some(false, "", 0, error);
    if (error) impl_->Fail(error, {}, 0);
  }
  if (impl_->malformed) return tl::unexpected(std::move(*impl_->malformed));
  BodyHandler& handler = impl_->parser.handler();
  if (handler.problems().count() > 0) {
    return tl::unexpected(ValidationProblem(std::move(handler.problems())));
  }
  return std::move(handler.jobs());
}

tl::expected<NewJob, Problem> ParseSubmission(std::string_view body) {
  SubmissionParser parser(SubmissionParser::Shape::kOneJob);
  parser.Feed(body);
  auto jobs = parser.Finish();
  if (!jobs) return tl::unexpected(std::move(jobs.error()));
  return std::move(jobs->front());
}

tl::expected<std::vector<NewJob>, Problem> ParseBatch(std::string_view body) {
  SubmissionParser parser(SubmissionParser::Shape::kBatch);
  parser.Feed(body);
  return parser.Finish();
}

}  // namespace djps::server
