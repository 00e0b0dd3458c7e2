// Every role with every restriction on every route behaves as the table in docs/http-api.md says.
#include <fmt/format.h>

#include <boost/beast/http/verb.hpp>
#include <cstdio>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "build_paths.h"
#include "server/routes/routes.h"
#include "support/token_server.h"

namespace djps::test_support {
namespace {

constexpr const char* kRoles[] = {"submit", "work", "read", "operate", "admin"};
constexpr const char* kRestrictions[] = {"free", "queue", "type", "both"};
constexpr const char* kUnusedId = "019a2b3c-4d5e-7f60-8123-456789abcdef";

/// A line of the table: the roles that may use the route, and what it requires of a restricted
/// token.
struct Rule {
  std::string asked;
  std::string scope;
  std::set<std::string> roles;
};
using AccessTable = std::map<std::string, Rule>;

AccessTable DocumentedTable() {
  std::ifstream file(std::string(kSourceDir) + "/docs/http-api.md");
  const std::regex row(R"(\| `([A-Z]+ /[^`]*)` \| (\w+) \| ([^|]+) \|(.*)\|)");
  AccessTable table;
  for (std::string line; std::getline(file, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, row)) continue;
    Rule& rule = table[match[1]];
    rule.asked = match[2];
    rule.scope = match[3];
    std::istringstream cells(match[4]);
    std::string cell;
    for (const char* role : kRoles) {
      std::getline(cells, cell, '|');
      if (cell.find("yes") != std::string::npos) rule.roles.insert(role);
    }
  }
  return table;
}

/// The queue and type of a request. Empty: the request names none, which means all of them.
struct Aim {
  std::string queue;
  std::string type;

  bool everything() const { return queue.empty(); }
};
const Aim kAims[] = {{"mine", "t"}, {"other", "t"}, {"mine", "u"}, {"", ""}};

struct Holder {
  std::string role;
  std::string restriction;
  std::string token;

  bool by_queue() const { return restriction == "queue" || restriction == "both"; }
  bool by_type() const { return restriction == "type" || restriction == "both"; }
  bool restricted() const { return by_queue() || by_type(); }
  bool MayQueue(const Aim& aim) const { return !by_queue() || aim.queue == "mine"; }
  bool MayType(const Aim& aim) const { return !by_type() || aim.type == "t"; }
};

enum class Answer { kAllowed, kForbidden, kUnknown };

Answer IfNot(bool allowed, Answer otherwise) { return allowed ? Answer::kAllowed : otherwise; }

/// The meaning of the table's words, implemented independently.
Answer Expected(const std::string& route, const Rule& rule, const Holder& holder, const Aim& aim) {
  if (!rule.roles.contains(holder.role)) return Answer::kForbidden;
  const bool inside = holder.MayQueue(aim) && holder.MayType(aim);
  const std::string& scope = rule.scope;
  if (scope == "–" || scope == "lease" || scope == "own") return Answer::kAllowed;
  if (scope == "job") {
    const bool submits = route == "POST /jobs" || route == "POST /jobs/batch";
    return IfNot(inside, submits ? Answer::kForbidden : Answer::kUnknown);
  }
  if (scope == "filter") return IfNot(inside, Answer::kForbidden);
  if (scope == "whole queue") {
    if (route == "GET /queues") return IfNot(!holder.by_type(), Answer::kForbidden);
    return IfNot(!holder.by_type() && holder.MayQueue(aim), Answer::kForbidden);
  }
  if (scope == "whole type") {
    return IfNot(!holder.by_queue() && holder.MayType(aim), Answer::kForbidden);
  }
  if (scope == "everything") return IfNot(!holder.restricted(), Answer::kForbidden);
  if (scope == "grant") {
    return IfNot(inside, route == "POST /tokens" ? Answer::kForbidden : Answer::kUnknown);
  }
  ADD_FAILURE() << route << ": the table's word \"" << scope << "\" has no meaning here";
  return Answer::kAllowed;
}

Answer AnswerOf(const HttpReply& reply) {
  if (reply.status == 403) return Answer::kForbidden;
  return reply.status == 404 ? Answer::kUnknown : Answer::kAllowed;
}

std::string NameOf(const server::Route& route) {
  const auto method = boost::beast::http::to_string(route.method);
  return std::string(method.data(), method.size()) + " " + std::string(route.pattern);
}

std::string With(std::string_view pattern, const std::string& value) {
  return std::regex_replace(std::string(pattern), std::regex(R"(\{[^}]*\})"), value);
}

struct Shot {
  std::string method;
  std::string target;
  std::string body;
};

class AccessMatrixTest : public TokenServerTest {
 protected:
  Uuid NewJobOf(const Aim& aim) {
    NewJob job{.type = aim.type};
    job.queue = aim.queue;
    return EnqueueOne(job);
  }

