#include "server/access/access.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "core/validation.h"

namespace djps::server {
namespace {

struct NamedRole {
  Role role;
  std::string_view name;
};

constexpr std::array kRoles = {
    NamedRole{Role::kNone, "none"},       NamedRole{Role::kSubmit, "submit"},
    NamedRole{Role::kWork, "work"},       NamedRole{Role::kRead, "read"},
    NamedRole{Role::kOperate, "operate"}, NamedRole{Role::kAdmin, "admin"},
};

enum class Use { kAll, kReadsOnly };

struct Grant {
  Role caller;
  Role asked;  ///< The role that the route requires.
  Use use = Use::kAll;
};

/// THE table: which roles may use a route. docs/http-api.md shows the same, and a test compares
/// both with a running server.
constexpr std::array kGrants = {
    Grant{Role::kSubmit, Role::kSubmit},   Grant{Role::kWork, Role::kWork},
    Grant{Role::kRead, Role::kRead},       Grant{Role::kRead, Role::kSubmit, Use::kReadsOnly},
    Grant{Role::kOperate, Role::kSubmit},  Grant{Role::kOperate, Role::kRead},
    Grant{Role::kOperate, Role::kOperate}, Grant{Role::kAdmin, Role::kSubmit},
    Grant{Role::kAdmin, Role::kWork},      Grant{Role::kAdmin, Role::kRead},
    Grant{Role::kAdmin, Role::kOperate},   Grant{Role::kAdmin, Role::kAdmin},
};

/// An empty list means no restriction.
bool Lists(const std::vector<std::string>& names, std::string_view name) {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

Problem Restricted(const Caller& caller, std::string_view kind, std::string_view wanted,
                   const std::vector<std::string>& allowed) {
  return {ProblemKind::kForbidden,
          fmt::format("The token {} may not use the {} {}; it is restricted to {}.",
                      QuoteForMessage(caller.name), kind, QuoteForMessage(wanted),
                      ShortenForMessage(fmt::format("{}", fmt::join(allowed, ", "))))};
}

Problem FilterNeeded(const Caller& caller, std::string_view kind,
                     const std::vector<std::string>& allowed) {
  return {ProblemKind::kForbidden,
          fmt::format("The token {} may see only the {}s {}; name one of them: ?{}={}",
                      QuoteForMessage(caller.name), kind,
                      ShortenForMessage(fmt::format("{}", fmt::join(allowed, ", "))), kind,
                      allowed.front())};
}

/// `kind`: of the restriction that refuses it, "queue" or "type".
Problem Narrower(const Caller& caller, std::string_view kind, std::string_view what) {
  return {ProblemKind::kForbidden,
          fmt::format("The token {} is restricted to some {}s; {}. Use a token without a "
                      "restriction to {}s.",
                      QuoteForMessage(caller.name), kind, what, kind)};
}

/// True if `granted` allows only names that `own` allows. An empty list means every name.
bool IsWithin(const std::vector<std::string>& granted, const std::vector<std::string>& own) {
  if (own.empty()) return true;
  return !granted.empty() && std::all_of(granted.begin(), granted.end(),
                                         [&own](const auto& name) { return Lists(own, name); });
}

}  // namespace

bool Caller::MayUseQueue(std::string_view queue) const { return Lists(queues, queue); }

bool Caller::MayUseType(std::string_view type) const { return Lists(types, type); }

bool Caller::MayUseJob(std::string_view queue, std::string_view type) const {
  return MayUseQueue(queue) && MayUseType(type);
}

bool Caller::MayUseWholeQueue(std::string_view queue) const {
  return types.empty() && MayUseQueue(queue);
}

bool Caller::MayUseWholeType(std::string_view type) const {
  return queues.empty() && MayUseType(type);
}

bool Caller::MayGrant(const std::vector<std::string>& granted_queues,
                      const std::vector<std::string>& granted_types) const {
  return IsWithin(granted_queues, queues) && IsWithin(granted_types, types);
}

std::string_view RoleName(Role role) {
  for (const NamedRole& named : kRoles) {
    if (named.role == role) return named.name;
  }
  return {};
}

std::optional<Role> ParseRole(std::string_view name) {
  for (const NamedRole& named : kRoles) {
    if (named.name == name && named.role != Role::kNone) return named.role;
  }
  return std::nullopt;
}

bool MayUse(Role caller, Role asked, bool reads) {
  if (asked == Role::kNone) return true;
  return std::any_of(kGrants.begin(), kGrants.end(), [&](const Grant& grant) {
    return grant.caller == caller && grant.asked == asked && (grant.use == Use::kAll || reads);
  });
}

std::optional<Problem> RoleProblem(const Caller& caller, Role asked, bool reads) {
  if (MayUse(caller.role, asked, reads)) return std::nullopt;
  return Problem{ProblemKind::kForbidden,
                 fmt::format("The token {} has the role {}; this needs {}.",
                             QuoteForMessage(caller.name), RoleName(caller.role), RoleName(asked))};
}

Problem TokenEndedProblem() {
  return {ProblemKind::kUnauthorized, "The token was revoked or expired while the request waited."};
}

std::optional<Problem> QueueProblem(const Caller& caller, std::string_view queue) {
  if (caller.MayUseQueue(queue)) return std::nullopt;
  return Restricted(caller, "queue", queue, caller.queues);
}

std::optional<Problem> TypeProblem(const Caller& caller, std::string_view type) {
  if (caller.MayUseType(type)) return std::nullopt;
  return Restricted(caller, "type", type, caller.types);
}

std::optional<Problem> JobProblem(const Caller& caller, std::string_view queue,
                                  std::string_view type) {
  if (auto problem = QueueProblem(caller, queue)) return problem;
  return TypeProblem(caller, type);
}

std::optional<Problem> AllTypesProblem(const Caller& caller) {
  if (caller.types.empty()) return std::nullopt;
  return Narrower(caller, "type", "this concerns all types of a queue");
}

std::optional<Problem> WholeQueueProblem(const Caller& caller, std::string_view queue) {
  if (caller.MayUseWholeQueue(queue)) return std::nullopt;
  if (auto problem = QueueProblem(caller, queue)) return problem;
  return AllTypesProblem(caller);
}

std::optional<Problem> WholeTypeProblem(const Caller& caller, std::string_view type) {
  if (caller.MayUseWholeType(type)) return std::nullopt;
  if (auto problem = TypeProblem(caller, type)) return problem;
  return Narrower(caller, "queue", "this concerns a type in all queues");
}

std::optional<Problem> EverythingProblem(const Caller& caller, std::string_view what) {
  if (caller.MayUseEverything()) return std::nullopt;
  return Problem{ProblemKind::kForbidden,
                 fmt::format("The token {} is restricted to some queues or types; {} about all "
                             "jobs. Use a token without restrictions.",
                             QuoteForMessage(caller.name), what)};
}

std::optional<Problem> GrantProblem(const Caller& caller, const std::vector<std::string>& queues,
                                    const std::vector<std::string>& types) {
  if (caller.MayGrant(queues, types)) return std::nullopt;
  const bool by_queue = !IsWithin(queues, caller.queues);
  const std::vector<std::string>& own = by_queue ? caller.queues : caller.types;
  return Problem{ProblemKind::kForbidden,
                 fmt::format("The token {} may use only the {}s {}, so it can make tokens only for "
                             "these: send \"{}s\" with no others.",
                             QuoteForMessage(caller.name), by_queue ? "queue" : "type",
                             ShortenForMessage(fmt::format("{}", fmt::join(own, ", "))),
                             by_queue ? "queue" : "type")};
}

std::optional<Problem> ListProblem(const Caller& caller, std::string_view queue,
                                   std::string_view type) {
  if (!caller.queues.empty() && queue.empty()) return FilterNeeded(caller, "queue", caller.queues);
  if (!caller.types.empty() && type.empty()) return FilterNeeded(caller, "type", caller.types);
  return JobProblem(caller, queue, type);
}

}  // namespace djps::server
