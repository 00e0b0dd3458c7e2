#include "core/version.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include "cli/commands/commands.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"
#include "embedded/cluster.h"
#include "store/statements.h"

namespace djps::cli {
namespace {

struct VersionOptions {
  bool json = false;
};

int RunVersion(const Context& /*context*/, const VersionOptions& options) {
  const int schema = sql::Migrations().back().version;
  const int libpq = PQlibVersion();
  const std::string libpq_text = fmt::format("{}.{}", libpq / 10'000, libpq % 10'000);
  if (options.json) {
    Print(fmt::format(
        R"({{"version":"{}","schema_version":{},"postgres_min":{},"postgres_max":{},"libpq":"{}"}})"
        "\n",
        kVersion, schema, embedded::kOldestMajor, embedded::kNewestMajor, libpq_text));
  } else {
    Print(fmt::format("djps {} (schema {}, PostgreSQL {} to {}, libpq {})\n", kVersion, schema,
                      embedded::kOldestMajor, embedded::kNewestMajor, libpq_text));
  }
  return kExitDone;
}

}  // namespace

void RegisterVersion(CommandLine& line) {
  CLI::App& command =
      AddCommand(line, line.app,
                 {.name = "version",
                  .summary = "Show the version of this program",
                  .paragraph = "Shows the version of djps, the schema that it works with, and the "
                               "versions of PostgreSQL that it supports.",
                  .examples = {"djps version", "djps version --json"},
                  .exit_codes = {"0  shown"}});
  const auto options = RunWith(line, command, RunVersion);
  AddJson(command, options->json);
}

}  // namespace djps::cli
