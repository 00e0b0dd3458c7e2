#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "cli/commands/job/commands.h"
#include "cli/frame/answer.h"
#include "cli/frame/duration.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"
#include "cli/frame/table.h"
#include "cli/link/api.h"
#include "cli/link/job_text.h"
#include "cli/link/target_options.h"

namespace djps::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Per request: shorter than the usual timeouts of proxies.
constexpr milliseconds kOneWaitMax{25'000};
constexpr milliseconds kAnswerMargin{15'000};
constexpr milliseconds kPauseWhenAway{500};

struct JobWaitOptions {
  TargetOptions target;
  std::vector<std::string> ids;
  milliseconds timeout{60'000};
  bool json = false;
};

struct Waited {
  std::string json;
  JobRecord job;
};

/// The job once it has ended, or as it is at the deadline. Retries while the server is away, if it
/// has answered before.
Result<Waited> WaitFor(const Api& api, Uuid id, steady_clock::time_point until, bool& reached) {
  while (true) {
    const auto left =
        std::max(std::chrono::ceil<milliseconds>(until - steady_clock::now()), milliseconds(0));
    const milliseconds wait = std::min(left, kOneWaitMax);
    auto body = api.Get(fmt::format("/jobs/{}/wait?timeoutMs={}", id.ToString(), wait.count()),
                        wait + kAnswerMargin);
    if (body) {
      reached = true;
      auto job = ReadJobRecord(*body);
      if (!job) return tl::unexpected<Error>(job.error());
      if (HasEnded(job->status) || left == milliseconds(0)) {
        return Waited{*std::move(body), *std::move(job)};
      }
      continue;
    }
    const bool may_come_back = reached && body.error().code == ErrorCode::kUnavailable;
    if (!may_come_back || left == milliseconds(0)) return tl::unexpected<Error>(body.error());
    std::this_thread::sleep_for(std::min(left, kPauseWhenAway));
  }
}

int ExitCodeOf(const std::vector<Waited>& all, milliseconds timeout) {
  int code = kExitDone;
  for (const Waited& waited : all) {
    if (HasEnded(waited.job.status)) {
      if (waited.job.status != JobStatus::kSucceeded) code = kExitJobEnded;
      continue;
    }
    fmt::print(stderr, "djps: job {} is still {} after {}\n", waited.job.id.ToString(),
               StatusName(waited.job.status), FormatDuration(timeout));
    if (code == kExitDone) code = kExitTimedOut;
  }
  return code;
}

std::string ToText(const std::vector<Waited>& all, const Terminal& terminal) {
  Table table({{"ID"}, {"STATUS"}, {"ATTEMPTS", Align::kRight}, {"RESULT OR LAST ERROR"}});
  for (const Waited& waited : all) {
    const JobRecord& job = waited.job;
    std::string end = job.result.value_or("");
    if (job.last_error && job.status != JobStatus::kSucceeded) {
      const Answer error = Answer::Parse(*job.last_error).value_or(Answer());
      end = error.Text("class") + ": " + error.Text("message");
    }
    table.Add({{job.id.ToString()},
               StatusCell(job.status),
               {fmt::format("{}/{}", job.attempts, job.max_attempts)},
               {std::move(end)}});
  }
  return table.Format(terminal.out, terminal.width);
}

std::string ToJson(const std::vector<Waited>& all) {
  std::string json = "{\"jobs\":[";
  for (const Waited& waited : all) json.append(waited.json) += ',';
  if (!all.empty()) json.pop_back();
  return json + "]}\n";
}

int RunJobWait(const Context& context, const JobWaitOptions& options) {
  std::vector<Uuid> ids;
  for (const std::string& text : options.ids) {
    const auto id = ParseJobId(text);
    if (!id) return ReportError(id.error());
    ids.push_back(*id);
  }
  const auto api = OpenApi(options.target, context.environment);
  if (!api) return ReportError(api.error());
  const auto until = steady_clock::now() + options.timeout;
  bool reached = false;
  std::vector<Waited> all;
  for (const Uuid& id : ids) {
    auto waited = WaitFor(*api, id, until, reached);
    if (!waited) return ReportError(waited.error());
    all.push_back(*std::move(waited));
  }
  Print(options.json ? ToJson(all) : ToText(all, context.terminal));
  return ExitCodeOf(all, options.timeout);
}

}  // namespace

void RegisterJobWait(CommandLine& line, CLI::App& group) {
  CLI::App& command = AddCommand(
      line, group,
      {.name = "wait",
       .summary = "Wait until jobs have ended",
       .paragraph = "Returns when all given jobs have ended, or when the time is over. The exit "
                    "code says how they ended; with several jobs it is the worst one.",
       .examples = {"djps job wait 019a2b3c-4d5e-7f60-8123-456789abcdef --timeout 5m",
                    "djps job wait $(cat ids) && echo all done"},
       .exit_codes = {"0  all have succeeded", "1  there is no such job", "2  wrong usage",
                      "3  a job is dead or canceled", "4  a job has not ended within --timeout",
                      "5  the server cannot be reached"}});
  const auto options = RunWith(line, command, RunJobWait);
  command.add_option("ID", options->ids, "The jobs' ids")->required()->type_name("ID");
  AddDuration(command, "--timeout", options->timeout, "How long to wait for all the jobs together");
  AddServerOptions(command, options->target);
  AddJson(command, options->json);
}

}  // namespace djps::cli
