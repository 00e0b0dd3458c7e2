#include "cli/link/job_text.h"

#include <fmt/format.h>

#include <limits>
#include <optional>
#include <utility>

#include "core/job_options.h"
#include "core/job_rules.h"
#include "core/json_members.h"
#include "core/time_text.h"
#include "core/validation.h"
#include "server/wire/submission_parser.h"

namespace djps::cli {
namespace {

tl::unexpected<Error> NotUnderstood(std::string_view json) {
  return Failure(
      ErrorCode::kInternal,
      fmt::format(
          "the server sent an unexpected answer: {} (is it a DJPS server of the same version?)",
          QuoteForMessage(json)));
}

/// Reads members of known types; remembers whether one was missing.
class MemberReader {
 public:
  explicit MemberReader(const std::vector<JsonMember>& members) : members_(members) {}

  std::string Text(std::string_view name) { return Require(FindText(name)); }

  std::optional<std::string> FindText(std::string_view name) const {
    const auto value = FindMember(members_, name);
    return value ? ReadJsonString(*value) : std::nullopt;
  }

  std::optional<std::string> FindJson(std::string_view name) const {
    return FindMember(members_, name);
  }

  std::optional<std::int64_t> FindInteger(std::string_view name) const {
    const auto text = FindMember(members_, name);
    return text ? ReadJsonInteger(*text) : std::nullopt;
  }

  template <typename T>
  T Integer(std::string_view name) {
    const auto text = FindMember(members_, name);
    const auto value = text ? ReadJsonInteger(*text) : std::nullopt;
    if (!value || !std::in_range<T>(*value)) return Require(std::optional<T>());
    return static_cast<T>(*value);
  }

  bool Bool(std::string_view name) {
    const auto text = FindMember(members_, name);
    if (!text || (*text != "true" && *text != "false")) return Require(std::optional<bool>());
    return *text == "true";
  }

  std::optional<Timestamp> FindTime(std::string_view name) const {
    const auto text = FindText(name);
    return text ? ParseTimestamp(*text) : std::nullopt;
  }

  template <typename T>
  T Require(const std::optional<T>& value) {
    complete_ = complete_ && value.has_value();
    return value.value_or(T{});
  }

  bool complete() const { return complete_; }

 private:
  const std::vector<JsonMember>& members_;
  bool complete_ = true;
};

/// Members that older servers do not send.
void ReadOptions(const MemberReader& reader, JobRecord& job) {
  job.tags = reader.FindJson("tags");
  job.metadata = reader.FindJson("metadata");
  job.retry = reader.FindJson("retry");
  const auto timeout = reader.FindInteger("timeout_ms");
  if (timeout) job.timeout = std::chrono::milliseconds(*timeout);
  job.finish_by = reader.FindTime("finish_by");
  job.cancel_requested = reader.FindJson("cancel_requested") == "true";
  job.progress = reader.FindJson("progress");
}

SubmittedJob::Conflict ConflictOf(std::string_view outcome) {
  using Conflict = SubmittedJob::Conflict;
  if (outcome == "existing") return Conflict::kExisting;
  if (outcome == "replaced") return Conflict::kReplaced;
  if (outcome == "rescheduled") return Conflict::kRescheduled;
  return Conflict::kNone;
}

}  // namespace

std::string WriteSubmission(const NewJob& job) { return WriteNewJob(job); }

std::string WriteBatch(const std::vector<NewJob>& jobs) {
  std::string body = "{\"jobs\":[";
  for (const NewJob& job : jobs) {
    if (&job != &jobs.front()) body += ',';
    body += WriteSubmission(job);
  }
  return body + "]}";
}

Result<JobRecord> ReadJobRecord(std::string_view json) {
  const auto members = SplitObject(json);
  if (!members) return NotUnderstood(json);
  MemberReader reader(*members);
  JobRecord job;
  job.id = reader.Require(Uuid::Parse(reader.Text("id")));
  job.type = reader.Text("type");
  job.queue = reader.Text("queue");
  job.status = reader.Require(ParseStatus(reader.Text("status")));
  job.payload = reader.FindJson("payload").value_or("null");
  job.priority = reader.Integer<std::int16_t>("priority");
  job.attempts = reader.Integer<int>("attempts");
  job.max_attempts = reader.Integer<int>("max_attempts");
  job.idempotency_key = reader.FindText("idempotency_key");
  job.run_at = reader.Require(reader.FindTime("run_at"));
  job.created_at = reader.Require(reader.FindTime("created_at"));
  job.updated_at = reader.Require(reader.FindTime("updated_at"));
  job.finished_at = reader.FindTime("finished_at");
  job.result = reader.FindJson("result");
  job.last_error = reader.FindJson("last_error");
  ReadOptions(reader, job);
  if (!reader.complete()) return NotUnderstood(json);
  return job;
}

Result<std::vector<SubmittedJob>> ReadBatchAnswer(std::string_view json) {
  const auto answer = SplitObject(json);
  const auto jobs = answer ? FindMember(*answer, "jobs") : std::nullopt;
  const auto items = jobs ? SplitArray(*jobs) : SplitArray("");
  if (!items) return NotUnderstood(json);
  std::vector<SubmittedJob> submitted;
  for (const std::string& item : *items) {
    const auto members = SplitObject(item);
    if (!members) return NotUnderstood(item);
    MemberReader reader(*members);
    SubmittedJob job;
    job.id = reader.Require(Uuid::Parse(reader.Text("id")));
    job.replayed = reader.Bool("replayed");
    job.payload_differs = reader.Bool("payload_differs");
    job.conflict = ConflictOf(reader.FindText("outcome").value_or(""));
    if (!reader.complete()) return NotUnderstood(item);
    submitted.push_back(job);
  }
  return submitted;
}

Result<NewJob> ReadSubmission(std::string_view json) {
  auto job = server::ParseSubmission(json);
  if (job) return *std::move(job);
  const server::Problem& problem = job.error();
  std::string message;
  for (const server::FieldProblem& error : problem.errors) {
    if (!message.empty()) message += "; ";
    const std::string name = error.path.Name();
    message += name.empty() ? error.detail : name + " " + error.detail;
  }
  return Failure(ErrorCode::kInvalidArgument, message.empty() ? problem.detail : message);
}

Result<void> CheckJob(const NewJob& job) {
  std::vector<FieldError> errors = Validate(job);
  const std::vector<FieldError> more = ValidateOptions(job);
  errors.insert(errors.end(), more.begin(), more.end());
  if (errors.empty()) return {};
  std::string message;
  for (const FieldError& error : errors) {
    message += (message.empty() ? "" : "; ") + error.field + " " + error.detail;
  }
  return Failure(ErrorCode::kInvalidArgument, message);
}

}  // namespace djps::cli
