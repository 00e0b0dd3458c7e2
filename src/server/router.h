#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/verb.hpp>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "server/access.h"
#include "server/config.h"
#include "server/job_watch.h"
#include "server/problem.h"
#include "server/response.h"
#include "server/role.h"
#include "store/queue_limits.h"
#include "store/stores.h"

namespace djps::store {
class JobWriter;
class ClaimGatherer;
class LeaseWriter;
}  // namespace djps::store

namespace djps::server {

class JobWaiters;
class WorkerPresence;
class TokenCache;

/// What handlers work with.
struct ServerContext {
  const ServerConfig& config;
  store::Stores& stores;
  store::JobWriter& submissions;  ///< Instead of stores.jobs, and
  store::ClaimGatherer& claims;   ///< of stores.leases, for what many ask at once,
  store::LeaseWriter& outcomes;   ///< and for what many send at once.
  store::QueueLimits& limits;
  JobWaiters& waiters;
  WorkerPresence& presence;
  JobWatch& watch;
  TokenCache& tokens;
};

using HttpRequest = boost::beast::http::request<boost::beast::http::string_body>;

/// A request as handlers see it. The session owns what the references point to.
struct Request {
  const HttpRequest& message;
  const std::vector<std::string>& parameters;  ///< What stands for each "{...}" in the path.
  std::string_view request_id;
  const Caller& caller;
  int socket = -1;  ///< The client's connection, to be looked at only.

  std::string_view body() const { return message.body(); }
  /// The value of a header; empty where there is none.
  std::string_view header(std::string_view name) const;
  /// Has the client closed its connection? One that only stops sending counts as gone.
  bool client_gone() const;
};

using HandlerResult = tl::expected<Response, Problem>;
using Handler = boost::asio::awaitable<HandlerResult> (*)(ServerContext& context,
                                                          const Request& request);

struct Route {
  boost::beast::http::verb method;
  std::string_view pattern;  ///< A path, in which "{name}" stands for one part.
  Role role;                 ///< The least that a caller must be allowed to do.
  Handler handler;
  std::size_t ServerConfig::* body_bytes_max = &ServerConfig::body_bytes_max;
};

/// Everything the API has. Of two patterns that fit, the earlier one counts.
std::span<const Route> Routes();

struct RouteMatch {
  const Route* route = nullptr;
  std::vector<std::string> parameters = {};  ///< Decoded, in the order of the pattern.
  std::string allow = {};  ///< No route, but the path exists: the methods it takes.
};

/// Finds the route of a request; `path` has no query. HEAD goes where GET does.
RouteMatch FindRoute(boost::beast::http::verb method, std::string_view path);

}  // namespace djps::server
