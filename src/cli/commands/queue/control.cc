// The commands that change queues.
#include <fmt/format.h>

#include <optional>

#include "cli/commands/queue/commands.h"
#include "cli/frame/answer.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"
#include "cli/link/api.h"
#include "cli/link/target_options.h"
#include "core/option_limits.h"
#include "core/validation.h"

namespace djps::cli {
namespace {

struct QueueControlOptions {
  TargetOptions target;
  std::string name;
  std::optional<int> limit;
  bool json = false;
};

Result<std::string> Ask(const Context& context, const QueueControlOptions& options,
                        std::string_view method, const std::string& what,
                        const std::string& body = {}) {
  if (const auto trouble = NameTrouble(options.name)) {
    return Failure(ErrorCode::kInvalidArgument, "NAME " + *trouble, "NAME");
  }
  const auto api = OpenApi(options.target, context.environment);
  if (!api) return tl::unexpected<Error>(api.error());
  return api->Send(method, "/queues/" + PathPart(options.name) + what, body);
}

int SetPaused(const Context& context, const QueueControlOptions& options, bool paused) {
  const auto body = Ask(context, options, "POST", paused ? "/pause" : "/resume");
  if (!body) return ReportError(body.error());
  const Answer answer = Answer::Parse(*body).value_or(Answer());
  const char* const state = paused ? "paused" : "open";
  Print(options.json ? *body + "\n"
                     : fmt::format("queue {} is {}{}\n", options.name, state,
                                   answer.Bool("changed") ? "" : ", as before"));
  return kExitDone;
}

int RunPause(const Context& context, const QueueControlOptions& options) {
  return SetPaused(context, options, true);
}

int RunResume(const Context& context, const QueueControlOptions& options) {
  return SetPaused(context, options, false);
}

int RunLimit(const Context& context, const QueueControlOptions& options) {
  const std::string limit = options.limit ? std::to_string(*options.limit) : "null";
  const auto body = Ask(context, options, "PUT", "", R"({"maxBacklog":)" + limit + "}");
  if (!body) return ReportError(body.error());
  const std::string shown = options.limit ? "may have " + limit + " jobs waiting" : "has no limit";
  Print(options.json ? *body + "\n" : fmt::format("queue {} {}\n", options.name, shown));
  return kExitDone;
}

void AddCommon(CLI::App& command, QueueControlOptions& options) {
  AddText(command, "NAME", options.name, "NAME", "The queue's name")->required();
  AddServerOptions(command, options.target);
  AddJson(command, options.json);
}

}  // namespace

void RegisterQueuePause(CommandLine& line, CLI::App& group) {
  CLI::App& pause =
      AddCommand(line, group,
                 {.name = "pause",
                  .summary = "Stop the jobs of a queue from starting",
                  .paragraph = "No further job of the queue starts; running jobs continue. Jobs "
                               "may still be submitted. Safe to repeat.",
                  .examples = {"djps queue pause mail"},
                  .exit_codes = ServerExitCodes()});
  AddCommon(pause, *RunWith(line, pause, RunPause));
  CLI::App& resume = AddCommand(line, group,
                                {.name = "resume",
                                 .summary = "Let the jobs of a queue start again",
                                 .paragraph = "Ends a pause. Safe to repeat.",
                                 .examples = {"djps queue resume mail"},
                                 .exit_codes = ServerExitCodes()});
  AddCommon(resume, *RunWith(line, resume, RunResume));
}

void RegisterQueueLimit(CommandLine& line, CLI::App& group) {
  CLI::App& limit = AddCommand(
      line, group,
      {.name = "limit",
       .summary = "Limit how many jobs of a queue may wait",
       .paragraph = "Submissions to a queue that has that many waiting jobs are refused (429). "
                    "Servers count once a second, so a queue may become a little longer.",
       .examples = {"djps queue limit mail 100000", "djps queue limit mail none"},
       .exit_codes = ServerExitCodes()});
  const auto options = RunWith(line, limit, RunLimit);
  AddCommon(limit, *options);
  limit
      .add_option_function<std::string>(
          "LIMIT",
          [options = options.get()](const std::string& text) {
            if (text == "none") return;
            options->limit = static_cast<int>(RequireInteger("LIMIT", text, 1, kBacklogMax));
          },
          "Maximum number of waiting jobs, or none for no limit")
      ->type_name("N")
      ->required();
}

}  // namespace djps::cli
