#include <fmt/format.h>

#include <chrono>

#include "cli/commands/queue/commands.h"
#include "cli/frame/answer.h"
#include "cli/frame/duration.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"
#include "cli/frame/poll_pause.h"
#include "cli/frame/progress.h"
#include "cli/link/api.h"
#include "cli/link/target_options.h"
#include "core/validation.h"

namespace djps::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct QueueDrainOptions {
  TargetOptions target;
  std::string name;
  milliseconds timeout{3'600'000};
  bool json = false;
};

/// The number of jobs that have not ended, also scheduled jobs and those that wait for another
/// attempt.
std::int64_t LeftIn(const Answer& queue) {
  std::int64_t left = 0;
  for (const char* name : {"queued", "scheduled", "running", "failed"}) {
    left += queue.Integer(name).value_or(0);
  }
  return left;
}

struct Drained {
  std::string json;  ///< The latest answer about the queue.
  std::int64_t left = 0;
};

/// Polls until the queue is empty or the time is over. Retries while the server is away.
Result<Drained> WaitUntilEmpty(const Context& context, const Api& api,
                               const QueueDrainOptions& options) {
  PollPause pause(steady_clock::now() + options.timeout);
  const std::string path = "/queues/" + PathPart(options.name);
  Progress progress(context.terminal.error_is_terminal, std::nullopt);
  bool reached = false;
  bool told = false;
  while (true) {
    auto body = api.Get(path);
    const bool away = !body && reached && body.error().code == ErrorCode::kUnavailable;
    if (!body && !away) return tl::unexpected<Error>(body.error());
    const bool time_over = pause.over();
    if (body) {
      reached = true;
      const auto queue = Answer::Parse(*body);
      if (!queue) return tl::unexpected<Error>(queue.error());
      const std::int64_t left = LeftIn(*queue);
      progress.Update(0, static_cast<std::uint64_t>(left));
      if (left == 0 || time_over) return Drained{*std::move(body), left};
      if (queue->Bool("paused") && !told) {
        fmt::print(stderr,
                   "djps: queue {} is paused: its jobs wait until you run `djps queue resume {}`\n",
                   options.name, options.name);
        told = true;
      }
    } else if (time_over) {
      return tl::unexpected<Error>(body.error());
    }
    pause.Sleep();
  }
}

int RunQueueDrain(const Context& context, const QueueDrainOptions& options) {
  if (const auto trouble = NameTrouble(options.name)) {
    return ReportError({ErrorCode::kInvalidArgument, "NAME " + *trouble, "NAME"});
  }
  const auto api = OpenApi(options.target, context.environment);
  if (!api) return ReportError(api.error());
  const auto drained = WaitUntilEmpty(context, *api, options);
  if (!drained) return ReportError(drained.error());
  if (options.json) Print(drained->json + "\n");
  if (drained->left == 0) {
    if (!options.json) Print(fmt::format("queue {} is empty\n", options.name));
    return kExitDone;
  }
  fmt::print(stderr, "djps: queue {} still has {} after {}\n", options.name,
             FormatCount(static_cast<std::uint64_t>(drained->left), "job"),
             FormatDuration(options.timeout));
  return kExitTimedOut;
}

}  // namespace

void RegisterQueueDrain(CommandLine& line, CLI::App& group) {
  CLI::App& command = AddCommand(
      line, group,
      {.name = "drain",
       .summary = "Wait until a queue is empty",
       .paragraph = "Returns when no job of the queue waits or runs, or when the time is over. It "
                    "changes nothing, and new submissions make it wait longer. Scheduled jobs and "
                    "jobs that wait for another attempt count too.",
       .examples = {"djps queue drain mail --timeout 10m && echo empty"},
       .exit_codes = {"0  empty", "1  the server failed", "2  wrong usage",
                      "4  not empty within --timeout", "5  the server cannot be reached"}});
  const auto options = RunWith(line, command, RunQueueDrain);
  AddText(command, "NAME", options->name, "NAME", "The queue's name")->required();
  AddDuration(command, "--timeout", options->timeout, "How long to wait");
  AddServerOptions(command, options->target);
  AddJson(command, options->json);
}

}  // namespace djps::cli
