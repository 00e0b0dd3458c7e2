#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "djps/uuid.h"
#include "server/access/role.h"
#include "server/http/problem.h"

namespace djps::server {

/// The sender of a request, with its role and restrictions. A restriction to queues covers all
/// types in them, and a restriction to types covers all queues; so neither gives rights over what
/// others share. All rules about restrictions are functions here; MayUse below has the roles.
struct Caller {
  std::string name = "anonymous";        ///< The token's name, shown in the audit.
  Role role = Role::kAdmin;              ///< With open access, everyone may do everything.
  std::vector<std::string> queues = {};  ///< Only these; empty: any.
  std::vector<std::string> types = {};   ///< Only these; empty: any.
  std::optional<Uuid> token = {};        ///< Empty with open access.

  bool restricted() const { return !queues.empty() || !types.empty(); }
  bool MayUseQueue(std::string_view queue) const;
  bool MayUseType(std::string_view type) const;
  bool MayUseJob(std::string_view queue, std::string_view type) const;
  /// A queue as a whole, with the jobs of all types in it: its pause, limit, retention and numbers.
  bool MayUseWholeQueue(std::string_view queue) const;
  /// A type in all queues: its retry policy.
  bool MayUseWholeType(std::string_view type) const;
  /// What concerns all jobs: the audit, the totals, the retention of every queue.
  bool MayUseEverything() const { return !restricted(); }
  /// A token with these restrictions. A caller may not make, see or revoke a token that may do more
  /// than the caller.
  bool MayGrant(const std::vector<std::string>& granted_queues,
                const std::vector<std::string>& granted_types) const;
};

/// "submit", "work", "read", "operate", "admin"; "none" for Role::kNone.
std::string_view RoleName(Role role);
/// The role of a token, by its name. There is no token of the role none.
std::optional<Role> ParseRole(std::string_view name);

/// Whether a caller with this role may use a route that requires `asked`. `reads`: it is a GET.
bool MayUse(Role caller, Role asked, bool reads);
std::optional<Problem> RoleProblem(const Caller& caller, Role asked, bool reads);

/// The token was valid when the request came, and is not any more.
Problem TokenEndedProblem();

/// Why this caller may not use that queue or type; nothing if it may.
std::optional<Problem> QueueProblem(const Caller& caller, std::string_view queue);
std::optional<Problem> TypeProblem(const Caller& caller, std::string_view type);

/// The same for each rule of Caller.
std::optional<Problem> JobProblem(const Caller& caller, std::string_view queue,
                                  std::string_view type);
std::optional<Problem> AllTypesProblem(const Caller& caller);
std::optional<Problem> WholeQueueProblem(const Caller& caller, std::string_view queue);
std::optional<Problem> WholeTypeProblem(const Caller& caller, std::string_view type);
/// `what`: "The audit is", the beginning of a sentence that ends with "about all jobs".
std::optional<Problem> EverythingProblem(const Caller& caller, std::string_view what);
std::optional<Problem> GrantProblem(const Caller& caller, const std::vector<std::string>& queues,
                                    const std::vector<std::string>& types);

/// The same for a list of jobs, filtered by queue and type. Empty: not filtered, which restricted
/// callers may not request.
std::optional<Problem> ListProblem(const Caller& caller, std::string_view queue,
                                   std::string_view type);

}  // namespace djps::server
