#include "cli/commands/submission_options.h"

#include <fmt/format.h>

#include "cli/frame/options.h"
#include "core/time_text.h"
#include "core/validation.h"

namespace djps::cli {
namespace {

Uniqueness::OnConflict RequireConflict(const std::string& text) {
  if (text == "existing") return Uniqueness::OnConflict::kExisting;
  if (text == "replace") return Uniqueness::OnConflict::kReplace;
  if (text == "reschedule") return Uniqueness::OnConflict::kReschedule;
  RefuseUsage(fmt::format("--on-conflict must be existing, replace or reschedule, got {}",
                          QuoteForMessage(text)));
}

}  // namespace

Timestamp RequireTime(const std::string& option, const std::string& text) {
  const auto time = ParseTimestamp(text);
  if (!time) {
    RefuseUsage(
        fmt::format("{} must be an RFC 3339 time with an offset, such as 2030-01-31T08:00:00Z or "
                    "2030-01-31T09:00:00+01:00, got {}",
                    option, QuoteForMessage(text)));
  }
  return *time;
}

std::vector<CLI::Option*> AddSubmissionOptions(CLI::App& command, NewJob& job,
                                               SubmissionOptions& options) {
  auto* delay = AddDuration(command, "--delay", job.delay, "Earliest start, from now");
  delay->excludes(command.get_option("--run-at"));
  auto* fixed =
      AddDuration(command, "--retry-fixed", options.retry_fixed, "Wait this long between attempts");
  auto* delays = AddDurations(command, "--retry-delays", options.retry_delays,
                              "Wait 1s, then 5s and so on between attempts: 1s,5s");
  delays->excludes(fixed);
  return {
      delay,
      AddRepeated(command, "--tag", job.tags, "TAG", "A tag to find it by; may be repeated"),
      AddText(command, "--metadata", job.metadata, "JSON",
              "A JSON object stored with the job; the handler sees it"),
      AddDuration(command, "--timeout", job.timeout, "How long an attempt may take"),
      command
          .add_option_function<std::string>(
              "--finish-by",
              [&job](const std::string& text) { job.finish_by = RequireTime("--finish-by", text); },
              "No attempt starts after this time; the job is then dead")
          ->type_name("TIME"),
      AddDuration(command, "--key-lifetime", job.key_lifetime,
                  "How long the key is remembered; by default as long as the job")
          ->needs(command.get_option("--key")),
      fixed,
      delays,
      command.add_flag("--unique", options.unique,
                       "Only if no job of this type with the same payload waits or runs"),
      AddRepeated(command, "--unique-field", options.unique_fields, "FIELD",
                  "Compare only this part of the payload (customer.id); may be repeated"),
      command
          .add_option_function<std::string>(
              "--on-conflict",
              [&options](const std::string& text) { options.on_conflict = RequireConflict(text); },
              "What happens to the existing job: existing (unchanged), replace (new payload), "
              "reschedule (new payload and time)")
          ->type_name("ACTION")};
}

void ApplyOptions(const SubmissionOptions& options, NewJob& job) {
  if (options.unique || !options.unique_fields.empty() || options.on_conflict) {
    job.unique = Uniqueness{.fields = options.unique_fields};
    job.unique->on_conflict = options.on_conflict.value_or(Uniqueness::OnConflict::kExisting);
  }
  if (options.retry_fixed) {
    job.retry = RetryPolicy{.kind = RetryPolicy::Kind::kFixed, .delay = *options.retry_fixed};
  }
  if (!options.retry_delays.empty()) {
    job.retry = RetryPolicy{.kind = RetryPolicy::Kind::kList, .delays = options.retry_delays};
  }
}

}  // namespace djps::cli