  std::string NewTokenOf(const Aim& aim) {
    const std::string name = "victim-" + std::to_string(++made_);
    if (aim.everything()) {
      MakeToken(name, "read");
    } else {
      MakeToken(name, "read", {aim.queue}, {aim.type});
    }
    return ids_[name].ToString();
  }

  std::string NewAudit() {
    return sql_.Value(
        "insert into djps.audit (actor, action, target) values ('me', 'pause', 'mine') "
        "returning id");
  }

  /// Whether requests of this route name queue and type in a special way, or not at all.
  static bool TakesEverything(const std::string& name, const Rule& rule) {
    return rule.scope == "filter" || rule.scope == "grant" || name == "PUT /retention";
  }

  std::string BodyFor(const std::string& name, const Aim& aim) {
    const auto [queue, type] = aim;
    if (name == "POST /jobs") return fmt::format(R"({{"type":"{}","queue":"{}"}})", type, queue);
    if (name == "POST /jobs/batch") {
      return fmt::format(R"({{"jobs":[{{"type":"{}","queue":"{}"}}]}})", type, queue);
    }
    if (name == "POST /jobs/bulk") {
      const std::string names =
          aim.everything() ? "" : fmt::format(R"(,"queue":"{}","type":"{}")", queue, type);
      return R"({"action":"cancel","dryRun":true,"filter":{"status":["queued"])" + names + "}}";
    }
    if (name == "POST /worker/claim") {
      return aim.everything()
                 ? R"({"worker":"w","types":["x"]})"
                 : fmt::format(R"({{"worker":"w","types":["{}"],"queues":["{}"]}})", type, queue);
    }
    if (name == "PUT /queues/{name}") return R"({"maxBacklog":null})";
    if (name == "PUT /retry-policies/{type}") return R"({"kind":"fixed","delayMs":1000})";
    if (name == "PUT /retention") {
      return fmt::format(R"({{"queue":"{}","status":"dead","forever":true}})",
                         aim.everything() ? "*" : queue);
    }
    if (name == "PUT /retention/audit") return R"({"forever":true})";
    if (name == "POST /tokens") {
      const std::string names =
          aim.everything() ? "" : fmt::format(R"(,"queues":["{}"],"types":["{}"])", queue, type);
      return fmt::format(R"({{"name":"made-{}","role":"read"{}}})", ++made_, names);
    }
    return "";
  }

