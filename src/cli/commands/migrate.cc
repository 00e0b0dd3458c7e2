#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/commands/commands.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"
#include "cli/link/target.h"
#include "cli/link/target_options.h"
#include "core/json_members.h"
#include "store/migrator.h"
#include "store/statements.h"

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

std::string ToJson(const std::vector<std::string>& definitions) {
  std::string json = "[";
  for (const std::string& definition : definitions) {
    if (json.size() > 1) json += ',';
    json += JsonString(definition);
  }
  return json + "]";
}

/// Such as "function retry_delay, view jobs"; if there are many, only their number.
std::string Describe(const std::vector<std::string>& definitions) {
  constexpr std::size_t kNamed = 8;
  if (definitions.size() > kNamed) return fmt::format("{} functions and views", definitions.size());
  return fmt::format("{}", fmt::join(definitions, ", "));
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
  auto schema = options.dry_run ? store::ReadMigrations(database->conninfo)
                                : store::ApplyMigrations(database->conninfo);
  if (!schema) return Report(schema.error(), *database);
  if (options.dry_run) schema->migrations = Missing(std::move(schema->migrations));

  if (options.json) {
    Print(fmt::format("{{\"{}\":{},\"definitions\":{}}}\n",
                      options.dry_run ? "would_apply" : "applied", ToJson(schema->migrations),
                      ToJson(schema->definitions)));
    return kExitDone;
  }
  if (schema->migrations.empty() && schema->definitions.empty()) {
    Print("The schema is up to date.\n");
    return kExitDone;
  }
  if (!schema->migrations.empty()) {
    Print(fmt::format("{} {}:\n", options.dry_run ? "Would apply" : "Applied",
                      FormatCount(schema->migrations.size(), "migration")));
  }
  for (const store::MigrationStatus& migration : schema->migrations) {
    Print(fmt::format("  {:04}_{}\n", migration.version, migration.name));
  }
  if (!schema->definitions.empty()) {
    Print(fmt::format("{} {}\n", options.dry_run ? "Would replace" : "Replaced",
                      Describe(schema->definitions)));
  }
  return kExitDone;
}

int RunStatus(const Context& context, const MigrateOptions& options) {
  const auto database =
      ResolveDatabase(MakeTargetInputs(options.target, context.environment), "djps migrate");
  if (!database) return ReportError(database.error());
  const auto schema = store::ReadMigrations(database->conninfo);
  if (!schema) return Report(schema.error(), *database);
  const bool current = Missing(schema->migrations).empty() && schema->definitions.empty();
  const std::string_view checksum = sql::DefinitionsChecksum();
  if (options.json) {
    Print(fmt::format(
        R"({{"current":{},"migrations":{},"definitions":{{"current":{},"checksum":"{}","differ":{}}}}})"
        "\n",
        current, ToJson(schema->migrations), schema->definitions.empty(), checksum,
        ToJson(schema->definitions)));
    return kExitDone;
  }
  Print(ToTable(schema->migrations, context.terminal.out));
  Print(fmt::format(
      "Functions and views {:.12}: {}\n", checksum,
      schema->definitions.empty() ? "current" : "differ: " + Describe(schema->definitions)));
  if (!current) Print("Bring the schema up to date with: djps migrate up\n");
  return kExitDone;
}

constexpr const char* kSchemaTrouble =
    "1  failed: the database has migrations that this djps does not know, or a migration failed";

}  // namespace

void RegisterMigrate(CommandLine& line) {
  CLI::App& group = AddCommandGroup(
      line.app, {.name = "migrate",
                 .summary = "Bring a database's schema up to date",
                 .paragraph = "DJPS keeps its tables and functions in the schema \"djps\". "
                              "Migrations that are part of this program create it. `djps dev` "
                              "applies them automatically; other databases need this command.",
                 .examples = {"djps migrate status", "djps migrate up --dry-run"},
                 .exit_codes = {}});
  CLI::App& up = AddCommand(
      line, group,
      {.name = "up",
       .summary = "Bring a database's schema up to date",
       .paragraph = "Applies the missing migrations, oldest first, replaces the functions "
                    "and views that have changed, and grants the roles djps_submit, djps_worker, "
                    "djps_operator and djps_reader their rights. All in one transaction. Safe to "
                    "repeat, and safe to run on several machines at once.",
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
       .summary = "Show whether a database's schema is up to date",
       .paragraph = "Lists every migration of this program and when it was applied, and the "
                    "functions and views that differ from this program's. Changes nothing.",
       .examples = {"djps migrate status", "djps migrate status --json"},
       .exit_codes = {"0  listed", kSchemaTrouble, "2  wrong usage",
                      "5  the database cannot be reached"}});
  const auto status_options = RunWith(line, status, RunStatus);
  AddDatabaseOptions(status, status_options->target);
  AddJson(status, status_options->json);
}

}  // namespace djps::cli
