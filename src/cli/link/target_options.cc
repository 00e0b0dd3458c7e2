#include "cli/link/target_options.h"

#include "cli/frame/options.h"

namespace djps::cli {
namespace {

CLI::Option* AddServer(CLI::App& command, TargetOptions& target) {
  AddText(command, "--token", target.token, "TOKEN",
          "The token to send to the server (better use the variable DJPS_TOKEN, or DJPS_TOKEN_FILE "
          "with the name of a file: `ps` does not show them)");
  return AddText(command, "--server", target.server, "URL",
                 "The server, such as http://127.0.0.1:3000 (variable DJPS_SERVER; default: a "
                 "running `djps dev`, or http://127.0.0.1:3000)");
}

CLI::Option* AddData(CLI::App& command, TargetOptions& target) {
  return AddText(command, "--data", target.data, "DIR",
                 "Use the `djps dev` that uses this data folder (variable DJPS_DATA)");
}

}  // namespace

void AddDatabaseOptions(CLI::App& command, TargetOptions& target) {
  auto* url = AddText(command, "--database-url", target.database_url, "URL",
                      "The database: a postgres:// URL or a libpq connection string (variables "
                      "DJPS_DATABASE_URL, or DJPS_DATABASE_URL_FILE with the name of a file; "
                      "DATABASE_URL, PG*)");
  auto* data = AddText(command, "--data", target.data, "DIR",
                       "Use the database of the `djps dev` that runs on this data folder (variable "
                       "DJPS_DATA)");
  url->excludes(data);
}

void AddServerOptions(CLI::App& command, TargetOptions& target) {
  auto* server = AddServer(command, target);
  server->excludes(AddData(command, target));
}

void AddJobsOptions(CLI::App& command, TargetOptions& target) {
  auto* server = AddServer(command, target);
  auto* url = AddText(command, "--database-url", target.database_url, "URL",
                      "Use this database directly, without a server (variables DJPS_DATABASE_URL, "
                      "DJPS_DATABASE_URL_FILE, DATABASE_URL)");
  auto* data = AddData(command, target);
  server->excludes(url)->excludes(data);
  url->excludes(data);
}

}  // namespace djps::cli
