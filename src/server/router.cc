#include "server/router.h"

#include <array>
#include <optional>

#include "server/handlers.h"

namespace djps::server {
namespace {

using boost::beast::http::verb;

constexpr std::array kRoutes = {
    Route{verb::get, "/health", GetHealth},
    Route{verb::post, "/jobs", SubmitJob},
    Route{verb::post, "/jobs/batch", SubmitBatch, &ServerConfig::batch_bytes_max},
    Route{verb::get, "/jobs/{id}", GetJob},
};

/// The part of `path` that stands for "{id}"; empty for a pattern without one; none: no match.
std::optional<std::string_view> MatchPath(std::string_view pattern, std::string_view path) {
  const std::size_t brace = pattern.find('{');
  if (brace == std::string_view::npos) {
    if (path == pattern) return std::string_view();
    return std::nullopt;
  }
  if (!path.starts_with(pattern.substr(0, brace))) return std::nullopt;
  const std::string_view parameter = path.substr(brace);
  if (parameter.empty() || parameter.find('/') != std::string_view::npos) return std::nullopt;
  return parameter;
}

}  // namespace

std::span<const Route> Routes() { return kRoutes; }

RouteMatch FindRoute(verb method, std::string_view path) {
  if (method == verb::head) method = verb::get;
  RouteMatch match;
  std::string_view pattern;  // the first that fits
  for (const Route& route : kRoutes) {
    const auto parameter = MatchPath(route.pattern, path);
    if (!parameter || (!pattern.empty() && route.pattern != pattern)) continue;
    pattern = route.pattern;
    if (route.method == method) return {&route, *parameter, {}};
    if (!match.allow.empty()) match.allow += ", ";
    match.allow += route.method == verb::get ? "GET, HEAD" : "POST";
  }
  return match;
}

}  // namespace djps::server
