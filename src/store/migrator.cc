#include "store/migrator.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>

#include "core/backoff.h"
#include "core/trouble_log.h"
#include "pg/session.h"
#include "store/statements.h"

namespace djps::store {
namespace {

constexpr int kOldestServer = 140000;
constexpr std::chrono::milliseconds kRetryBase{100};
constexpr std::chrono::milliseconds kRetryCap{5'000};

/// For looking; a migration may take as long as it needs.
constexpr const char* kReadTimeout = "30s";
constexpr const char* kNoTimeout = "0";

struct Applied {
  std::string checksum;
  std::string applied_at;
};

struct Made {
  std::string checksum;
  std::string signature;
};
using MadeDefinitions = std::map<std::pair<std::string, std::string>, Made>;  // by kind and name

// Bodies of functions are not looked into, so that functions may be made in any order.
constexpr const char* kConfigure =
    "set client_min_messages = warning; set lock_timeout = '30s'; set check_function_bodies = off";

// Held until the transaction ends; any number will do as long as it is always the same.
constexpr const char* kBeginLocked =
    "begin; select pg_advisory_xact_lock(hashtextextended('djps.migrate', 0));";

constexpr const char* kCreateJournals =
    "create schema if not exists djps;"
    "create table if not exists djps.migrations ("
    "  version    integer     primary key,"
    "  name       text        not null,"
    "  checksum   text        not null,"
    "  applied_at timestamptz not null default clock_timestamp());"
    "create table if not exists djps.definitions ("
    "  kind       text        not null,"
    "  name       text        not null,"
    "  checksum   text        not null,"
    "  signature  text        not null,"
    "  primary key (kind, name));";

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

/// Texts of any language must fit: another encoding would refuse some when they are written.
Result<void> CheckEncoding(const pg::Session& session) {
  const char* const encoding = PQparameterStatus(session.handle(), "server_encoding");
  if (encoding == nullptr || std::string_view(encoding) == "UTF8") return {};
  return Failure(ErrorCode::kUnsupported,
                 fmt::format("the database has the encoding {}, and djps needs UTF8. Make another "
                             "one (createdb --encoding=UTF8 --template=template0 NAME) and name "
                             "it in DATABASE_URL or --database",
                             encoding));
}

MadeDefinitions ReadDefinitions(pg::Session& session) {
  MadeDefinitions made;
  if (session.Value("select to_regclass('djps.definitions')").empty()) return made;
  const pg::ResultHandle rows = session.Run(std::string(sql::kListDefinitions.text));
  for (int row = 0; row < PQntuples(rows.get()); ++row) {
    made[{PQgetvalue(rows.get(), row, 0), PQgetvalue(rows.get(), row, 1)}] = {
        PQgetvalue(rows.get(), row, 2), PQgetvalue(rows.get(), row, 3)};
  }
  return made;
}

bool Differs(const MadeDefinitions& made, const sql::Definition& definition) {
  const auto there = made.find({std::string(definition.kind), std::string(definition.name)});
  return there == made.end() || there->second.checksum != definition.checksum;
}

/// What has to be done so that a database has this binary's definitions.
struct DefinitionChanges {
  std::vector<std::string> names;     ///< All that differ, for people.
  std::vector<std::string> unusable;  ///< Of these, what this binary could not use as it is there.
  std::vector<std::string> drops;     ///< Functions whose file is gone, or whose signature differs.
  bool views = false;                 ///< All views are to be dropped and made again.
};

DefinitionChanges CompareDefinitions(const MadeDefinitions& made) {
  DefinitionChanges changes;
  MadeDefinitions gone = made;
  for (const sql::Definition& definition : sql::Definitions()) {
    const auto there = gone.extract({std::string(definition.kind), std::string(definition.name)});
    if (!Differs(made, definition)) continue;
    changes.names.push_back(fmt::format("{} {}", definition.kind, definition.name));
    changes.views |= definition.kind == "view";
    if (!there.empty() && there.mapped().signature == definition.signature) continue;
    changes.unusable.push_back(changes.names.back());
    if (!there.empty()) changes.drops.emplace_back(definition.name);
  }
  for (const auto& [key, unused] : gone) {
    changes.names.push_back(fmt::format("{} {}", key.first, key.second));
    changes.views |= key.first == "view";
    if (key.first == "function") changes.drops.push_back(key.second);
  }
  // A view may call a function that goes.
  changes.views |= !changes.drops.empty();
  return changes;
}

void DropDefinitions(pg::Session& session, const MadeDefinitions& made,
                     const DefinitionChanges& changes) {
  std::vector<std::string> views;
  for (const auto& [key, unused] : made) {
    if (key.first == "view") views.push_back("djps." + key.second);
  }
  // In one statement, since they read each other.
  if (changes.views && !views.empty()) {
    session.Run(fmt::format("drop view if exists {}", fmt::join(views, ", ")));
  }
  for (const std::string& name : changes.drops) {
    session.Run(fmt::format("drop function if exists djps.{}", name));
  }
}

/// Gives back the names of what it made or dropped.
std::vector<std::string> ApplyDefinitions(pg::Session& session) {
  const MadeDefinitions made = ReadDefinitions(session);
  const DefinitionChanges changes = CompareDefinitions(made);
  if (changes.names.empty()) return {};
  DropDefinitions(session, made, changes);
  for (const sql::Definition& definition : sql::Definitions()) {
    if (Differs(made, definition) || (changes.views && definition.kind == "view")) {
      session.Run(std::string(definition.text));
    }
  }
  session.Run("delete from djps.definitions");
  for (const sql::Definition& definition : sql::Definitions()) {
    session.Run(
        fmt::format("insert into djps.definitions (kind, name, checksum, signature) "
                    "values ('{}', '{}', '{}', '{}')",
                    definition.kind, definition.name, definition.checksum, definition.signature));
  }
  return changes.names;
}

void ApplyMigration(pg::Session& session, const sql::Migration& migration) {
  session.Run(std::string(migration.text));
  session.Run(
      fmt::format("insert into djps.migrations (version, name, checksum) values ({}, '{}', '{}')",
                  migration.version, migration.name, migration.checksum));
}

tl::unexpected<Error> FailureOf(const pg::PgError& error) {
  const bool away = error.unavailable() || error.refused();
  return Failure(away ? ErrorCode::kUnavailable : ErrorCode::kInternal, error.what());
}

template <typename Work>
auto Guarded(Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const pg::PgError& error) {
    return FailureOf(error);
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

Result<void> RequireCurrent(pg::Session& session) {
  session.Run(sql::kConfigureSession, kReadTimeout);
  if (auto checked = CheckEncoding(session); !checked) return checked;
  const auto applied = ReadJournal(session);
  if (auto checked = CheckJournal(applied); !checked) return checked;
  if (const auto all = sql::Migrations().size(); applied.size() < all) {
    return Failure(ErrorCode::kSchemaOutdated,
                   fmt::format("the database lacks {} of {} migrations; run: djps migrate up",
                               all - applied.size(), all));
  }
  const DefinitionChanges changes = CompareDefinitions(ReadDefinitions(session));
  if (!changes.unusable.empty()) {
    return Failure(ErrorCode::kSchemaOutdated,
                   fmt::format("the database lacks the {}, or has it with another signature; "
                               "run: djps migrate up",
                               changes.unusable.front()));
  }
  if (!changes.names.empty()) {
    spdlog::warn("the database has the {} of another djps; see: djps migrate status",
                 fmt::join(changes.names, ", "));
  }
  return {};
}

}  // namespace

Result<SchemaStatus> ReadMigrations(const std::string& conninfo) {
  return Guarded([&]() -> Result<SchemaStatus> {
    pg::Session session(conninfo);
    session.Run(sql::kConfigureSession, kReadTimeout);
    const auto applied = ReadJournal(session);
    if (auto checked = CheckJournal(applied); !checked) {
      return tl::unexpected<Error>(checked.error());
    }
    return SchemaStatus{Describe(applied), CompareDefinitions(ReadDefinitions(session)).names};
  });
}

Result<SchemaStatus> ApplyMigrations(const std::string& conninfo) {
  return Guarded([&]() -> Result<SchemaStatus> {
    pg::Session session(conninfo);
    const int server = PQserverVersion(session.handle());
    if (server < kOldestServer) {
      return Failure(
          ErrorCode::kUnsupported,
          fmt::format("PostgreSQL {} is too old: 14 or later is needed", server / 10000));
    }
    session.Run(sql::kConfigureSession, kNoTimeout);
    if (auto checked = CheckEncoding(session); !checked) {
      return tl::unexpected<Error>(checked.error());
    }
    session.Run(kConfigure);
    session.Run(kBeginLocked);
    const auto before = ReadJournal(session);
    if (auto checked = CheckJournal(before); !checked) {
      return tl::unexpected<Error>(checked.error());
    }
    if (session.Value("select to_regclass('djps.definitions')").empty()) {
      session.Run(kCreateJournals);
    }
    SchemaStatus done;
    for (const sql::Migration& migration : sql::Migrations()) {
      if (before.contains(migration.version)) continue;
      ApplyMigration(session, migration);
      done.migrations.push_back({migration.version, std::string(migration.name), true, ""});
    }
    done.definitions = ApplyDefinitions(session);
    session.Run(std::string(sql::Grants()));
    session.Run("commit");
    for (const MigrationStatus& migration : done.migrations) {
      spdlog::info("applied migration {:04}_{}", migration.version, migration.name);
    }
    return done;
  });
}

Result<void> RequireCurrentSchema(const std::string& conninfo) {
  return Guarded([&]() -> Result<void> {
    pg::Session session(conninfo);
    return RequireCurrent(session);
  });
}

Result<bool> AwaitCurrentSchema(const std::string& conninfo,
                                const std::function<bool(std::chrono::milliseconds)>& pause) {
  Backoff backoff(kRetryBase, kRetryCap);
  TroubleLog log;
  while (true) {
    try {
      pg::Session session(conninfo);
      const auto current = RequireCurrent(session);
      if (!current) return tl::unexpected<Error>(current.error());
      if (log.Ends()) spdlog::info("the database can be reached now");
      return true;
    } catch (const pg::PgError& error) {
      if (!error.unavailable()) return FailureOf(error);
      if (log.Begins(error.what())) spdlog::warn("{}; trying again", error.what());
    }
    if (!pause(backoff.Next())) return false;
  }
}

}  // namespace djps::store