  /// A request of the route about `aim`, before anything is stored for it.
  Shot Make(const server::Route& route, const Aim& aim) {
    const std::string name = NameOf(route);
    Shot shot{name.substr(0, name.find(' ')), std::string(route.pattern), BodyFor(name, aim)};
    if (route.pattern.starts_with("/jobs/{")) {
      shot.target = With(route.pattern, NewJobOf(aim).ToString());
    } else if (route.pattern.starts_with("/queues/")) {
      shot.target = With(route.pattern, aim.queue);
    } else if (route.pattern.starts_with("/retry-policies/")) {
      shot.target = With(route.pattern, aim.type);
    } else if (route.pattern.starts_with("/audit/")) {
      shot.target = With(route.pattern, NewAudit());
    } else if (route.pattern.starts_with("/tokens/")) {
      shot.target = With(route.pattern, NewTokenOf(aim));
    }
    if (name == "GET /jobs" && !aim.everything()) {
      shot.target += fmt::format("?queue={}&type={}", aim.queue, aim.type);
    }
    if (route.pattern.ends_with("/wait")) shot.target += "?timeoutMs=0";
    if (route.pattern.ends_with("/events")) shot.method = "HEAD";  // without the endless body
    return shot;
  }

  std::vector<Holder> MakeHolders() {
    std::vector<Holder> holders;
    for (const char* role : kRoles) {
      for (const char* restriction : kRestrictions) {
        Holder holder{role, restriction, {}};
        std::vector<std::string> queues;
        std::vector<std::string> types;
        if (holder.by_queue()) queues = {"mine"};
        if (holder.by_type()) types = {"t"};
        holder.token = MakeToken(fmt::format("{}-{}", role, restriction), role, queues, types);
        holders.push_back(std::move(holder));
      }
    }
    return holders;
  }

  int made_ = 0;
};

TEST_F(AccessMatrixTest, EveryRoleAndRestrictionGetsWhatTheDocumentedTableSays) {
  const std::vector<Holder> holders = MakeHolders();
  AccessTable table = DocumentedTable();
  int requests = 0;
  for (const server::Route& route : server::Routes()) {
    const std::string name = NameOf(route);
    ASSERT_TRUE(table.contains(name)) << name << " is missing in the table of docs/http-api.md";
    const Rule rule = table.extract(name).mapped();
    for (const Aim& aim : kAims) {
      if (aim.everything() && !TakesEverything(name, rule)) continue;
      for (const Holder& holder : holders) {
        const Shot shot = Make(route, aim);
        const HttpReply reply = Call(client_, shot.method, shot.target, holder.token, shot.body);
        const std::string what =
            fmt::format("{} {} on {} about \"{}\" \"{}\": {} {}", holder.role, holder.restriction,
                        name, aim.queue, aim.type, reply.status, reply.body);
        EXPECT_EQ(AnswerOf(reply), Expected(name, rule, holder, aim)) << what;
        EXPECT_NE(reply.status, 401) << what;
        EXPECT_LT(reply.status, 500) << what;
        ++requests;
      }
    }
  }
  for (const auto& [name, rule] : table) ADD_FAILURE() << name << " is documented, but no route";
  RecordProperty("requests", requests);
  fmt::print("{} requests: routes, roles, restrictions and what they are about\n", requests);
  EXPECT_GT(requests, 2'000);
}

TEST_F(AccessMatrixTest, NoRestrictionMakesAnExpiredOrRevokedTokenCount) {
  std::vector<Holder> holders = MakeHolders();
  for (std::size_t i = 0; i < holders.size(); i += 2) {
    Revoke(fmt::format("{}-{}", holders[i].role, holders[i].restriction));
  }
  sql_.Run(
      "update djps.tokens set created_at = now() - interval '2 s', "
      "expires_at = now() - interval '1 s' where revoked_at is null");
  AccessTable table = DocumentedTable();
  int requests = 0;
  for (const server::Route& route : server::Routes()) {
    const std::string name = NameOf(route);
    for (const Holder& holder : holders) {
      const std::string target = With(route.pattern, kUnusedId);
      const HttpReply reply =
          Call(client_, name.substr(0, name.find(' ')), target, holder.token, "");
      EXPECT_EQ(reply.status, table[name].asked == "none" ? 200 : 401) << name << holder.role;
      ++requests;
    }
  }
  RecordProperty("requests", requests);
  fmt::print("{} requests with tokens that ended\n", requests);
}

}  // namespace
}  // namespace djps::test_support
