#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/verb.hpp>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "server/config.h"
#include "server/problem.h"
#include "server/response.h"
#include "store/job_store.h"
#include "store/upkeep_store.h"

namespace djps::server {

/// What handlers work with.
struct ServerContext {
  const ServerConfig& config;
  store::JobStore& jobs;
  store::UpkeepStore& upkeep;
};

/// A request as handlers see it. The session owns what the views point to.
struct Request {
  std::string_view parameter;  ///< What stands for "{id}" in the path.
  std::string_view body;
  std::string_view request_id;
};

using HandlerResult = tl::expected<Response, Problem>;
using Handler = boost::asio::awaitable<HandlerResult> (*)(ServerContext& context,
                                                          const Request& request);

struct Route {
  boost::beast::http::verb method;
  std::string_view pattern;  ///< A path, where "{id}" at the end stands for one part.
  Handler handler;
  std::size_t ServerConfig::* body_bytes_max = &ServerConfig::body_bytes_max;
};

/// Everything the API has. Of two patterns that fit, the earlier one counts.
std::span<const Route> Routes();

struct RouteMatch {
  const Route* route = nullptr;
  std::string_view parameter = {};
  std::string allow = {};  ///< No route, but the path exists: the methods it takes.
};

/// Finds the route of a request; `path` has no query. HEAD goes where GET does.
RouteMatch FindRoute(boost::beast::http::verb method, std::string_view path);

}  // namespace djps::server
