#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/access/role.h"
#include "server/http/problem.h"

namespace djps::server {

/// Who has sent a request.
struct Caller {
  std::string name = "anonymous";        ///< The token's name; stands in the audit.
  Role role = Role::kAdmin;              ///< Where access is open, everybody may do everything.
  std::vector<std::string> queues = {};  ///< Only these; empty: any.
  std::vector<std::string> types = {};   ///< Only these; empty: any.

  bool restricted() const { return !queues.empty() || !types.empty(); }
  bool MayUseQueue(std::string_view queue) const;
  bool MayUseType(std::string_view type) const;
};

/// "submit", "work", "read", "operate", "admin"; "none" for Role::kNone.
std::string_view RoleName(Role role);
/// The role of a token, by its name. There is no token of the role none.
std::optional<Role> ParseRole(std::string_view name);

/// May a caller of this role use a route that asks for `asked`? `reads`: it is a GET.
bool MayUse(Role caller, Role asked, bool reads);

/// Why this caller may not use that queue, or that type; nothing when it may.
std::optional<Problem> QueueProblem(const Caller& caller, std::string_view queue);
std::optional<Problem> TypeProblem(const Caller& caller, std::string_view type);

/// Why this caller may have nothing to do with jobs of that queue and type; nothing when it may.
std::optional<Problem> RestrictionProblem(const Caller& caller, std::string_view queue,
                                          std::string_view type);

/// The same for a list of jobs, filtered by queue and type; empty: not filtered, which a restricted
/// caller may not ask for.
std::optional<Problem> ListRestrictionProblem(const Caller& caller, std::string_view queue,
                                              std::string_view type);

}  // namespace djps::server
