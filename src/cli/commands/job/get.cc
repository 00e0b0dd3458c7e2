#include <fmt/format.h>

#include <chrono>

#include "cli/commands/job/card.h"
#include "cli/commands/job/commands.h"
#include "cli/frame/duration.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"
#include "cli/frame/poll_pause.h"
#include "cli/link/jobs_access.h"
#include "cli/link/target_options.h"
#include "server/wire/job_json.h"

namespace djps::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct JobGetOptions {
  TargetOptions target;
  std::string id;
  bool json = false;
  bool wait = false;
  milliseconds wait_timeout{60'000};
};

Result<JobRecord> Get(JobsAccess& jobs, Uuid id) {
  auto job = jobs.Find(id);
  if (!job) return tl::unexpected<Error>(job.error());
  if (!*job) return Failure(ErrorCode::kNotFound, fmt::format("there is no job {}", id.ToString()));
  return **std::move(job);
}

/// The job once it has ended, or as it is when the time is over. Retries while the server is away.
Result<JobRecord> GetWhenEnded(JobsAccess& jobs, Uuid id, steady_clock::time_point until) {
  auto job = Get(jobs, id);
  if (!job) return job;
  PollPause pause(until);
  while (true) {
    const bool ended = job && HasEnded(job->status);
    const bool hopeless = !job && job.error().code != ErrorCode::kUnavailable;
    if (ended || hopeless || pause.over()) return job;
    pause.Sleep();
    job = Get(jobs, id);
  }
}

int ExitCodeOfWait(const JobRecord& job, milliseconds timeout) {
  switch (job.status) {
    case JobStatus::kSucceeded:
      return kExitDone;
    case JobStatus::kCanceled:
    case JobStatus::kDead:
      return kExitJobEnded;
    case JobStatus::kQueued:
    case JobStatus::kRunning:
    case JobStatus::kFailed:
      break;
  }
  fmt::print(stderr, "djps: job {} is still {} after {}\n", job.id.ToString(),
             StatusName(job.status), FormatDuration(timeout));
  return kExitTimedOut;
}

int RunJobGet(const Context& context, const JobGetOptions& options) {
  const auto id = ParseJobId(options.id);
  if (!id) return ReportError(id.error());
  const auto target =
      ResolveJobs(MakeTargetInputs(options.target, context.environment), "djps job");
  if (!target) return ReportError(target.error());
  const auto jobs = OpenJobs(*target, OpenFor::kJobs);
  if (!jobs) return ReportError(jobs.error());
  const auto job = options.wait
                       ? GetWhenEnded(**jobs, *id, steady_clock::now() + options.wait_timeout)
                       : Get(**jobs, *id);
  if (!job) return ReportError(job.error());

  if (options.json) {
    std::string json;
    server::AppendJob(json, *job);
    Print(json + "\n");
  } else {
    Print(FormatJobCard(*job, context.terminal.out));
  }
  return options.wait ? ExitCodeOfWait(*job, options.wait_timeout) : kExitDone;
}

}  // namespace

void RegisterJobGet(CommandLine& line, CLI::App& group) {
  CLI::App& get = AddCommand(
      line, group,
      {.name = "get",
       .summary = "Show a job, or wait until it has ended",
       .paragraph = "Shows a job: its status, attempts, result and last error. With --wait it "
                    "returns when the job has ended, and the exit code says how it ended.",
       .examples = {"djps job get 019a2b3c-4d5e-7f60-8123-456789abcdef",
                    "djps job get \"$(djps enqueue --type echo)\" --wait --wait-timeout 10s"},
       .exit_codes = {"0  found; with --wait: succeeded", "1  there is no such job",
                      "2  wrong usage", "3  with --wait: the job is dead or canceled",
                      "4  with --wait: not ended within --wait-timeout",
                      "5  the server or the database cannot be reached"}});
  const auto options = RunWith(line, get, RunJobGet);
  AddText(get, "ID", options->id, "ID", "The job's id")->required();
  AddJobsOptions(get, options->target);
  auto* wait = get.add_flag("--wait", options->wait, "Wait until the job has ended");
  AddDuration(get, "--wait-timeout", options->wait_timeout, "How long to wait")->needs(wait);
  AddJson(get, options->json);
}

}  // namespace djps::cli
