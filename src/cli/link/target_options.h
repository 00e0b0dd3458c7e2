#pragma once

#include <CLI/App.hpp>

#include "cli/link/target.h"

namespace djps::cli {

// The options that name the server or the database of a command.

/// --database-url and --data.
void AddDatabaseOptions(CLI::App& command, TargetOptions& target);

/// --server, --database-url, --data and --token.
void AddJobsOptions(CLI::App& command, TargetOptions& target);

/// --server and --data, for commands that need a server.
void AddServerOptions(CLI::App& command, TargetOptions& target);

}  // namespace djps::cli
