#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/verb.hpp>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/access/role.h"
#include "server/context.h"
#include "server/routes/request.h"

namespace djps::server {

using Handler = boost::asio::awaitable<HandlerResult> (*)(ServerContext& context,
                                                          const Request& request);

/// Whether the handler reads the query of the URI (wire/query.h). If not, a request with parameters
/// is refused.
enum class Parameters { kNone, kRead };

struct Route {
  boost::beast::http::verb method;
  std::string_view pattern;  ///< A path; "{name}" matches one segment.
  Role role;                 ///< The role that a caller needs.
  Handler handler;
  std::size_t ServerConfig::* body_bytes_max = &ServerConfig::body_bytes_max;
  Parameters parameters = Parameters::kNone;
};

/// All routes. If two patterns match, the earlier one is used.
std::span<const Route> Routes();

struct RouteMatch {
  const Route* route = nullptr;
  std::vector<std::string> parameters = {};  ///< Decoded, in the order of the pattern.
  std::string allow =
      {};  ///< If the path exists but not for this method: the methods that it supports.
};

/// Finds the route of a request; `path` has no query. HEAD goes where GET does.
RouteMatch FindRoute(boost::beast::http::verb method, std::string_view path);

}  // namespace djps::server
