// Short forms of `djps job` commands with --status dead.
#include "cli/commands/commands.h"
#include "cli/commands/job/action.h"
#include "cli/commands/job/commands.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"

namespace djps::cli {
namespace {

struct DeadActionOptions {
  JobActionOptions action;
  bool all = false;
};

/// The jobs named by id, all dead jobs, or those that match the filter.
int ActOnDead(const Context& context, JobAction action, const DeadActionOptions& options) {
  JobActionOptions chosen = options.action;
  const bool filtered = !chosen.type.empty() || !chosen.queue.empty() || !chosen.tag.empty() ||
                        !chosen.created_after.empty() || !chosen.created_before.empty();
  if (options.all && !chosen.ids.empty()) {
    return ReportError({ErrorCode::kInvalidArgument, "--all and ids exclude each other", "--all"});
  }
  if (chosen.ids.empty() && !options.all && !filtered) {
    return ReportError({ErrorCode::kInvalidArgument,
                        "say which dead jobs: their ids, --type, --queue, --tag, --created-after, "
                        "--created-before, or --all",
                        "--all"});
  }
  if (chosen.ids.empty()) chosen.status = "dead";
  return ActOnJobs(context, action, chosen);
}

int RunRedrive(const Context& context, const DeadActionOptions& options) {
  return ActOnDead(context, JobAction::kRetry, options);
}

int RunPurge(const Context& context, const DeadActionOptions& options) {
  return ActOnDead(context, JobAction::kPurge, options);
}

void AddActionOptions(CLI::App& command, DeadActionOptions& options) {
  command.add_flag("--all", options.all, "All dead jobs, or with a filter all that match");
  AddJobActionOptions(command, options.action);
}

}  // namespace

void RegisterDead(CommandLine& line) {
  CLI::App& group = AddCommandGroup(
      line.app,
      {.name = "dead",
       .summary = "Look at dead jobs, and run them again",
       .paragraph = "A job is dead when its attempts are used up, or when its error says not to "
                    "retry. It stays dead until it is redriven or purged.",
       .examples = {"djps dead list --type email_send", "djps dead redrive --type email_send",
                    "djps dead purge --all --created-before 2026-01-01T00:00:00Z"},
       .exit_codes = {}});
  RegisterDeadList(line, group);
  const std::vector<std::string> exit_codes = {
      "0  done", "1  a job could not be changed, or the command was stopped", "2  wrong usage",
      "5  the server cannot be reached"};
  CLI::App& redrive = AddCommand(
      line, group,
      {.name = "redrive",
       .summary = "Put dead jobs back into their queues",
       .paragraph =
           "Queues dead jobs again, with all their attempts. With a filter it counts the jobs, "
           "asks for confirmation, and works in steps of 1,000. Ctrl-C stops between two steps. "
           "A unique job stays dead while another job has its place: by id that is an error; with "
           "a filter such jobs are skipped and counted.",
       .examples = {"djps dead redrive 019a2b3c-4d5e-7f60-8123-456789abcdef",
                    "djps dead redrive --all --queue mail --dry-run",
                    "djps dead redrive --type email_send --limit 100 --yes"},
       .exit_codes = exit_codes});
  AddActionOptions(redrive, *RunWith(line, redrive, RunRedrive));
  CLI::App& purge = AddCommand(
      line, group,
      {.name = "purge",
       .summary = "Delete dead jobs for good",
       .paragraph =
           "Deletes dead jobs with their attempts and log lines. With a filter it counts the jobs, "
           "asks for confirmation, and works in steps of 1,000. Ctrl-C stops between two steps.",
       .examples = {"djps dead purge 019a2b3c-4d5e-7f60-8123-456789abcdef --yes",
                    "djps dead purge --all --yes"},
       .exit_codes = exit_codes});
  AddActionOptions(purge, *RunWith(line, purge, RunPurge));
}

}  // namespace djps::cli
