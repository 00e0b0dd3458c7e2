#include "server/routes/routes.h"

#include <array>
#include <boost/url/pct_string_view.hpp>
#include <optional>

#include "server/routes/handlers.h"

namespace djps::server {
namespace {

using boost::beast::http::verb;

/// A GET whose handler reads parameters.
constexpr Route WithParameters(std::string_view pattern, Role role, Handler handler) {
  return {verb::get, pattern, role, handler, &ServerConfig::body_bytes_max, Parameters::kRead};
}

constexpr std::array kRoutes = {
    Route{verb::get, "/health", Role::kNone, GetHealth},
    Route{verb::get, "/health/live", Role::kNone, GetLiveness},
    Route{verb::get, "/health/ready", Role::kNone, GetHealth},
    Route{verb::post, "/jobs", Role::kSubmit, SubmitJob},
    Route{verb::post, "/jobs/batch", Role::kSubmit, SubmitBatch, &ServerConfig::batch_bytes_max},
    Route{verb::post, "/jobs/bulk", Role::kOperate, ActOnJobs},
    WithParameters("/jobs", Role::kRead, ListJobs),
    Route{verb::get, "/jobs/{id}", Role::kSubmit, GetJob},
    Route{verb::patch, "/jobs/{id}", Role::kOperate, EditJob},
    Route{verb::delete_, "/jobs/{id}", Role::kOperate, PurgeJob},
    Route{verb::post, "/jobs/{id}/cancel", Role::kSubmit, CancelJob},
    Route{verb::post, "/jobs/{id}/retry", Role::kOperate, RetryJob},
    Route{verb::put, "/queues/{name}", Role::kOperate, LimitQueue},
    Route{verb::post, "/queues/{name}/pause", Role::kOperate, PauseQueue},
    Route{verb::post, "/queues/{name}/resume", Role::kOperate, ResumeQueue},
    Route{verb::get, "/retry-policies", Role::kRead, ListRetryPolicies},
    Route{verb::put, "/retry-policies/{type}", Role::kOperate, SetRetryPolicy},
    Route{verb::delete_, "/retry-policies/{type}", Role::kOperate, DeleteRetryPolicy},
    Route{verb::get, "/retention", Role::kRead, ListRetention},
    Route{verb::put, "/retention", Role::kOperate, SetRetention},
    Route{verb::put, "/retention/audit", Role::kOperate, SetAuditRetention},
    WithParameters("/audit", Role::kOperate, ListAudit),
    WithParameters("/audit/{id}/jobs", Role::kOperate, ListAuditJobs),
    WithParameters("/jobs/{id}/logs", Role::kRead, ListJobLogs),
    WithParameters("/workers", Role::kRead, ListWorkers),
    Route{verb::post, "/worker/claim", Role::kWork, ClaimWork},
    Route{verb::post, "/worker/heartbeat", Role::kWork, Heartbeat},
    Route{verb::post, "/worker/complete", Role::kWork, CompleteWork,
          &ServerConfig::batch_bytes_max},
    Route{verb::post, "/worker/fail", Role::kWork, FailWork, &ServerConfig::batch_bytes_max},
    Route{verb::post, "/worker/snooze", Role::kWork, SnoozeWork},
    Route{verb::post, "/worker/release", Role::kWork, ReleaseWork},
    Route{verb::post, "/worker/progress", Role::kWork, ReportProgress,
          &ServerConfig::batch_bytes_max},
    Route{verb::post, "/worker/logs", Role::kWork, WriteLogs, &ServerConfig::batch_bytes_max},
    Route{verb::get, "/jobs/{id}/attempts", Role::kSubmit, ListAttempts},
    WithParameters("/jobs/{id}/wait", Role::kSubmit, WaitForJob),
    Route{verb::get, "/jobs/{id}/events", Role::kSubmit, StreamJobEvents},
    Route{verb::get, "/jobs/{id}/explain", Role::kRead, ExplainJob},
    WithParameters("/queues", Role::kRead, ListQueues),
    Route{verb::get, "/queues/{name}", Role::kRead, GetQueue},
    Route{verb::get, "/stats", Role::kRead, GetStats},
    Route{verb::post, "/tokens", Role::kAdmin, CreateToken},
    Route{verb::get, "/tokens", Role::kAdmin, ListTokens},
    Route{verb::delete_, "/tokens/{id}", Role::kAdmin, RevokeToken},
    Route{verb::get, "/openapi.json", Role::kNone, GetOpenApi},
    Route{verb::get, "/docs", Role::kNone, GetDocs},
};

std::string_view CutPart(std::string_view& path) {
  const std::size_t end = path.find('/', 1);
  const std::string_view part = path.substr(0, end);
  path.remove_prefix(part.size());
  return part;
}

/// `part` with its %XX decoded (RFC 3986, section 2.1); none if they are malformed.
std::optional<std::string> Decode(std::string_view part) {
  const auto encoded = boost::urls::make_pct_string_view({part.data(), part.size()});
  if (encoded.has_error()) return std::nullopt;
  return encoded->decode();
}

/// The values of each "{...}" of `pattern`; none: no match.
std::optional<std::vector<std::string>> MatchPath(std::string_view pattern, std::string_view path) {
  std::vector<std::string> parameters;
  if (!path.starts_with('/')) return std::nullopt;
  while (!pattern.empty() && !path.empty()) {
    const std::string_view expected = CutPart(pattern);
    const std::string_view part = CutPart(path);
    if (expected.starts_with("/{")) {
      auto parameter = Decode(part.substr(1));
      if (!parameter || parameter->empty()) return std::nullopt;
      parameters.push_back(*std::move(parameter));
    } else if (part != expected) {
      return std::nullopt;
    }
  }
  if (!pattern.empty() || !path.empty()) return std::nullopt;
  return parameters;
}

}  // namespace

std::span<const Route> Routes() { return kRoutes; }

RouteMatch FindRoute(verb method, std::string_view path) {
  if (method == verb::head) method = verb::get;
  RouteMatch match;
  std::string_view pattern;  // the first match
  for (const Route& route : kRoutes) {
    auto parameters = MatchPath(route.pattern, path);
    if (!parameters || (!pattern.empty() && route.pattern != pattern)) continue;
    pattern = route.pattern;
    if (route.method == method) return {&route, *std::move(parameters), {}};
    if (!match.allow.empty()) match.allow += ", ";
    match.allow += boost::beast::http::to_string(route.method);
    if (route.method == verb::get) match.allow += ", HEAD";
  }
  return match;
}

}  // namespace djps::server
