#include "server/wire/job_options_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/job_rules.h"
#include "core/option_limits.h"
#include "core/validation.h"

namespace djps::server {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kWordBytesMax = 64;

/// The index of one of `words`; reports any other word.
template <std::size_t N>
std::optional<std::size_t> ReadWord(Fields& fields, std::string_view name,
                                    const std::array<std::string_view, N>& words) {
  const auto word = fields.Text(name, kWordBytesMax);
  if (!word) return std::nullopt;
  const auto* const found = std::find(words.begin(), words.end(), *word);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  std::string all;
  for (const std::string_view known : words) {
    if (!all.empty()) all += known == words.back() ? " or " : ", ";
    all += known;
  }
  fields.Add(name, fmt::format("must be {}, got {}", all, QuoteForMessage(*word)));
  return std::nullopt;
}

Uniqueness ReadUniqueness(Fields& fields) {
  using OnConflict = Uniqueness::OnConflict;
  constexpr std::array<std::string_view, 3> kConflicts = {"existing", "replace", "reschedule"};
  constexpr std::array kActions = {OnConflict::kExisting, OnConflict::kReplace,
                                   OnConflict::kReschedule};
  Uniqueness unique;
  const auto paths = fields.Texts("fields", kUniqueFieldsMax, kIdempotencyKeyBytesMax);
  if (paths && paths->empty()) {
    fields.Add("fields", "must have at least one path; omit it to compare the whole payload");
  }
  unique.fields = paths.value_or(std::vector<std::string>());
  unique.key = fields.Text("key", kIdempotencyKeyBytesMax);
  unique.by_queue = fields.Bool("queue").value_or(false);
  unique.period = fields.Duration("periodMs", milliseconds(1), kDelayMax);
  const auto states = fields.Texts("states", kActions.size() * 2, kWordBytesMax);
  if (states && states->empty()) {
    fields.Add("states",
               "must have at least one status; omit it for the default, jobs that have not ended");
  }
  for (const std::string& name : states.value_or(std::vector<std::string>())) {
    if (const auto status = ParseStatus(name)) {
      unique.states.push_back(*status);
    } else {
      fields.Add(
          "states",
          fmt::format("may contain queued, running, failed, succeeded, canceled and dead, got {}",
                      QuoteForMessage(name)));
    }
  }
  if (const auto action = ReadWord(fields, "onConflict", kConflicts)) {
    unique.on_conflict = kActions[*action];
  }
  return unique;
}

/// Whether `name` is the snake_case of `camel`. Does not allocate: it runs for every unknown
/// member, and a request may have many.
bool IsSnakeCaseOf(std::string_view name, std::string_view camel) {
  std::size_t i = 0;
  for (const char c : camel) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && (i >= name.size() || name[i++] != '_')) return false;
    if (i >= name.size() || name[i++] != (upper ? static_cast<char>(c - 'A' + 'a') : c)) {
      return false;
    }
  }
  return i == name.size();
}

}  // namespace

bool IsOptionName(std::string_view name) {
  return std::any_of(kOptionNames.begin(), kOptionNames.end(), [name](std::string_view known) {
    return name == known || IsSnakeCaseOf(name, known);
  });
}

RetryPolicy ReadRetryPolicy(Fields& fields) {
  using Kind = RetryPolicy::Kind;
  constexpr std::array<std::string_view, 4> kNames = {"exponential", "linear", "fixed", "list"};
  constexpr std::array kKinds = {Kind::kExponential, Kind::kLinear, Kind::kFixed, Kind::kList};
  RetryPolicy policy;
  const auto kind = ReadWord(fields, "kind", kNames);
  if (kind) {
    policy.kind = kKinds[*kind];
  } else if (!fields.Has("kind")) {
    fields.Add("kind", "is missing; it may be exponential, linear, fixed or list");
  }
  const auto duration = [&fields](std::string_view name) {
    return fields.Duration(name, milliseconds(0), kDelayMax);
  };
  policy.base = duration("baseMs").value_or(policy.base);
  policy.factor = fields.Number("factor", 1, kFactorMax).value_or(policy.factor);
  policy.cap = duration("capMs").value_or(policy.cap);
  const auto delay = duration("delayMs");
  policy.delay = delay.value_or(policy.delay);
  const auto delays = fields.Durations("delaysMs", kDelaysMax, kDelayMax);
  policy.delays = delays.value_or(std::vector<milliseconds>());
  policy.jitter = fields.Bool("jitter");
  if ((policy.kind == Kind::kLinear || policy.kind == Kind::kFixed) && !fields.Has("delayMs")) {
    fields.Add("delayMs", "is missing; this kind needs it");
  }
  if (policy.kind == Kind::kList && (!fields.Has("delaysMs") || (delays && delays->empty()))) {
    fields.Add("delaysMs", "is missing or empty; this kind needs at least one delay");
  }
  return policy;
}

void ReadJobOptions(Fields& fields, NewJob& job) {
  job.delay = fields.Duration("delayMs", milliseconds(0), kDelayMax);
  job.key_lifetime = fields.Duration("keyLifetimeMs", kKeyLifetimeMin, kDelayMax);
  job.tags = fields.Texts("tags", kTagsMax, kTagBytesMax).value_or(std::vector<std::string>());
  job.metadata = fields.Json("metadata", kMetadataBytesMax);
  if (auto retry = fields.Object("retry")) job.retry = ReadRetryPolicy(*retry);
  job.timeout = fields.Duration("timeoutMs", milliseconds(1), kTimeoutMax);
  job.finish_by = fields.Time("finishBy");
  if (auto unique = fields.Object("unique")) job.unique = ReadUniqueness(*unique);
  // A value with an error reads as nothing, and would be reported as missing too.
  if (!fields.Flawless()) return;
  for (FieldError& error : ValidateOptions(job)) fields.Add(error.field, std::move(error.detail));
}

}  // namespace djps::server
