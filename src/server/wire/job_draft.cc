#include "server/wire/job_draft.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "core/job_rules.h"
#include "core/json_members.h"
#include "core/suggest.h"
#include "core/time_text.h"
#include "core/validation.h"
#include "server/wire/job_options_reader.h"

namespace djps::server {
namespace {

struct FieldNames {
  std::string_view camel;
  std::string_view snake;  ///< Empty if it is the same.
};

enum FieldIndex : std::size_t {
  kType,
  kPayload,
  kQueue,
  kPriority,
  kRunAt,
  kMaxAttempts,
  kIdempotencyKey,
};

constexpr std::array<FieldNames, 7> kFields = {{{field_name::kType, ""},
                                                {field_name::kPayload, ""},
                                                {field_name::kQueue, ""},
                                                {field_name::kPriority, ""},
                                                {field_name::kRunAt, "run_at"},
                                                {field_name::kMaxAttempts, "max_attempts"},
                                                {field_name::kIdempotencyKey, "idempotency_key"}}};

/// Enough for the largest valid options, even if every character is escaped.
constexpr std::size_t kOptionsBytesMax = 256U << 10U;

/// Fields of answers that requests may not have: sending them back is an easy mistake.
constexpr std::array<std::string_view, 13> kReadOnly = {
    "id",          "status",     "attempts", "created_at", "createdAt", "updated_at", "updatedAt",
    "finished_at", "finishedAt", "result",   "last_error", "lastError", "request_id"};

std::optional<std::size_t> FindField(std::string_view name) {
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    if (name == kFields[i].camel || (name == kFields[i].snake && !name.empty())) return i;
  }
  return std::nullopt;
}

/// Lower case without separators, in which spellings differ.
std::string Folded(std::string_view name) {
  std::string folded;
  for (const char c : name) {
    if (c == '_' || c == '-' || c == ' ') continue;
    folded += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return folded;
}

std::string SuggestField(std::string_view name) {
  constexpr std::size_t kShortestPrefix = 3;
  const std::string folded = Folded(name);
  if (folded.size() < kShortestPrefix) return {};
  std::vector<std::string_view> names;
  names.reserve(kFields.size() + kOptionNames.size());
  for (const FieldNames& field : kFields) names.push_back(field.camel);
  names.insert(names.end(), kOptionNames.begin(), kOptionNames.end());
  std::vector<std::string> candidates;
  candidates.reserve(names.size());
  for (const std::string_view known : names) candidates.push_back(Folded(known));
  const auto nearest = SuggestNearest(folded, candidates);
  if (!nearest) return {};
  const auto index = std::find(candidates.begin(), candidates.end(), *nearest) - candidates.begin();
  return std::string(names[static_cast<std::size_t>(index)]);
}

std::string UnknownFieldDetail(std::string_view name) {
  if (std::find(kReadOnly.begin(), kReadOnly.end(), name) != kReadOnly.end()) {
    return "is set by the server; leave it out";
  }
  if (name.find('\0') != std::string_view::npos) {
    return "is not a field of a job, and its name holds a NUL character";
  }
  const std::string suggestion = SuggestField(name);
  if (suggestion.empty()) return "is not a field of a job";
  return fmt::format("is not a field of a job; did you mean {}?", suggestion);
}

}  // namespace

/// Turns the members of one draft into a NewJob and collects their errors.
class JobDraft::Judge {
 public:
  Judge(std::array<Member, kFieldCount>& members, const JsonPath& where, FieldProblems& problems)
      : members_(members), where_(where), problems_(problems) {}

  void Run(NewJob& job) {
    for (std::size_t i = 0; i < kFieldCount; ++i) CheckSpelling(i);
    if (!members_[kType].present()) Report(kType, "is required");
    TakeString(kType, [&job](std::string text) { job.type = std::move(text); });
    TakePayload(job);
    TakeString(kQueue, [&job](std::string text) { job.queue = std::move(text); });
    TakeInteger(kPriority, job.priority, std::numeric_limits<std::int16_t>::min(),
                std::numeric_limits<std::int16_t>::max());
    TakeTime(job);
    TakeInteger(kMaxAttempts, job.max_attempts, 1, kMaxAttemptsLimit);
    TakeString(kIdempotencyKey,
               [&job](std::string text) { job.idempotency_key = std::move(text); });
    for (const FieldError& error : Validate(job)) {
      Report(FindField(error.field).value(), error.detail);
    }
  }

 private:
  JsonPath PathOf(std::size_t field) const {
    const bool snake = members_[field].snake && !members_[field].camel;
    return JsonPath(where_).Member(snake ? kFields[field].snake : kFields[field].camel);
  }

  /// Reports one error per field: others may only follow from the first.
  void Report(std::size_t field, std::string detail) {
    if (std::exchange(members_[field].wrong, true)) return;
    problems_.Add(PathOf(field), std::move(detail));
  }

  bool Usable(std::size_t field) const {
    return members_[field].present() && !members_[field].wrong;
  }

  std::string Got(std::size_t field) const {
    const Member& member = members_[field];
    switch (member.kind) {
      case JsonKind::kArray:
        return "an array";
      case JsonKind::kObject:
        return "an object";
      case JsonKind::kString:
        return QuoteForMessage(member.text);
      case JsonKind::kNull:
      case JsonKind::kBool:
      case JsonKind::kNumber:
        break;
    }
    return ShortenForMessage(member.text);
  }

