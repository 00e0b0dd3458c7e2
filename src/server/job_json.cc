#include "server/job_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "core/json_text.h"
#include "core/time_text.h"

namespace djps::server {
namespace {

void AppendTime(std::string& out, const std::optional<Timestamp>& time) {
  if (!time) {
    out += "null";
    return;
  }
  out += '"';
  out += FormatTimestamp(*time);
  out += '"';
}

void AppendJson(std::string& out, const std::optional<std::string>& json) {
  out += json ? std::string_view(*json) : "null";
}

}  // namespace

void AppendJob(std::string& out, const JobRecord& job) {
  // Types, queues and statuses hold no character that needs an escape.
  fmt::format_to(std::back_inserter(out),
                 R"({{"id":"{}","type":"{}","queue":"{}","status":"{}","priority":{},"payload":)",
                 job.id.ToString(), job.type, job.queue, StatusName(job.status), job.priority);
  out += job.payload;
  fmt::format_to(std::back_inserter(out), R"(,"attempts":{},"max_attempts":{},"idempotency_key":)",
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
          .finished_at = {},
          .result = {},
          .last_error = {}};
}

void AppendBatch(std::string& out, const std::vector<SubmittedJob>& submitted) {
  constexpr std::size_t kBytesPerJob = 100;
  out.reserve(out.size() + submitted.size() * kBytesPerJob);
  out += "{\"jobs\":[";
  for (const SubmittedJob& job : submitted) {
    fmt::format_to(std::back_inserter(out), R"({{"id":"{}","replayed":{},"payload_differs":{}}},)",
                   job.id.ToString(), job.replayed, job.payload_differs);
  }
  if (!submitted.empty()) out.pop_back();
  const auto replayed = std::count_if(submitted.begin(), submitted.end(),
                                      [](const SubmittedJob& job) { return job.replayed; });
  fmt::format_to(std::back_inserter(out), R"(],"created":{},"replayed":{}}})",
                 submitted.size() - static_cast<std::size_t>(replayed), replayed);
}

}  // namespace djps::server
