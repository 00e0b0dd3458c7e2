#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "cli/commands/commands.h"
#include "cli/commands/listen_options.h"
#include "cli/commands/service_host.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"
#include "cli/link/database_link.h"
#include "cli/link/target.h"
#include "cli/link/target_options.h"
#include "server/access/access.h"
#include "store/migrator.h"
#include "store/token_store.h"

namespace djps::cli {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kForever{3'600'000};
constexpr std::int64_t kConnectionsLimit = 1'000'000;
constexpr milliseconds kBootstrapTimeout{30'000};
constexpr std::size_t kBootstrapBytesMin = 32;
constexpr const char* kBootstrapVariable = "DJPS_BOOTSTRAP_TOKEN";  // also the actor in the audit

struct ServerOptions {
  TargetOptions target;
  server::ServerConfig config;
  milliseconds grace{10'000};
};

/// Waits for a database that cannot be reached. Every other problem is an error, also a refused
/// login.
Result<void> AwaitDatabase(const DatabaseTarget& database, ServiceHost& host) {
  const auto pause = [&host](milliseconds wait) {
    host.WaitUntilStopRequested(wait);
    return !host.stop_requested();
  };
  const auto ready = store::AwaitCurrentSchema(database.conninfo, pause);
  if (ready) return {};
  return Failure(ready.error().code,
                 fmt::format("{} [database {}]", ready.error().message, database.Describe()));
}

/// Makes the token that the deployment configures, so that a new installation can be administered
/// without access to its database.
Result<void> PlantBootstrapToken(const Environment& environment, const DatabaseTarget& database) {
  const auto found = FindSecret(environment, kBootstrapVariable);
  if (!found) return tl::unexpected<Error>(found.error());
  if (!*found) return {};
  const std::string& secret = **found;
  const bool sendable =
      std::all_of(secret.begin(), secret.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (secret.size() < kBootstrapBytesMin || !sendable) {
    return Failure(ErrorCode::kInvalidArgument,
                   fmt::format("DJPS_BOOTSTRAP_TOKEN must have at least {} characters and no white "
                               "space; such as: openssl rand -hex 32",
                               kBootstrapBytesMin));
  }
  DatabaseLink link(database);
  store::TokenStore tokens(link.pool());
  const auto made =
      link.Run(tokens.EnsureToken(secret, std::string(server::RoleName(server::Role::kAdmin)),
                                  kBootstrapVariable, pg::After(kBootstrapTimeout)));
  if (!made) return tl::unexpected<Error>(made.error());
  if (*made) spdlog::info("made an admin token from DJPS_BOOTSTRAP_TOKEN");
  return {};
}

int RunServer(const Context& context, const ServerOptions& options) {
  const auto database =
      ResolveDatabase(MakeTargetInputs(options.target, context.environment), "djps server");
  if (!database) return ReportError(database.error());
  ServiceHost host;
  if (const auto ready = AwaitDatabase(*database, host); !ready) return ReportError(ready.error());
  if (host.stop_requested()) return kExitDone;
  const auto planted = PlantBootstrapToken(context.environment, *database);
  if (!planted) return ReportError(planted.error());
  const auto port = host.Start({.conninfo = database->conninfo,
                                .server = options.config,
                                .worker = std::nullopt,
                                .grace = options.grace});
  if (!port) return ReportError(port.error());
  spdlog::info("listening on {}; database: {}", ApiUrl(options.config.address, *port),
               database->Describe());
  while (!host.WaitUntilStopped(kForever)) {
  }
  spdlog::info("stopped");
  return kExitDone;
}

}  // namespace

void RegisterServer(CommandLine& line) {
  CLI::App& command = AddCommand(
      line, line.app,
      {.name = "server",
       .summary = "Serve the HTTP API on your own Postgres",
       .paragraph =
           "Serves the HTTP API and does upkeep (rescues jobs of dead workers, creates and drops "
           "partitions). The schema must be up to date: `djps migrate up`. It keeps no state: any "
           "number of servers may run. If the database cannot be reached, it waits; if the "
           "database refuses the login at the start, it fails. Stop it with Ctrl-C or SIGTERM.",
       .examples =
           {"djps server --database-url postgres://djps:djps@localhost/djps",
            "DJPS_DATABASE_URL=postgres://db/djps djps server --auth token --address 0.0.0.0"},
       .exit_codes =
           {"0  stopped in order",
            "1  failed: the port is taken, or the schema is older or newer than this djps",
            "2  wrong usage",
            "5  the database refuses the password, the role or the name of the database; or --data "
            "names a folder on which no `djps dev` runs"},
       .more = "With DJPS_BOOTSTRAP_TOKEN (a secret of at least 32 characters), or "
               "DJPS_BOOTSTRAP_TOKEN_FILE (the name of a file that contains it), the server makes "
               "an admin token with that text when it starts, unless it exists already."});
  const auto options = RunWith(line, command, RunServer);
  AddDatabaseOptions(command, options->target);
  AddListenOptions(command, options->config);
  AddInteger(command, "--max-connections", options->config.connections_max, 1, kConnectionsLimit,
             "Maximum number of open connections; above it, the connection that was idle longest "
             "is closed")
      ->default_str(std::to_string(options->config.connections_max));
  AddInteger(command, "--max-connections-per-address", options->config.connections_per_address_max,
             1, kConnectionsLimit,
             "Maximum number of connections of one IPv4 address or one IPv6 /64 network")
      ->default_str(std::to_string(options->config.connections_per_address_max));
  OrVariable(AddDuration(command, "--grace", options->grace,
                         "How long requests in progress may take after Ctrl-C or SIGTERM"),
             "DJPS_GRACE");
}

}  // namespace djps::cli