  void CheckSpelling(std::size_t field) {
    if (!members_[field].camel || !members_[field].snake) return;
    Report(field, fmt::format("is given twice, as {} and as {}; send one of them",
                              kFields[field].camel, kFields[field].snake));
  }

  template <typename Set>
  void TakeString(std::size_t field, Set set) {
    if (!Usable(field)) return;
    Member& member = members_[field];
    if (member.kind != JsonKind::kString) {
      Report(field, fmt::format("must be a string, got {}", Got(field)));
    } else if (member.text.find('\0') != std::string::npos) {
      Report(field, "holds a NUL character (\\u0000), which Postgres cannot store");
    } else {
      set(std::move(member.text));
    }
  }

  template <typename T>
  void TakeInteger(std::size_t field, T& target, T min, T max) {
    if (!Usable(field)) return;
    const Member& member = members_[field];
    const auto value = member.kind == JsonKind::kNumber ? ReadJsonWholeNumber(member.text)
                                                        : std::optional<long long>();
    if (!value || *value < min || *value > max) {
      Report(field, fmt::format("must be an integer from {} to {}, got {}", min, max, Got(field)));
      return;
    }
    target = static_cast<T>(*value);
  }

  void TakeTime(NewJob& job) {
    if (!Usable(kRunAt)) return;
    const Member& member = members_[kRunAt];
    if (member.kind == JsonKind::kString) job.run_at = ParseTimestamp(member.text);
    if (!job.run_at) {
      Report(kRunAt,
             fmt::format("must be an RFC 3339 date-time with an offset, in the "
                         "years 1970 to 9999 (UTC), such as \"2030-01-31T08:00:00Z\", got {}",
                         Got(kRunAt)));
    }
  }

  void TakePayload(NewJob& job) {
    Member& member = members_[kPayload];
    if (!member.camel) return;
    if (member.nul_at) {
      member.wrong = true;
      problems_.Add(PathOf(kPayload).Append(*member.nul_at),
                    "holds a NUL character (\\u0000), which Postgres cannot store");
      return;
    }
    if (auto trouble = JsonTrouble(member.text, kPayloadBytesMax)) {
      Report(kPayload, *std::move(trouble));
      return;
    }
    // Includes null, which is a valid payload.
    job.payload = std::move(member.text);
  }

  std::array<Member, kFieldCount>& members_;
  const JsonPath& where_;
  FieldProblems& problems_;
};

bool JobDraft::KeepsJson(std::string_view name) { return name == field_name::kPayload; }

void JobDraft::Add(std::string_view name, JsonKind kind, std::string text,
                   std::optional<JsonPath> nul_at) {
  const auto field = FindField(name);
  if (!field && IsOptionName(name)) {
    if (options_.size() + text.size() > kOptionsBytesMax) {
      if (!too_large_) too_large_ = {std::string(name), text.size()};
      return;
    }
    if (!options_.empty()) options_ += ',';
    AppendJsonString(options_, name);
    options_ += ':';
    if (kind == JsonKind::kString) {
      AppendJsonString(options_, text);
    } else {
      options_ += text;
    }
    return;
  }
  if (!field) {
    if (unknown_.size() < kFieldProblemsMax) unknown_.emplace_back(name);
    ++unknown_count_;
    return;
  }
  Member& member = members_[*field];
  (name == kFields[*field].camel ? member.camel : member.snake) = true;
  member.kind = kind;
  member.text = std::move(text);
  member.nul_at = std::move(nul_at);
}

NewJob JobDraft::Finish(const JsonPath& where, std::optional<std::string> key,
                        FieldProblems& problems) {
  NewJob job;
  Judge(members_, where, problems).Run(job);
  if (!job.idempotency_key) job.idempotency_key = std::move(key);
  if (!options_.empty()) FinishOptions(job, where, problems);
  if (const auto large = std::exchange(too_large_, std::nullopt)) {
    problems.Add(JsonPath(where).Member(large->name),
                 fmt::format("has {} bytes of JSON; together with tags, metadata, retry, unique "
                             "and similar fields it may have {}",
                             large->bytes, kOptionsBytesMax));
  }
  for (const std::string& name : unknown_) {
    if (!problems.open()) break;
    problems.Add(JsonPath(where).Member(ShortenForMessage(name)), UnknownFieldDetail(name));
    --unknown_count_;
  }
  problems.Count(unknown_count_);
  for (Member& member : members_) member = Member{};
  unknown_.clear();
  unknown_count_ = 0;
  return job;
}

void JobDraft::FinishOptions(NewJob& job, const JsonPath& where, FieldProblems& problems) {
  Fields fields("{" + std::exchange(options_, {}) + "}", where);
  ReadJobOptions(fields, job);
  const auto problem = fields.Finish();
  if (!problem) return;
  if (problem->errors.empty()) {
    std::string detail = problem->detail;
    if (detail.ends_with('.')) detail.pop_back();  // the sentence that it becomes part of has one
    problems.Add(where, std::move(detail));
  }
  for (const FieldProblem& error : problem->errors) problems.Add(error.path, error.detail);
}

}  // namespace djps::server
