#include <fmt/format.h>

#include <algorithm>

#include "cli/commands/commands.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"
#include "cli/link/target.h"
#include "cli/link/target_options.h"
#include "core/json_members.h"
#include "store/migrator.h"

namespace djps::cli {
namespace {

using Migrations = std::vector<store::MigrationStatus>;

struct MigrateOptions {
  TargetOptions target;
  bool dry_run = false;
  bool json = false;
};

std::string ToJson(const Migrations& migrations) {
  std::string json = "[";
  for (const store::MigrationStatus& migration : migrations) {
    if (json.size() > 1) json += ',';
    json += fmt::format(R"({{"version":{},"name":{},"applied":{},"applied_at":{}}})",
                        migration.version, JsonString(migration.name), migration.applied,
                        migration.applied_at.empty() ? "null" : JsonString(migration.applied_at));
  }
  return json + "]";
}

std::string ToTable(const Migrations& migrations, const Style& style) {
  std::vector<std::vector<std::string>> rows = {{"VERSION", "NAME", "STATE"}};
  for (const store::MigrationStatus& migration : migrations) {
    std::string state = style.Pending("missing");
    if (migration.applied) {
      state = style.Good("applied");
      if (!migration.applied_at.empty()) state += " " + migration.applied_at;
    }
    rows.push_back({fmt::format("{:04}", migration.version), migration.name, state});
  }
  return FormatTable(rows, style);
}

Migrations Missing(Migrations migrations) {
  std::erase_if(migrations, [](const store::MigrationStatus& m) { return m.applied; });
  return migrations;
}

int Report(const Error& error, const DatabaseTarget& database) {
  return ReportError({error.code,
                      fmt::format("{} [database {}]", error.message, database.Describe()),
                      error.field});
}

int RunUp(const Context& context, const MigrateOptions& options) {
  const auto database =
      ResolveDatabase(MakeTargetInputs(options.target, context.environment), "djps migrate");
  if (!database) return ReportError(database.error());
  auto migrations = options.dry_run ? store::ReadMigrations(database->conninfo)
                                    : store::ApplyMigrations(database->conninfo);
  if (!migrations) return Report(migrations.error(), *database);
  if (options.dry_run) migrations = Missing(*std::move(migrations));

  if (options.json) {
    Print(fmt::format("{{\"{}\":{}}}\n", options.dry_run ? "would_apply" : "applied",
                      ToJson(*migrations)));
    return kExitDone;
  }
  if (migrations->empty()) {
    Print("The schema is up to date.\n");
    return kExitDone;
  }
  Print(fmt::format("{} {}:\n", options.dry_run ? "Would apply" : "Applied",
                    FormatCount(migrations->size(), "migration")));
  for (const store::MigrationStatus& migration : *migrations) {
    Print(fmt::format("  {:04}_{}\n", migration.version, migration.name));
  }
  return kExitDone;
}

int RunStatus(const Context& context, const MigrateOptions& options) {
  const auto database =
      ResolveDatabase(MakeTargetInputs(options.target, context.environment), "djps migrate");
  if (!database) return ReportError(database.error());
  const auto migrations = store::ReadMigrations(database->conninfo);
  if (!migrations) return Report(migrations.error(), *database);
  const bool current = Missing(*migrations).empty();
  if (options.json) {
    Print(fmt::format("{{\"current\":{},\"migrations\":{}}}\n", current, ToJson(*migrations)));
  } else {
    Print(ToTable(*migrations, context.terminal.out));
    if (!current) Print("Apply what is missing with: djps migrate up\n");
  }
  return kExitDone;
}

constexpr const char* kSchemaTrouble =
    "1  failed: the database has migrations that this djps does not know, or a migration failed";

}  // namespace

void RegisterMigrate(CommandLine& line) {
  CLI::App& group = AddCommandGroup(
      line.app, {.name = "migrate",
                 .summary = "Bring a database's schema up to date",
                 .paragraph = "The schema of DJPS lives in the database's schema \"djps\" and is "
                              "made by migrations that are part of this program. `djps dev` "
                              "applies them by itself; other databases wait for this command.",
                 .examples = {"djps migrate status", "djps migrate up --dry-run"},
                 .exit_codes = {}});
  CLI::App& up =
      AddCommand(line, group,
                 {.name = "up",
                  .summary = "Apply the migrations that are missing",
                  .paragraph = "Applies the missing migrations, oldest first, each in a "
                               "transaction of its own. Safe to repeat, and safe to start on "
                               "several machines at once.",
                  .examples = {"djps migrate up --database-url postgres://djps:djps@localhost/djps",
                               "djps migrate up --dry-run"},
                  .exit_codes = {"0  up to date now", kSchemaTrouble, "2  wrong usage",
                                 "5  the database cannot be reached"}});
  const auto up_options = RunWith(line, up, RunUp);
  AddDatabaseOptions(up, up_options->target);
  up.add_flag("--dry-run", up_options->dry_run, "Only list what would be applied");
  AddJson(up, up_options->json);

  CLI::App& status = AddCommand(
      line, group,
      {.name = "status",
       .summary = "List the migrations and which of them are applied",
       .paragraph =
           "Lists every migration of this program and when it was applied. Changes nothing.",
       .examples = {"djps migrate status", "djps migrate status --json"},
       .exit_codes = {"0  listed", kSchemaTrouble, "2  wrong usage",
                      "5  the database cannot be reached"}});
  const auto status_options = RunWith(line, status, RunStatus);
  AddDatabaseOptions(status, status_options->target);
  AddJson(status, status_options->json);
}

}  // namespace djps::cli
