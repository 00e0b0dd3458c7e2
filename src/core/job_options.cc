#include "core/job_options.h"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

#include "core/json_text.h"
#include "core/time_text.h"

namespace djps {
namespace {

/// Writes the members of one object.
class ObjectWriter {
 public:
  void Text(std::string_view name, std::string_view value) {
    Name(name);
    AppendJsonString(out_, value);
  }
  template <typename T>
  void Plain(std::string_view name, const T& value) {
    Name(name);
    fmt::format_to(std::back_inserter(out_), "{}", value);
  }
  void Duration(std::string_view name, std::chrono::milliseconds value) {
    Plain(name, value.count());
  }
  template <typename List, typename Append>
  void Array(std::string_view name, const List& list, Append append) {
    Name(name);
    out_ += '[';
    for (const auto& item : list) {
      if (&item != &list.front()) out_ += ',';
      append(out_, item);
    }
    out_ += ']';
  }
  void Texts(std::string_view name, const std::vector<std::string>& list) {
    Array(name, list,
          [](std::string& out, const std::string& text) { AppendJsonString(out, text); });
  }

  std::string Take() { return out_ + "}"; }

 private:
  void Name(std::string_view name) {
    if (out_.size() > 1) out_ += ',';
    AppendJsonString(out_, name);
    out_ += ':';
  }

  std::string out_ = "{";
};

std::string_view KindName(RetryPolicy::Kind kind) {
  switch (kind) {
    case RetryPolicy::Kind::kExponential:
      return "exponential";
    case RetryPolicy::Kind::kLinear:
      return "linear";
    case RetryPolicy::Kind::kFixed:
      return "fixed";
    case RetryPolicy::Kind::kList:
      return "list";
  }
  return "exponential";
}

std::string_view ConflictName(Uniqueness::OnConflict action) {
  switch (action) {
    case Uniqueness::OnConflict::kExisting:
      return "existing";
    case Uniqueness::OnConflict::kReplace:
      return "replace";
    case Uniqueness::OnConflict::kReschedule:
      return "reschedule";
  }
  return "existing";
}

}  // namespace

std::string WriteRetryPolicy(const RetryPolicy& policy) {
  ObjectWriter json;
  json.Text("kind", KindName(policy.kind));
  switch (policy.kind) {
    case RetryPolicy::Kind::kExponential:
      json.Duration("base_ms", policy.base);
      json.Plain("factor", policy.factor);
      json.Duration("cap_ms", policy.cap);
      break;
    case RetryPolicy::Kind::kLinear:
      json.Duration("delay_ms", policy.delay);
      json.Duration("cap_ms", policy.cap);
      break;
    case RetryPolicy::Kind::kFixed:
      json.Duration("delay_ms", policy.delay);
      break;
    case RetryPolicy::Kind::kList:
      json.Array("delays_ms", policy.delays, [](std::string& out, std::chrono::milliseconds delay) {
        out += std::to_string(delay.count());
      });
      break;
  }
  if (policy.jitter) json.Plain("jitter", *policy.jitter);
  return json.Take();
}

std::string WriteUniqueness(const Uniqueness& unique) {
  ObjectWriter json;
  if (!unique.fields.empty()) json.Texts("fields", unique.fields);
  if (unique.key) json.Text("key", *unique.key);
  if (unique.by_queue) json.Plain("queue", true);
  if (unique.period) json.Duration("period_ms", *unique.period);
  if (!unique.states.empty()) {
    json.Array("states", unique.states, [](std::string& out, JobStatus status) {
      AppendJsonString(out, StatusName(status));
    });
  }
  json.Text("on_conflict", ConflictName(unique.on_conflict));
  return json.Take();
}

std::string WriteTags(const std::vector<std::string>& tags) {
  std::string json = "[";
  for (const std::string& tag : tags) {
    if (&tag != &tags.front()) json += ',';
    AppendJsonString(json, tag);
  }
  return json + "]";
}

std::string WriteNewJob(const NewJob& job) {
  ObjectWriter json;
  json.Text("type", job.type);
  json.Plain("payload", job.payload);
  json.Text("queue", job.queue);
  json.Plain("priority", job.priority);
  json.Plain("max_attempts", job.max_attempts);
  if (job.run_at) json.Text("run_at", FormatTimestamp(*job.run_at));
  if (job.delay) json.Duration("delay_ms", *job.delay);
  if (job.idempotency_key) json.Text("idempotency_key", *job.idempotency_key);
  if (job.key_lifetime) json.Duration("key_lifetime_ms", *job.key_lifetime);
  if (!job.tags.empty()) json.Texts("tags", job.tags);
  if (job.metadata) json.Plain("metadata", *job.metadata);
  if (job.retry) json.Plain("retry", WriteRetryPolicy(*job.retry));
  if (job.timeout) json.Duration("timeout_ms", *job.timeout);
  if (job.finish_by) json.Text("finish_by", FormatTimestamp(*job.finish_by));
  if (job.unique) json.Plain("unique", WriteUniqueness(*job.unique));
  return json.Take();
}

}  // namespace djps
