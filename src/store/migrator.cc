#include "store/migrator.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>

#include "pg/session.h"
#include "store/statements.h"

namespace djps::store {
namespace {

constexpr int kOldestServer = 140000;

struct Applied {
  std::string checksum;
  std::string applied_at;
};

// Held until the transaction ends; any number will do as long as it is always the same.
constexpr const char* kBeginLocked =
    "begin; select pg_advisory_xact_lock(hashtextextended('djps.migrate', 0));";

constexpr const char* kCreateJournal =
    "create schema if not exists djps;"
    "create table if not exists djps.migrations ("
    "  version    integer     primary key,"
    "  name       text        not null,"
    "  checksum   text        not null,"
    "  applied_at timestamptz not null default clock_timestamp());";

std::map<int, Applied> ReadJournal(pg::Session& session) {
  std::map<int, Applied> applied;
  if (session.Value("select to_regclass('djps.migrations')").empty()) return applied;
  const pg::ResultHandle rows = session.Run(std::string(sql::kListMigrations.text));
  for (int row = 0; row < PQntuples(rows.get()); ++row) {
    applied[std::stoi(PQgetvalue(rows.get(), row, 0))] = {PQgetvalue(rows.get(), row, 2),
                                                          PQgetvalue(rows.get(), row, 3)};
  }
  return applied;
}

/// Every migration the database has must be one of ours, unchanged.
Result<void> CheckJournal(const std::map<int, Applied>& applied) {
  const auto ours = sql::Migrations();
  for (const auto& [version, entry] : applied) {
    const auto known = std::find_if(ours.begin(), ours.end(), [&](const sql::Migration& migration) {
      return migration.version == version;
    });
    if (known == ours.end()) {
      return Failure(
          ErrorCode::kSchemaNewer,
          fmt::format("the database has migration {}, but this djps knows only up to {}: "
                      "it was migrated by a newer djps; use that version or a later one",
                      version, ours.back().version));
    }
    if (known->checksum != entry.checksum) {
      return Failure(
          ErrorCode::kSchemaChanged,
          fmt::format("migration {:04}_{} was applied with other content than this djps "
                      "has (checksum {:.12}, expected {:.12}): a migration must never be "
                      "edited after it was applied. Use the djps that applied it, or another "
                      "database (for djps dev: another --data)",
                      version, known->name, entry.checksum, known->checksum));
    }
  }
  return {};
}

/// False when another node applied it meanwhile.
bool ApplyOne(pg::Session& session, const sql::Migration& migration) {
  session.Run(kBeginLocked);
  session.Run(kCreateJournal);
  if (!session
           .Value(
               fmt::format("select 1 from djps.migrations where version = {}", migration.version))
           .empty()) {
    session.Run("rollback");
    return false;
  }
  session.Run(std::string(migration.text));
  session.Run(fmt::format(
      "insert into djps.migrations (version, name, checksum) values ({}, '{}', '{}'); commit",
      migration.version, migration.name, migration.checksum));
  return true;
}

template <typename Work>
auto Guarded(Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const pg::PgError& error) {
    return Failure(error.unavailable() ? ErrorCode::kUnavailable : ErrorCode::kInternal,
                   error.what());
  }
}

std::vector<MigrationStatus> Describe(const std::map<int, Applied>& applied) {
  std::vector<MigrationStatus> all;
  for (const sql::Migration& migration : sql::Migrations()) {
    const auto entry = applied.find(migration.version);
    all.push_back({migration.version, std::string(migration.name), entry != applied.end(),
                   entry != applied.end() ? entry->second.applied_at : ""});
  }
  return all;
}

}  // namespace

Result<std::vector<MigrationStatus>> ReadMigrations(const std::string& conninfo) {
  return Guarded([&]() -> Result<std::vector<MigrationStatus>> {
    pg::Session session(conninfo);
    const auto applied = ReadJournal(session);
    if (auto checked = CheckJournal(applied); !checked) {
      return tl::unexpected<Error>(checked.error());
    }
    return Describe(applied);
  });
}

Result<std::vector<MigrationStatus>> ApplyMigrations(const std::string& conninfo) {
  return Guarded([&]() -> Result<std::vector<MigrationStatus>> {
    pg::Session session(conninfo);
    const int server = PQserverVersion(session.handle());
    if (server < kOldestServer) {
      return Failure(
          ErrorCode::kUnsupported,
          fmt::format("PostgreSQL {} is too old: 14 or later is needed", server / 10000));
    }
    session.Run("set client_min_messages = warning; set lock_timeout = '30s'");
    const auto before = ReadJournal(session);
    if (auto checked = CheckJournal(before); !checked) {
      return tl::unexpected<Error>(checked.error());
    }
    std::vector<MigrationStatus> applied;
    for (const sql::Migration& migration : sql::Migrations()) {
      if (before.contains(migration.version)) continue;
      if (!ApplyOne(session, migration)) continue;
      spdlog::info("applied migration {:04}_{}", migration.version, migration.name);
      applied.push_back({migration.version, std::string(migration.name), true, ""});
    }
    return applied;
  });
}

Result<void> RequireCurrentSchema(const std::string& conninfo) {
  const auto migrations = ReadMigrations(conninfo);
  if (!migrations) return tl::unexpected<Error>(migrations.error());
  const auto missing = std::count_if(migrations->begin(), migrations->end(),
                                     [](const MigrationStatus& m) { return !m.applied; });
  if (missing == 0) return {};
  return Failure(ErrorCode::kSchemaOutdated,
                 fmt::format("the database lacks {} of {} migrations; run: djps migrate up",
                             missing, migrations->size()));
}

}  // namespace djps::store
