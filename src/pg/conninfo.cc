#include "pg/conninfo.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>

#include "core/text.h"
#include "pg/password_file.h"

namespace djps::pg {
namespace {

using Options = std::map<std::string, std::string>;

struct OptionsDeleter {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

/// A default of DJPS, and the variable with which libpq overrides it.
struct Default {
  const char* keyword;
  const char* value;
  const char* variable;  // null: there is none
};

constexpr std::array<Default, 10> kDefaults = {{
    {"host", "localhost", "PGHOST"},
    {"user", "djps", "PGUSER"},
    {"dbname", "djps", "PGDATABASE"},
    {"connect_timeout", "5", "PGCONNECT_TIMEOUT"},
    {"keepalives_idle", "5", nullptr},
    {"keepalives_interval", "3", nullptr},
    {"keepalives_count", "3", nullptr},
    {"tcp_user_timeout", "15000", nullptr},
    {"target_session_attrs", "primary", "PGTARGETSESSIONATTRS"},
    {"client_encoding", "UTF8", nullptr},
}};

/// The password of the default database.
constexpr const char* kBuiltInPassword = "djps";
constexpr const char* kBuiltInPort = "5432";

const char* Environment(const char* name) {
  // Read at start-up, before any thread that could change it.
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value != nullptr && *value != '\0' ? value : nullptr;
}

/// libpq quotes what it could not read, which may be the password or all of the URI: only quoted
/// characters, such as "=", stay.
std::string WithoutSecrets(std::string_view message) {
  std::string safe;
  while (!message.empty()) {
    const std::size_t begin = std::min(message.find('"'), message.size());
    safe += message.substr(0, begin);
    message.remove_prefix(begin);
    if (message.empty()) break;
    const bool character = message.size() > 2 && message[2] == '"';
    safe += character ? message.substr(0, 3) : "\"...\"";
    // A password may hold quotes, so the last one ends what it began.
    message.remove_prefix(character ? 3 : message.rfind('"') + 1);
  }
  return safe;
}

Result<Options> Parse(const std::string& conninfo) {
  char* message = nullptr;
  const std::unique_ptr<PQconninfoOption, OptionsDeleter> parsed(
      PQconninfoParse(conninfo.c_str(), &message));
  if (!parsed) {
    std::string text = message != nullptr ? message : "out of memory";
    PQfreemem(message);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return Failure(
        ErrorCode::kInvalidArgument,
        fmt::format("the database connection string is not valid: {}", WithoutSecrets(text)),
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

/// What was given, by any means.
std::string Setting(const Options& options, const char* keyword, const char* variable,
                    const char* otherwise) {
  if (const auto option = options.find(keyword); option != options.end()) return option->second;
  const char* value = Environment(variable);
  return value != nullptr ? value : otherwise;
}

/// Whether the user's password file has a password. libpq looks there if no password is given.
bool PasswordFileHas(const Options& options, const PasswordFor& wanted) {
  const char* home = Environment("HOME");
  const std::string usual = home != nullptr ? std::string(home) + "/.pgpass" : "";
  std::ifstream file(Setting(options, "passfile", "PGPASSFILE", usual.c_str()));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return HasPassword(text, wanted);
}

/// Only for the built-in user at the default address, and where psql would find no password.
bool WantsBuiltInPassword(const Options& options) {
  if (options.contains("password") || Environment("PGPASSWORD") != nullptr) return false;
  if (options.contains("hostaddr") || Environment("PGHOSTADDR") != nullptr) return false;
  const std::string host = Setting(options, "host", "PGHOST", "localhost");
  const std::string port = Setting(options, "port", "PGPORT", kBuiltInPort);
  const std::string user = Setting(options, "user", "PGUSER", "djps");
  const std::string dbname = Setting(options, "dbname", "PGDATABASE", "djps");
  if (host != "localhost" || port != kBuiltInPort || user != "djps") return false;
  return !PasswordFileHas(options, {host, port, dbname, user});
}

}  // namespace

Result<std::string> ResolveConninfo(std::string_view given, std::string_view program) {
  const char* from_environment = given.empty() ? Environment("DATABASE_URL") : nullptr;
  auto options =
      Parse(std::string(WithoutSpaceAtEnd(from_environment != nullptr ? from_environment : given)));
  if (!options) return tl::unexpected<Error>(options.error());
  // A service file may set everything; libpq reads it.
  const bool by_service = options->contains("service") || Environment("PGSERVICE") != nullptr;
  if (!by_service && WantsBuiltInPassword(*options)) {
    options->emplace("password", kBuiltInPassword);
  }
  for (const Default& entry : kDefaults) {
    if (options->contains(entry.keyword) || by_service) continue;
    if (entry.variable != nullptr && Environment(entry.variable) != nullptr) continue;
    const std::string_view keyword = entry.keyword;
    if (keyword == "host" && (options->contains("hostaddr") || Environment("PGHOSTADDR"))) continue;
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
