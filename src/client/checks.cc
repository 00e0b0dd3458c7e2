#include "client/checks.h"

#include <fmt/format.h>

#include <utility>

#include "core/json_text.h"
#include "core/option_limits.h"
#include "core/validation.h"

namespace djps::client {
namespace {

using std::chrono::milliseconds;

tl::unexpected<Error> Wrong(std::string field, std::string_view detail) {
  std::string message = fmt::format("{} {}", field, detail);
  return Failure(ErrorCode::kInvalidArgument, std::move(message), std::move(field));
}

/// Can it be kept as text: UTF-8 without NUL, of so many bytes?
Result<void> CheckText(std::string field, std::string_view text, std::size_t bytes_min,
                       std::size_t bytes_max) {
  if (text.size() < bytes_min || text.size() > bytes_max) {
    return Wrong(std::move(field), fmt::format("must be a text of {} to {} bytes, got {}",
                                               bytes_min, bytes_max, text.size()));
  }
  std::string quoted;
  AppendJsonString(quoted, text);
  if (!CompactJson(quoted)) return Wrong(std::move(field), "must be UTF-8 without NUL");
  return {};
}

Result<void> CheckDuration(std::string field, milliseconds value, milliseconds min,
                           milliseconds max) {
  if (value >= min && value <= max) return {};
  return Wrong(std::move(field), fmt::format("must be from {} to {} ms, got {}", min.count(),
                                             max.count(), value.count()));
}

/// Makes JSON text compact; says what is wrong with it.
Result<void> CompactField(std::string field, std::string& json, std::size_t bytes_max) {
  auto compact = CompactJson(json);
  if (!compact) return Wrong(std::move(field), "is not JSON: " + compact.error().message);
  if (compact->size() > bytes_max) {
    return Wrong(std::move(field), fmt::format("must be at most {} bytes of JSON, got {}",
                                               bytes_max, compact->size()));
  }
  json = *std::move(compact);
  return {};
}

Result<void> FirstOf(const std::vector<FieldError>& errors) {
  if (errors.empty()) return {};
  return Wrong(errors.front().field, errors.front().detail);
}

Result<void> CheckRetry(const RetryPolicy& retry) {
  const milliseconds none{0};
  if (auto r = CheckDuration("retry.baseMs", retry.base, none, kDelayMax); !r) return r;
  if (auto r = CheckDuration("retry.capMs", retry.cap, none, kDelayMax); !r) return r;
  if (auto r = CheckDuration("retry.delayMs", retry.delay, none, kDelayMax); !r) return r;
  // Written so that it is true for no number at all (NaN).
  if (!(retry.factor >= 1 && retry.factor <= kFactorMax)) {
    return Wrong("retry.factor",
                 fmt::format("must be from 1 to {}, got {}", kFactorMax, retry.factor));
  }
  const bool list = retry.kind == RetryPolicy::Kind::kList;
  if (retry.delays.size() > kDelaysMax || (list && retry.delays.empty())) {
    return Wrong("retry.delaysMs",
                 fmt::format("must hold 1 to {} delays, got {}", kDelaysMax, retry.delays.size()));
  }
  for (const milliseconds delay : retry.delays) {
    if (auto r = CheckDuration("retry.delaysMs", delay, none, kDelayMax); !r) return r;
  }
  return {};
}

Result<void> CheckUnique(const Uniqueness& unique) {
  if (unique.fields.size() > kUniqueFieldsMax) {
    return Wrong("unique.fields", fmt::format("may hold at most {} paths, got {}", kUniqueFieldsMax,
                                              unique.fields.size()));
  }
  for (const std::string& path : unique.fields) {
    if (auto r = CheckText("unique.fields", path, 1, kIdempotencyKeyBytesMax); !r) return r;
  }
  if (unique.key) {
    auto r = CheckText("unique.key", *unique.key, 1, kIdempotencyKeyBytesMax);
    if (!r) return r;
  }
  if (!unique.period) return {};
  return CheckDuration("unique.periodMs", *unique.period, milliseconds(1), kDelayMax);
}

Result<void> CheckTimes(const NewJob& job) {
  if (job.delay && job.run_at) return Wrong("delayMs", "and runAt exclude each other");
  if (job.delay) {
    auto r = CheckDuration("delayMs", *job.delay, milliseconds(0), kDelayMax);
    if (!r) return r;
  }
  if (job.key_lifetime && !job.idempotency_key) {
    return Wrong("keyLifetimeMs", "needs an idempotencyKey");
  }
  if (job.key_lifetime) {
    auto r = CheckDuration("keyLifetimeMs", *job.key_lifetime, kKeyLifetimeMin, kDelayMax);
    if (!r) return r;
  }
  if (job.timeout) {
    auto r = CheckDuration("timeoutMs", *job.timeout, milliseconds(1), kTimeoutMax);
    if (!r) return r;
  }
  if (!job.finish_by) return {};
  // What may be said of it is what may be said of runAt.
  NewJob same{.type = job.type, .run_at = job.finish_by};
  for (const FieldError& error : Validate(same)) return Wrong("finishBy", error.detail);
  return {};
}

Result<void> CheckOptions(NewJob& job) {
  if (auto r = CheckTimes(job); !r) return r;
  if (job.tags.size() > kTagsMax) {
    return Wrong("tags", fmt::format("may be at most {}, got {}", kTagsMax, job.tags.size()));
  }
  for (const std::string& tag : job.tags) {
    if (auto r = CheckText("tags", tag, 1, kTagBytesMax); !r) return r;
  }
  if (job.metadata) {
    if (auto r = CompactField("metadata", *job.metadata, kMetadataBytesMax); !r) return r;
    if (!job.metadata->starts_with('{')) return Wrong("metadata", "must be a JSON object");
  }
  if (job.retry) {
    if (auto r = CheckRetry(*job.retry); !r) return r;
  }
  if (job.unique) return CheckUnique(*job.unique);
  return {};
}

}  // namespace

Result<NewJob> CheckedJob(NewJob job) {
  auto checked = CompactField("payload", job.payload, kPayloadBytesMax);
  if (checked) checked = FirstOf(Validate(job));
  if (checked && job.idempotency_key) {
    checked = CheckText("idempotencyKey", *job.idempotency_key, 1, kIdempotencyKeyBytesMax);
  }
  if (checked) checked = CheckOptions(job);
  if (!checked) return tl::unexpected<Error>(checked.error());
  return job;
}

Result<JobEdit> CheckedEdit(JobEdit edit) {
  if (!edit.priority && !edit.run_at && !edit.payload && !edit.max_attempts) {
    return Wrong("priority", "or runAt, payload or maxAttempts is needed: nothing is to change");
  }
  if (edit.payload) {
    auto r = CompactField("payload", *edit.payload, kPayloadBytesMax);
    if (!r) return tl::unexpected<Error>(r.error());
  }
  NewJob same{.type = "edit", .run_at = edit.run_at};
  same.max_attempts = edit.max_attempts.value_or(same.max_attempts);
  if (auto r = FirstOf(Validate(same)); !r) return tl::unexpected<Error>(r.error());
  return edit;
}

Result<void> CheckFilter(const JobFilter& filter) {
  if (!filter.idempotency_key.empty() && filter.type.empty()) {
    return Wrong("idempotencyKey", "needs a type: it names one job of one type");
  }
  if (!filter.type.empty()) {
    if (const auto trouble = NameTrouble(filter.type)) return Wrong("type", *trouble);
  }
  if (!filter.queue.empty()) {
    if (const auto trouble = NameTrouble(filter.queue)) return Wrong("queue", *trouble);
  }
  if (auto r = CheckText("tag", filter.tag, 0, kTagBytesMax); !r) return r;
  return CheckText("idempotencyKey", filter.idempotency_key, 0, kIdempotencyKeyBytesMax);
}

Result<void> CheckQueueName(std::string_view queue) {
  if (const auto trouble = NameTrouble(queue)) return Wrong("queue", *trouble);
  return {};
}

Result<void> CheckReason(std::string_view reason) {
  return CheckText("reason", reason, 0, kReasonBytesMax);
}

}  // namespace djps::client
