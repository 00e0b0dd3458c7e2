#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "djps/uuid.h"
#include "server/access/role.h"
#include "server/http/problem.h"

namespace djps::server {

/// Who has sent a request, and what its restrictions leave it. A restriction to queues holds for
/// all types of these, and one to types in all queues; so neither gives a right over what others
/// share. Every rule about restrictions is one of the functions here; the roles are MayUse below.
struct Caller {
  std::string name = "anonymous";        ///< The token's name; the audit shows it.
  Role role = Role::kAdmin;              ///< Where access is open, everybody may do everything.
  std::vector<std::string> queues = {};  ///< Only these; empty: any.
  std::vector<std::string> types = {};   ///< Only these; empty: any.
  std::optional<Uuid> token = {};        ///< Nothing where access is open.

  bool restricted() const { return !queues.empty() || !types.empty(); }
  bool MayUseQueue(std::string_view queue) const;
  bool MayUseType(std::string_view type) const;
  bool MayUseJob(std::string_view queue, std::string_view type) const;
  /// A queue as a whole, with the jobs of all types in it: its pause, limit, retention and numbers.
  bool MayUseWholeQueue(std::string_view queue) const;
  /// A type in all queues: its retry policy.
  bool MayUseWholeType(std::string_view type) const;
  /// What is about all jobs: the audit, the totals, the retention of every queue.
  bool MayUseEverything() const { return !restricted(); }
  /// A token with these restrictions: nobody makes, sees or revokes one that may do more than
  /// itself.
  bool MayGrant(const std::vector<std::string>& granted_queues,
                const std::vector<std::string>& granted_types) const;
};

/// "submit", "work", "read", "operate", "admin"; "none" for Role::kNone.
std::string_view RoleName(Role role);
/// The role of a token, by its name. There is no token of the role none.
std::optional<Role> ParseRole(std::string_view name);

/// May a caller of this role use a route that asks for `asked`? `reads`: it is a GET.
bool MayUse(Role caller, Role asked, bool reads);
std::optional<Problem> RoleProblem(const Caller& caller, Role asked, bool reads);

/// The token was good when the request came, and is not any more.
Problem TokenEndedProblem();

/// Why this caller may not use that queue, or that type; nothing when it may.
std::optional<Problem> QueueProblem(const Caller& caller, std::string_view queue);
std::optional<Problem> TypeProblem(const Caller& caller, std::string_view type);

/// The same for what each rule of Caller is about.
std::optional<Problem> JobProblem(const Caller& caller, std::string_view queue,
                                  std::string_view type);
std::optional<Problem> AllTypesProblem(const Caller& caller);
std::optional<Problem> WholeQueueProblem(const Caller& caller, std::string_view queue);
std::optional<Problem> WholeTypeProblem(const Caller& caller, std::string_view type);
/// `what`: "The audit is", a sentence that goes on with "about all jobs".
std::optional<Problem> EverythingProblem(const Caller& caller, std::string_view what);
std::optional<Problem> GrantProblem(const Caller& caller, const std::vector<std::string>& queues,
                                    const std::vector<std::string>& types);

/// The same for a list of jobs, filtered by queue and type; empty: not filtered, which a restricted
/// caller may not ask for.
std::optional<Problem> ListProblem(const Caller& caller, std::string_view queue,
                                   std::string_view type);

}  // namespace djps::server
