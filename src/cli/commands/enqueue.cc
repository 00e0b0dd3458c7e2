#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>

#include "cli/commands/bulk_submission.h"
#include "cli/commands/commands.h"
#include "cli/commands/submission_options.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"
#include "cli/link/job_text.h"
#include "cli/link/jobs_access.h"
#include "cli/link/target_options.h"
#include "core/json_text.h"
#include "core/validation.h"
#include "server/wire/job_json.h"

namespace djps::cli {
namespace {

constexpr const char* kStdin = "-";
/// White space in the JSON does not count toward the payload's size.
constexpr std::size_t kInputBytesMax = 4 * kPayloadBytesMax;

struct EnqueueOptions {
  TargetOptions target;
  NewJob job;
  SubmissionOptions more;
  std::optional<std::string> type;
  std::optional<std::string> payload;
  std::optional<std::string> from;
  bool json = false;
};

tl::unexpected<Error> PayloadFailure(const std::string& why) {
  return Failure(ErrorCode::kInvalidArgument, "--payload " + why, "--payload");
}

/// Reads a whole stream of at most kInputBytesMax bytes.
Result<std::string> ReadAll(std::istream& input) {
  std::string text;
  for (std::istreambuf_iterator<char> next(input), end; next != end; ++next) {
    if (text.size() == kInputBytesMax) {
      return PayloadFailure(fmt::format(
          "is longer than {} bytes; store large data elsewhere and put its address in the payload",
          kInputBytesMax));
    }
    text += *next;
  }
  return text;
}

/// JSON as it is, "@FILE", or "-" for standard input.
Result<std::string> ReadPayload(const std::string& given) {
  Result<std::string> text = given;
  if (given == kStdin) {
    text = ReadAll(std::cin);
  } else if (given.starts_with('@')) {
    std::ifstream file(given.substr(1), std::ios::binary);
    if (!file) return PayloadFailure(fmt::format("names a file that cannot be read: {}", given));
    text = ReadAll(file);
  }
  if (!text) return text;
  auto compact = CompactJson(*text);
  if (!compact) {
    return PayloadFailure(fmt::format(
        "{}: {}; check the shell's quotes, as in --payload '{{\"to\": \"a@example.com\"}}'",
        compact.error().message, QuoteForMessage(*text)));
  }
  return compact;
}

Result<NewJob> MakeJob(const EnqueueOptions& options) {
  NewJob job = options.job;
  job.type = *options.type;
  if (options.payload) {
    auto payload = ReadPayload(*options.payload);
    if (!payload) return tl::unexpected<Error>(payload.error());
    job.payload = *std::move(payload);
  }
  if (auto valid = CheckJob(job); !valid) return tl::unexpected<Error>(valid.error());
  if (const auto metadata = options.job.metadata) {
    auto compact = CompactJson(*metadata);
    if (!compact) {
      return Failure(
          ErrorCode::kInvalidArgument,
          fmt::format("--metadata {}: {}", compact.error().message, QuoteForMessage(*metadata)),
          "--metadata");
    }
    job.metadata = *std::move(compact);
  }
  ApplyOptions(options.more, job);
  if (job.HasOptions()) {
    // The same checks as the server's, also when there is no server.
    if (auto valid = ReadSubmission(WriteSubmission(job)); !valid) return valid;
  }
  return job;
}

int EnqueueOne(JobsAccess& jobs, const NewJob& job, bool json) {
  const auto answer = jobs.Submit({job});
  if (!answer) return ReportError(answer.error());
  const SubmittedJob& submitted = answer->front();
  const std::string id = submitted.id.ToString();
  if (json) {
    Print(fmt::format(R"({{"id":"{}","outcome":"{}","replayed":{},"payload_differs":{}}})"
                      "\n",
                      id, server::OutcomeName(submitted), submitted.replayed,
                      submitted.payload_differs));
    return kExitDone;
  }
  Print(id + "\n");
  if (submitted.conflict != SubmittedJob::Conflict::kNone) {
    spdlog::info("such a job exists already: {}", server::OutcomeName(submitted));
  }
  if (submitted.replayed) spdlog::info("a job with this key exists already");
  if (submitted.payload_differs) spdlog::warn("its payload differs from this one");
  return kExitDone;
}

int EnqueueFrom(const Context& context, JobsAccess& jobs, BulkInput& input, bool json) {
  const auto totals = SubmitAll(jobs, input, context.terminal.error_is_terminal);
  if (!totals) return ReportError(totals.error());
  Print(json ? ToJson(*totals) + "\n" : ToSentence(*totals) + "\n");
  if (totals->payload_differs > 0) {
    spdlog::warn("{} existing jobs have a payload that differs from this one",
                 FormatCount(totals->payload_differs));
  }
  return kExitDone;
}

int RunEnqueue(const Context& context, const EnqueueOptions& options) {
  if (!options.type && !options.from) {
    return ReportError(
        {ErrorCode::kInvalidArgument, "say what to submit: --type TYPE, or --from FILE", "--type"});
  }
  // The input is checked first: its mistakes are reported even when no server runs.
  Result<NewJob> job;
  BulkInput input;
  if (options.type) job = MakeJob(options);
  if (!job) return ReportError(job.error());
  const Result<void> opened = options.from ? input.Open(*options.from) : Result<void>();
  if (!opened) return ReportError(opened.error());

  const auto target =
      ResolveJobs(MakeTargetInputs(options.target, context.environment), "djps enqueue");
  if (!target) return ReportError(target.error());
  const auto jobs = OpenJobs(*target, OpenFor::kJobs);
  if (!jobs) return ReportError(jobs.error());
  return options.from ? EnqueueFrom(context, **jobs, input, options.json)
                      : EnqueueOne(**jobs, *job, options.json);
}

CommandHelp Help() {
  return {.name = "enqueue",
          .summary = "Submit a job, or a file of them",
          .paragraph =
              "Submits one job and prints its id, or with --from one job per line of a file. A job "
              "with a key is stored once, however often it is submitted: each time the same id is "
              "printed. With --from each line is a JSON object as in POST /jobs. Lines are sent in "
              "batches of 500; a batch is stored completely or not at all.",
          .examples =
              {"djps enqueue --type email --payload '{\"to\": \"a@example.com\"}' --key welcome-17",
               "djps enqueue --type report --payload @report.json --run-at 2030-01-31T08:00:00Z",
               "djps enqueue --type sync --delay 10s --unique --retry-delays 1s,5s --tag nightly",
               "seq 3 | jq -c '{type: \"echo\", payload: .}' | djps enqueue --from -"},
          .exit_codes = {"0  stored (or stored already under the same key)", "1  failed",
                         "2  wrong usage, or a job that is not valid",
                         "5  the server or the database cannot be reached, or the queue is full"}};
}

}  // namespace

void RegisterEnqueue(CommandLine& line) {
  CLI::App& command = AddCommand(line, line.app, Help());
  const auto options = RunWith(line, command, RunEnqueue);
  NewJob& job = options->job;
  auto* from = AddText(command, "--from", options->from, "FILE",
                       "Submit one job per line of this file (NDJSON); - for standard input");
  std::vector<CLI::Option*> of_one_job = {
      AddText(command, "--type", options->type, "TYPE",
              "The type, which chooses the handler that runs the job"),
      AddText(command, "--payload", options->payload, "JSON",
              "The handler's input: JSON, @FILE, or - for standard input")
          ->default_str("{}"),
      AddText(command, "--key", job.idempotency_key, "KEY",
              "The idempotency key: the same type and key are the same job"),
      AddText(command, "--queue", job.queue, "QUEUE", "The queue to put it in"),
      AddInteger(command, "--priority", job.priority, std::numeric_limits<std::int16_t>::min(),
                 std::numeric_limits<std::int16_t>::max(), "Smaller numbers run first")
          ->default_str(std::to_string(job.priority)),
      AddInteger(command, "--max-attempts", job.max_attempts, 1, kMaxAttemptsLimit,
                 "Maximum number of attempts")
          ->default_str(std::to_string(job.max_attempts)),
      command
          .add_option_function<std::string>(
              "--run-at",
              [&job](const std::string& text) { job.run_at = RequireTime("--run-at", text); },
              "Earliest start, such as 2030-01-31T08:00:00Z")
          ->type_name("TIME")};
  for (CLI::Option* option : AddSubmissionOptions(command, job, options->more)) {
    of_one_job.push_back(option);
  }
  for (CLI::Option* option : of_one_job) from->excludes(option);
  AddJobsOptions(command, options->target);
  AddJson(command, options->json);
}

}  // namespace djps::cli
