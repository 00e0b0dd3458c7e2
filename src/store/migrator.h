#pragma once

#include <string>
#include <vector>

#include "djps/result.h"

namespace djps::store {

struct MigrationStatus {
  int version = 0;
  std::string name;
  bool applied = false;
  std::string applied_at;  ///< As Postgres prints it; empty when not applied.
};

/// What this binary's migrations are to a database: which are there, which are missing.
/// Works on a database that has never seen DJPS.
///
/// Errors: kSchemaNewer when the database has a migration that this binary does not know,
///         kSchemaChanged when an applied one has another checksum, kUnavailable.
Result<std::vector<MigrationStatus>> ReadMigrations(const std::string& conninfo);

/// Applies what is missing, oldest first, each migration in a transaction of its own under an
/// advisory lock, so that any number of nodes may start at once. Gives back what it applied itself.
///
/// Errors: as ReadMigrations; kUnsupported for a server older than PostgreSQL 14;
///         kInternal when a migration fails (its transaction is rolled back, the ones before stay).
/// Idempotency: safe to repeat.
Result<std::vector<MigrationStatus>> ApplyMigrations(const std::string& conninfo);

/// Fails with kSchemaOutdated (the message says which command to run), kSchemaNewer,
/// kSchemaChanged or kUnavailable unless the database is exactly at this binary's schema.
Result<void> RequireCurrentSchema(const std::string& conninfo);

}  // namespace djps::store
