#include "server/wire/job_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "core/job_options.h"
#include "core/json_text.h"
#include "core/time_text.h"

namespace djps::server {
namespace {

void AppendJson(std::string& out, const std::optional<std::string>& json) {
  out += json ? std::string_view(*json) : "null";
}

}  // namespace

void AppendTime(std::string& out, const std::optional<Timestamp>& time) {
  if (!time) {
    out += "null";
    return;
  }
  out += '"';
  out += FormatTimestamp(*time);
  out += '"';
}

std::string_view OutcomeName(const SubmittedJob& job) {
  if (job.replayed) return "replayed";
  switch (job.conflict) {
    case SubmittedJob::Conflict::kNone:
      return "created";
    case SubmittedJob::Conflict::kExisting:
      return "existing";
    case SubmittedJob::Conflict::kReplaced:
      return "replaced";
    case SubmittedJob::Conflict::kRescheduled:
      return "rescheduled";
  }
  return "created";
}

void AppendJob(std::string& out, const JobRecord& job, JobPayload payload) {
  // Types, queues and statuses have no characters that need escaping.
  fmt::format_to(std::back_inserter(out),
                 R"({{"id":"{}","type":"{}","queue":"{}","status":"{}","priority":{},)",
                 job.id.ToString(), job.type, job.queue, StatusName(job.status), job.priority);
  if (payload == JobPayload::kShown) out.append("\"payload\":").append(job.payload) += ',';
  fmt::format_to(std::back_inserter(out), R"("attempts":{},"max_attempts":{},"idempotency_key":)",
                 job.attempts, job.max_attempts);
  if (job.idempotency_key) {
    AppendJsonString(out, *job.idempotency_key);
  } else {
    out += "null";
  }
  out += ",\"run_at\":";
  AppendTime(out, job.run_at);
  out += ",\"created_at\":";
  AppendTime(out, job.created_at);
  out += ",\"updated_at\":";
  AppendTime(out, job.updated_at);
  out += ",\"finished_at\":";
  AppendTime(out, job.finished_at);
  out += ",\"result\":";
  AppendJson(out, job.result);
  out += ",\"last_error\":";
  AppendJson(out, job.last_error);
  out += ",\"tags\":";
  out += job.tags ? std::string_view(*job.tags) : "[]";
  out += ",\"metadata\":";
  AppendJson(out, job.metadata);
  out += ",\"retry\":";
  AppendJson(out, job.retry);
  out += ",\"timeout_ms\":";
  out += job.timeout ? std::to_string(job.timeout->count()) : "null";
  out += ",\"finish_by\":";
  AppendTime(out, job.finish_by);
  out += ",\"cancel_requested\":";
  out += job.cancel_requested ? "true" : "false";
  out += ",\"progress\":";
  AppendJson(out, job.progress);
  out += '}';
}

JobRecord RecordOf(NewJob job, const SubmittedJob& submitted) {
  return {.id = submitted.id,
          .type = std::move(job.type),
          .queue = std::move(job.queue),
          .payload = std::move(job.payload),
          .priority = job.priority,
          .run_at = submitted.run_at,
          .max_attempts = job.max_attempts,
          .idempotency_key = std::move(job.idempotency_key),
          .created_at = submitted.created_at,
          .updated_at = submitted.created_at,
          .tags = job.tags.empty() ? std::nullopt : std::optional(WriteTags(job.tags)),
          .metadata = std::move(job.metadata),
          .retry = job.retry ? std::optional(WriteRetryPolicy(*job.retry)) : std::nullopt,
          .timeout = job.timeout,
          .finish_by = job.finish_by};
}

void AppendBatch(std::string& out, const std::vector<SubmittedJob>& submitted) {
  constexpr std::size_t kBytesPerJob = 100;
  out.reserve(out.size() + submitted.size() * kBytesPerJob);
  out += "{\"jobs\":[";
  for (const SubmittedJob& job : submitted) {
    fmt::format_to(std::back_inserter(out),
                   R"({{"id":"{}","outcome":"{}","replayed":{},"payload_differs":{}}},)",
                   job.id.ToString(), OutcomeName(job), job.replayed, job.payload_differs);
  }
  if (!submitted.empty()) out.pop_back();
  const auto count = [&submitted](auto has) {
    return std::count_if(submitted.begin(), submitted.end(), has);
  };
  fmt::format_to(std::back_inserter(out), R"(],"created":{},"replayed":{}}})",
                 count([](const SubmittedJob& job) { return job.created(); }),
                 count([](const SubmittedJob& job) { return job.replayed; }));
}

}  // namespace djps::server
