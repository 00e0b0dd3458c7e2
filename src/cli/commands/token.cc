// djps token create, list and revoke. They work on the database directly, so that they can make the
// first token.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/commands/commands.h"
#include "cli/frame/exit_code.h"
#include "cli/frame/options.h"
#include "cli/link/database_link.h"
#include "cli/link/target_options.h"
#include "core/time_text.h"
#include "core/validation.h"
#include "server/access/access.h"
#include "server/wire/token_json.h"
#include "store/token_store.h"

namespace djps::cli {
namespace {

using std::chrono::milliseconds;
using Tokens = std::vector<store::TokenRecord>;

constexpr milliseconds kTimeout{30'000};
constexpr const char* kActor = "command line";  // the actor in the audit
constexpr std::size_t kRestrictionsMax = 100;

struct TokenOptions {
  TargetOptions target;
  store::NewToken token;
  milliseconds expires{0};
  std::string which;  ///< An id or a name.
  bool all = false;
  bool json = false;
};

Error WrongArgument(const std::string& name, const std::string& trouble) {
  return {ErrorCode::kInvalidArgument, fmt::format("{} {}", name, trouble), name};
}

/// The error in the names given to an option, if there is one.
std::optional<Error> NamesError(const std::string& option, const std::vector<std::string>& names) {
  if (names.size() > kRestrictionsMax) {
    return WrongArgument(option, fmt::format("may be given at most {} times", kRestrictionsMax));
  }
  for (const std::string& name : names) {
    if (const auto trouble = NameTrouble(name)) return WrongArgument(option, *trouble);
  }
  return std::nullopt;
}

std::optional<Error> GrantError(const store::TokenGrant& grant) {
  if (const auto trouble = NameTrouble(grant.name)) return WrongArgument("NAME", *trouble);
  if (!server::ParseRole(grant.role)) {
    return WrongArgument("--role", fmt::format("must be submit, work, read, operate or admin, got "
                                               "{}",
                                               QuoteForMessage(grant.role)));
  }
  if (auto error = NamesError("--queue", grant.queues)) return error;
  return NamesError("--type", grant.types);
}

Result<DatabaseTarget> FindDatabase(const Context& context, const TokenOptions& options) {
  auto target =
      ResolveDatabase(MakeTargetInputs(options.target, context.environment), "djps token");
  if (!target) return target;
  if (const auto ready = RequireSchema(*target); !ready) {
    return tl::unexpected<Error>(ready.error());
  }
  return target;
}

std::string TimeOr(const std::optional<Timestamp>& time, const char* otherwise) {
  return time ? FormatTimestamp(*time).substr(0, 16) + "Z" : otherwise;
}

std::string NamesOr(const std::vector<std::string>& names, const char* otherwise) {
  return names.empty() ? otherwise : fmt::format("{}", fmt::join(names, ","));
}

std::string ToTable(const Tokens& tokens, const Style& style) {
  std::vector<std::vector<std::string>> rows = {
      {"NAME", "ROLE", "STATUS", "QUEUES", "TYPES", "EXPIRES", "LAST USED", "ID"}};
  for (const store::TokenRecord& token : tokens) {
    const std::string status(server::TokenStatus(token));
    rows.push_back({token.grant.name, token.grant.role,
                    status == "active" ? style.Good(status) : style.Bad(status),
                    NamesOr(token.grant.queues, "any"), NamesOr(token.grant.types, "any"),
                    TimeOr(token.expires_at, "never"), TimeOr(token.last_used_at, "never"),
                    token.id.ToString()});
  }
  return FormatTable(rows, style);
}

int RunCreate(const Context& context, const TokenOptions& options) {
  store::NewToken token = options.token;
  if (options.expires.count() > 0) token.expires_in = options.expires;
  if (const auto error = GrantError(token.grant)) return ReportError(*error);
  const auto target = FindDatabase(context, options);
  if (!target) return ReportError(target.error());
  DatabaseLink link(*target);
  store::TokenStore tokens(link.pool());
  const auto created = link.Run(tokens.CreateToken(token, kActor, pg::After(kTimeout)));
  if (!created) return ReportError(created.error());
  if (created->outcome != store::CreatedToken::Outcome::kCreated) {
    return ReportError(
        {ErrorCode::kConflict,
         fmt::format(
             "a token {} exists already; choose another name, or first run: djps token revoke {}",
             QuoteForMessage(token.grant.name), token.grant.name),
         "NAME"});
  }
  if (options.json) {
    std::string json;
    server::AppendToken(json, created->record, created->secret);
    Print(json + "\n");
    return kExitDone;
  }
  // Standard output has only the token: TOKEN=$(djps token create ...).
  fmt::print(stderr, "djps: the token is shown only once; store it as a secret\n");
  Print(created->secret + "\n");
  return kExitDone;
}

int RunList(const Context& context, const TokenOptions& options) {
  const auto target = FindDatabase(context, options);
  if (!target) return ReportError(target.error());
  DatabaseLink link(*target);
  store::TokenStore store(link.pool());
  auto tokens = link.Run(store.ListTokens(pg::After(kTimeout)));
  if (!tokens) return ReportError(tokens.error());
  if (!options.all) {
    std::erase_if(*tokens, [](const store::TokenRecord& token) { return token.revoked_at; });
  }
  if (options.json) {
    std::string json;
    server::AppendTokens(json, *tokens);
    Print(json + "\n");
  } else if (tokens->empty()) {
    Print("There are no tokens. Make one with: djps token create NAME --role ROLE\n");
  } else {
    Print(ToTable(*tokens, context.terminal.out));
  }
  return kExitDone;
}

/// Finds a token by its id, or by name among those that are not revoked.
Result<Uuid> Choose(const Tokens& tokens, const std::string& which) {
  const auto id = Uuid::Parse(which);
  for (const store::TokenRecord& token : tokens) {
    if (id ? token.id == *id : !token.revoked_at && token.grant.name == which) return token.id;
  }
  return Failure(ErrorCode::kNotFound,
                 fmt::format("there is no token {}; see: djps token list", QuoteForMessage(which)));
}

int RunRevoke(const Context& context, const TokenOptions& options) {
  const auto target = FindDatabase(context, options);
  if (!target) return ReportError(target.error());
  DatabaseLink link(*target);
  store::TokenStore store(link.pool());
  const auto tokens = link.Run(store.ListTokens(pg::After(kTimeout)));
  if (!tokens) return ReportError(tokens.error());
  const auto id = Choose(*tokens, options.which);
  if (!id) return ReportError(id.error());
  const auto revoked = link.Run(store.RevokeToken(*id, kActor, pg::After(kTimeout)));
  if (!revoked) return ReportError(revoked.error());
  if (options.json) {
    std::string json;
    server::AppendToken(json, **revoked);
    Print(json + "\n");
  } else {
    Print(fmt::format("Revoked {} ({}). Servers refuse it within two seconds.\n",
                      (*revoked)->grant.name, id->ToString()));
  }
  return kExitDone;
}

void AddCreate(CommandLine& line, CLI::App& group) {
  CLI::App& create = AddCommand(
      line, group,
      {.name = "create",
       .summary = "Make a token and show it once",
       .paragraph =
           "Makes a token and prints it. Only its hash is stored, so it cannot be shown again. "
           "Roles: submit (submit jobs, read and cancel single jobs), work (run jobs as a worker), "
           "read (read everything), operate (submit, read, and change jobs and queues), admin "
           "(everything, also tokens). With --queue or --type it is good for those only.",
       .examples = {"djps token create billing --role submit --queue invoices --expires 90d",
                    "export DJPS_TOKEN=$(djps token create me --role admin)"},
       .exit_codes = {"0  made", "1  failed: the name is taken, or the schema is not current",
                      "2  wrong usage", "5  the database cannot be reached"}});
  const auto options = RunWith(line, create, RunCreate);
  store::TokenGrant& grant = options->token.grant;
  AddText(create, "NAME", grant.name, "NAME",
          "The token's name, such as its user; unique among tokens that are not revoked")
      ->required();
  AddText(create, "--role", grant.role, "ROLE", "submit, work, read, operate or admin")->required();
  AddRepeated(create, "--queue", grant.queues, "QUEUE", "Only for this queue; may be repeated");
  AddRepeated(create, "--type", grant.types, "TYPE", "Only for jobs of this type; may be repeated");
  AddDuration(create, "--expires", options->expires,
              "How long the token is valid, such as 30d; 0: until it is revoked");
  AddDatabaseOptions(create, options->target);
  AddJson(create, options->json);
}

}  // namespace

void RegisterToken(CommandLine& line) {
  CLI::App& group = AddCommandGroup(
      line.app,
      {.name = "token",
       .summary = "Make, list and revoke API tokens",
       .paragraph =
           "A server started with --auth token requires a token in each request. These commands "
           "work on its database directly, so that they can make the first token.",
       .examples = {"djps token create me --role admin", "djps token list",
                    "djps token revoke billing"},
       .exit_codes = {}});
  AddCreate(line, group);

  CLI::App& list =
      AddCommand(line, group,
                 {.name = "list",
                  .summary = "List the tokens",
                  .paragraph = "Lists the tokens that are not revoked, without their secrets.",
                  .examples = {"djps token list", "djps token list --all --json"},
                  .exit_codes = {"0  listed", "1  failed", "2  wrong usage",
                                 "5  the database cannot be reached"}});
  const auto list_options = RunWith(line, list, RunList);
  list.add_flag("--all", list_options->all, "Also revoked tokens");
  AddDatabaseOptions(list, list_options->target);
  AddJson(list, list_options->json);

  CLI::App& revoke =
      AddCommand(line, group,
                 {.name = "revoke",
                  .summary = "Revoke a token for good",
                  .paragraph = "Revokes a token by its name or id. Servers refuse it within two "
                               "seconds. With the id, safe to repeat.",
                  .examples = {"djps token revoke billing",
                               "djps token revoke 3b1f0c52-6f0a-4a8e-9a53-0d6d2f6b7a11"},
                  .exit_codes = {"0  revoked", "1  there is no such token", "2  wrong usage",
                                 "5  the database cannot be reached"}});
  const auto revoke_options = RunWith(line, revoke, RunRevoke);
  AddText(revoke, "TOKEN", revoke_options->which, "TOKEN", "The token's name or id")->required();
  AddDatabaseOptions(revoke, revoke_options->target);
  AddJson(revoke, revoke_options->json);
}

}  // namespace djps::cli
