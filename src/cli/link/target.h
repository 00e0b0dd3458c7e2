// How commands find their server and database.
//
// In order of precedence:
//   1. options               --server, --database-url, --data (at most one of them)
//   2. our own variables     DJPS_SERVER, DJPS_DATABASE_URL (or _FILE), DJPS_DATA
//   3. the usual variables   DATABASE_URL, and for the database PG*
//   4. a `djps dev` that runs on the default data folder
//   5. the defaults          http://127.0.0.1:3000, or the database djps on localhost
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "cli/frame/environment.h"
#include "cli/link/dev_state.h"
#include "djps/result.h"

namespace djps::cli {

inline constexpr const char* kDefaultServerUrl = "http://127.0.0.1:3000";

/// The options of the command line; absent if not given.
struct TargetOptions {
  std::optional<std::string> server;
  std::optional<std::string> database_url;
  std::optional<std::string> data;
  std::optional<std::string> token = {};  ///< For a server that requires one.
};

/// All inputs of the choice; nothing else is read.
struct TargetInputs {
  TargetOptions options;
  Environment environment;
  std::filesystem::path default_data_dir;
  std::function<std::optional<DevState>(const std::filesystem::path&)> find_dev;
};

/// The inputs of this process.
TargetInputs MakeTargetInputs(const TargetOptions& options, const Environment& environment);

struct ServerTarget {
  std::string url;
  std::string origin;      ///< For messages: the source of the URL.
  std::string token = {};  ///< To send along; empty: none.
};

struct DatabaseTarget {
  std::string conninfo;  ///< Complete, for libpq.
  std::string origin;

  /// "host='...' dbname='...' (from DATABASE_URL)", without the password.
  std::string Describe() const;
};

using JobTarget = std::variant<ServerTarget, DatabaseTarget>;

/// A database as it was named; `pg::ResolveConninfo` completes it.
struct DatabaseChoice {
  std::string given;  ///< Empty: the PG* variables and the defaults.
  std::string origin;

  bool operator==(const DatabaseChoice&) const = default;
};

using JobChoice = std::variant<ServerTarget, DatabaseChoice>;

/// Chooses the database of `server`, `worker` and `migrate`.
///
/// Errors: kUnavailable if no `djps dev` runs on the folder of --data; kInvalidArgument for a file
///         of a secret that cannot be read.
Result<DatabaseChoice> ChooseDatabase(const TargetInputs& inputs);

/// Chooses the server, or else the database, of `enqueue`, `job` and `health`. The PG* variables
/// are ignored: users set them for psql and still expect these commands to use the server.
///
/// Errors: as ChooseDatabase.
Result<JobChoice> ChooseJobs(const TargetInputs& inputs);

/// The choice, with its connection string completed and checked. `program` shows up in
/// pg_stat_activity. Errors: as above; kInvalidArgument for a connection string that is not valid.
Result<DatabaseTarget> ResolveDatabase(const TargetInputs& inputs, const char* program);
Result<JobTarget> ResolveJobs(const TargetInputs& inputs, const char* program);

}  // namespace djps::cli
