#include "pg/conninfo.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <array>
#include <cstdlib>
#include <map>
#include <memory>

namespace djps::pg {
namespace {

using Options = std::map<std::string, std::string>;

struct OptionsDeleter {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

/// A default of ours, and the variable by which libpq would take another value.
struct Default {
  const char* keyword;
  const char* value;
  const char* variable;  // null: there is none
};

constexpr std::array<Default, 11> kDefaults = {{
    {"host", "localhost", "PGHOST"},
    {"user", "djps", "PGUSER"},
    {"password", "djps", "PGPASSWORD"},
    {"dbname", "djps", "PGDATABASE"},
    {"connect_timeout", "5", "PGCONNECT_TIMEOUT"},
    {"keepalives_idle", "5", nullptr},
    {"keepalives_interval", "3", nullptr},
    {"keepalives_count", "3", nullptr},
    {"tcp_user_timeout", "15000", nullptr},
    {"target_session_attrs", "read-write", "PGTARGETSESSIONATTRS"},
    {"client_encoding", "UTF8", nullptr},
}};

const char* Environment(const char* name) {
  // Read at start-up, before any thread that could change it.
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value != nullptr && *value != '\0' ? value : nullptr;
}

Result<Options> Parse(const std::string& conninfo) {
  char* message = nullptr;
  const std::unique_ptr<PQconninfoOption, OptionsDeleter> parsed(
      PQconninfoParse(conninfo.c_str(), &message));
  if (!parsed) {
    std::string text = message != nullptr ? message : "out of memory";
    PQfreemem(message);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return Failure(ErrorCode::kInvalidArgument,
                   fmt::format("the database connection string is not valid: {}", text),
                   "--database-url");
  }
  Options options;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) options[option->keyword] = option->val;
  }
  return options;
}

std::string Quoted(const std::string& value) {
  std::string quoted = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

std::string Join(const Options& options) {
  std::string conninfo;
  for (const auto& [keyword, value] : options) {
    if (!conninfo.empty()) conninfo += ' ';
    conninfo += keyword + "=" + Quoted(value);
  }
  return conninfo;
}

}  // namespace

Result<std::string> ResolveConninfo(std::string_view given, std::string_view program) {
  const char* from_environment = given.empty() ? Environment("DATABASE_URL") : nullptr;
  auto options = Parse(from_environment != nullptr ? from_environment : std::string(given));
  if (!options) return tl::unexpected<Error>(options.error());
  // A service file may name everything; libpq reads it.
  const bool by_service = options->contains("service") || Environment("PGSERVICE") != nullptr;
  for (const Default& entry : kDefaults) {
    if (options->contains(entry.keyword) || by_service) continue;
    if (entry.variable != nullptr && Environment(entry.variable) != nullptr) continue;
    const std::string_view keyword = entry.keyword;
    if (keyword == "host" && (options->contains("hostaddr") || Environment("PGHOSTADDR"))) continue;
    if (keyword == "password" && (options->contains("passfile") || Environment("PGPASSFILE"))) {
      continue;
    }
    options->emplace(entry.keyword, entry.value);
  }
  options->emplace("application_name", program);
  return Join(*options);
}

std::string RedactConninfo(const std::string& conninfo) {
  auto options = Parse(conninfo);
  if (!options) return "(unreadable)";
  Options shown;
  for (const char* keyword : {"host", "hostaddr", "port", "user", "dbname", "service"}) {
    if (const auto option = options->find(keyword); option != options->end()) shown.insert(*option);
  }
  return Join(shown);
}

}  // namespace djps::pg
