#include "client/checks.h"

#include <fmt/format.h>

#include <utility>

#include "core/job_rules.h"
#include "core/json_text.h"
#include "core/option_limits.h"
#include "core/validation.h"

namespace djps::client {
namespace {

tl::unexpected<Error> Wrong(std::string field, std::string_view detail) {
  std::string message = fmt::format("{} {}", field, detail);
  return Failure(ErrorCode::kInvalidArgument, std::move(message), std::move(field));
}

Result<void> CheckText(std::string field, std::string_view text, std::size_t bytes_min,
                       std::size_t bytes_max) {
  if (auto trouble = TextTrouble(text, bytes_min, bytes_max)) {
    return Wrong(std::move(field), *trouble);
  }
  return {};
}

/// Makes JSON text compact; the error says what is wrong.
Result<void> CompactField(std::string field, std::string& json, std::size_t bytes_max) {
  auto compact = CompactJson(json);
  if (!compact) return Wrong(std::move(field), "is not JSON: " + compact.error().message);
  if (auto trouble = JsonTrouble(*compact, bytes_max)) return Wrong(std::move(field), *trouble);
  json = *std::move(compact);
  return {};
}

Result<void> FirstOf(const std::vector<FieldError>& errors) {
  if (errors.empty()) return {};
  return Wrong(errors.front().field, errors.front().detail);
}

}  // namespace

Result<NewJob> CheckedJob(NewJob job) {
  auto checked = CompactField("payload", job.payload, kPayloadBytesMax);
  if (checked) checked = FirstOf(Validate(job));
  if (checked && job.idempotency_key) {
    checked = CheckText("idempotencyKey", *job.idempotency_key, 1, kIdempotencyKeyBytesMax);
  }
  if (checked && job.metadata) checked = CompactField("metadata", *job.metadata, kMetadataBytesMax);
  if (checked) checked = FirstOf(ValidateOptions(job));
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
