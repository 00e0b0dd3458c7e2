#include "cli/link/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "embedded/cluster.h"
#include "pg/conninfo.h"

namespace djps::cli {
namespace {

namespace fs = std::filesystem;

std::string DevOrigin(const fs::path& data_dir) {
  return fmt::format("the djps dev on {}", data_dir.string());
}

/// The `djps dev` that --data names.
Result<DevState> RequireDev(const TargetInputs& inputs, const fs::path& data_dir) {
  auto dev = inputs.find_dev(data_dir);
  if (dev) return *std::move(dev);
  return Failure(ErrorCode::kUnavailable,
                 fmt::format("no djps dev runs on the data folder {0} (or its dev.json belongs to "
                             "another user): start one with: djps dev --data {0}",
                             data_dir.string()),
                 "--data");
}

/// The `djps dev` of DJPS_DATA. The variable may be set only for `djps dev` itself, so it is no
/// error if none runs.
std::optional<std::pair<DevState, fs::path>> FindDevOfVariable(const TargetInputs& inputs) {
  const auto data_dir = FindVariable(inputs.environment, "DJPS_DATA");
  if (!data_dir) return std::nullopt;
  auto dev = inputs.find_dev(*data_dir);
  if (!dev) return std::nullopt;
  return std::pair(*std::move(dev), fs::path(*data_dir));
}

constexpr std::array kLibpqVariables = {"PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE",
                                        "PGSERVICE"};

/// PGUSER or PGPASSWORD alone do not name a database.
bool NamesDatabaseForLibpq(const Environment& environment) {
  return std::any_of(kLibpqVariables.begin(), kLibpqVariables.end(),
                     [&](const char* name) { return FindVariable(environment, name).has_value(); });
}

/// The DJPS_* variable, or the content of the file in its _FILE variant.
Result<std::optional<DatabaseChoice>> ChooseByOurVariable(const TargetInputs& inputs) {
  const std::string name = "DJPS_DATABASE_URL";
  auto url = FindSecret(inputs.environment, name);
  if (!url) return tl::unexpected<Error>(url.error());
  if (!*url) return std::optional<DatabaseChoice>();
  const bool by_file = !FindVariable(inputs.environment, name);
  return DatabaseChoice{**url, by_file ? name + "_FILE" : name};
}

std::optional<DatabaseChoice> ChooseByUsualVariable(const TargetInputs& inputs) {
  const auto url = FindTrimmed(inputs.environment, "DATABASE_URL");
  if (!url) return std::nullopt;
  return DatabaseChoice{*url, "DATABASE_URL"};
}

Result<DatabaseTarget> Complete(const DatabaseChoice& choice, const char* program) {
  auto conninfo = pg::ResolveConninfo(choice.given, program);
  if (!conninfo) {
    return Failure(conninfo.error().code,
                   fmt::format("{} (from {})", conninfo.error().message, choice.origin),
                   conninfo.error().field);
  }
  return DatabaseTarget{*std::move(conninfo), choice.origin};
}

Result<JobChoice> ChooseServerOrDatabase(const TargetInputs& inputs) {
  const TargetOptions& options = inputs.options;
  if (options.server) return ServerTarget{*options.server, "--server"};
  if (options.database_url) return DatabaseChoice{*options.database_url, "--database-url"};
  if (options.data) {
    const auto dev = RequireDev(inputs, *options.data);
    if (!dev) return tl::unexpected<Error>(dev.error());
    return ServerTarget{dev->api_url, DevOrigin(*options.data)};
  }
  if (const auto url = FindTrimmed(inputs.environment, "DJPS_SERVER")) {
    return ServerTarget{*url, "DJPS_SERVER"};
  }
  const auto ours = ChooseByOurVariable(inputs);
  if (!ours) return tl::unexpected<Error>(ours.error());
  if (*ours) return **ours;
  if (const auto dev = FindDevOfVariable(inputs)) {
    return ServerTarget{dev->first.api_url, DevOrigin(dev->second)};
  }
  if (auto choice = ChooseByUsualVariable(inputs)) return *choice;
  if (const auto dev = inputs.find_dev(inputs.default_data_dir)) {
    return ServerTarget{dev->api_url, DevOrigin(inputs.default_data_dir)};
  }
  return ServerTarget{kDefaultServerUrl, "the default"};
}

Result<std::string> ChooseToken(const TargetInputs& inputs) {
  if (inputs.options.token) return *inputs.options.token;
  const auto secret = FindSecret(inputs.environment, "DJPS_TOKEN");
  if (!secret) return tl::unexpected<Error>(secret.error());
  return secret->value_or("");
}

}  // namespace

TargetInputs MakeTargetInputs(const TargetOptions& options, const Environment& environment) {
  return {options, environment, embedded::DefaultDataDir(), FindDev};
}

std::string DatabaseTarget::Describe() const {
  return fmt::format("{} (from {})", pg::RedactConninfo(conninfo), origin);
}

Result<DatabaseChoice> ChooseDatabase(const TargetInputs& inputs) {
  const TargetOptions& options = inputs.options;
  if (options.database_url) return DatabaseChoice{*options.database_url, "--database-url"};
  if (options.data) {
    const auto dev = RequireDev(inputs, *options.data);
    if (!dev) return tl::unexpected<Error>(dev.error());
    return DatabaseChoice{dev->database_url, DevOrigin(*options.data)};
  }
  const auto ours = ChooseByOurVariable(inputs);
  if (!ours) return tl::unexpected<Error>(ours.error());
  if (*ours) return **ours;
  if (const auto dev = FindDevOfVariable(inputs)) {
    return DatabaseChoice{dev->first.database_url, DevOrigin(dev->second)};
  }
  if (auto choice = ChooseByUsualVariable(inputs)) return *choice;
  if (NamesDatabaseForLibpq(inputs.environment)) return DatabaseChoice{"", "the PG* variables"};
  if (const auto dev = inputs.find_dev(inputs.default_data_dir)) {
    return DatabaseChoice{dev->database_url, DevOrigin(inputs.default_data_dir)};
  }
  return DatabaseChoice{"", "the defaults"};
}

Result<JobChoice> ChooseJobs(const TargetInputs& inputs) {
  auto choice = ChooseServerOrDatabase(inputs);
  if (!choice) return choice;
  if (auto* server = std::get_if<ServerTarget>(&*choice)) {
    const auto token = ChooseToken(inputs);
    if (!token) return tl::unexpected<Error>(token.error());
    server->token = *token;
  }
  return choice;
}

Result<DatabaseTarget> ResolveDatabase(const TargetInputs& inputs, const char* program) {
  const auto choice = ChooseDatabase(inputs);
  if (!choice) return tl::unexpected<Error>(choice.error());
  return Complete(*choice, program);
}

Result<JobTarget> ResolveJobs(const TargetInputs& inputs, const char* program) {
  const auto choice = ChooseJobs(inputs);
  if (!choice) return tl::unexpected<Error>(choice.error());
  if (const auto* server = std::get_if<ServerTarget>(&*choice)) return *server;
  auto database = Complete(std::get<DatabaseChoice>(*choice), program);
  if (!database) return tl::unexpected<Error>(database.error());
  return *std::move(database);
}

}  // namespace djps::cli
