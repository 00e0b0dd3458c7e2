#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "djps/result.h"

// The schema is made of three things:
//
//   migrations   db/migrations: tables, types, indexes. Applied once, in order, never edited.
//   definitions  db/functions, db/views, then db/after_functions.sql: as they are now. Made again
//                whenever their text has changed; dropped when their file is gone. The table
//                djps.definitions says which text a database has.
//   grants       db/grants.sql: run every time.
//
// `djps migrate up` does all of it in one transaction, in this order. Postgres does not look into
// the bodies of functions meanwhile (check_function_bodies), so functions may name each other, and
// views, in any order. A function with another signature is dropped first. Views are made again
// together, when one of them has changed or a function had to be dropped.

namespace djps::store {

struct MigrationStatus {
  int version = 0;
  std::string name;
  bool applied = false;
  std::string applied_at;  ///< As Postgres prints it; empty when not applied.
};

struct SchemaStatus {
  std::vector<MigrationStatus> migrations;
  std::vector<std::string> definitions;  ///< Such as "function retry_delay", "view jobs".
};

/// Compares this binary's schema with the database: applied and missing migrations, and the
/// definitions that differ. Works on a database without DJPS.
///
/// Errors: kSchemaNewer when the database has a migration that this binary does not know,
///         kSchemaChanged when an applied one has another checksum, kUnavailable.
Result<SchemaStatus> ReadMigrations(const std::string& conninfo);

/// Applies the migrations that are missing, makes the definitions that differ, and grants; all of
/// it or nothing, under an advisory lock, so that any number of nodes may start at once. Returns
/// what this call applied, made or dropped.
///
/// Errors: as ReadMigrations; kUnsupported for a server older than PostgreSQL 14;
///         kInternal when a statement fails.
/// Idempotency: safe to repeat.
Result<SchemaStatus> ApplyMigrations(const std::string& conninfo);

/// Fails with kSchemaOutdated (the message says which command to run), kSchemaNewer, kSchemaChanged
/// or kUnavailable unless the database has exactly this binary's migrations, and every function
/// that this binary knows, with the same signature. Another body is only logged: an older binary
/// may start beside the functions of a newer one.
Result<void> RequireCurrentSchema(const std::string& conninfo);

/// The same for a process that starts: waits for a database that cannot be reached, and logs one
/// line per change of the error. `pause` waits between two tries; if it returns false, this returns
/// false.
///
/// Errors: as RequireCurrentSchema; kUnavailable only when the server refuses the role, the
/// password or the database, since waiting cannot help then.
Result<bool> AwaitCurrentSchema(const std::string& conninfo,
                                const std::function<bool(std::chrono::milliseconds)>& pause);

}  // namespace djps::store
