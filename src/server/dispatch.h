#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string_view>

#include "server/router.h"

namespace djps::server {

/// Answers a complete request that came over `socket`: checks method, caller (access.h) and content
/// type, runs the handler, and turns whatever went wrong into a problem document. The one place
/// where a request's
/// exceptions end. Never throws.
boost::asio::awaitable<Response> Dispatch(ServerContext& context, const RouteMatch& match,
                                          const HttpRequest& message, std::string_view request_id,
                                          int socket);

/// Why a request need not be read to its end: its sender may not make it. Nothing when it may, or
/// when that cannot be found out now, which Dispatch says then. Never throws.
boost::asio::awaitable<std::optional<Problem>> RefuseSender(ServerContext& context,
                                                            const RouteMatch& match,
                                                            const HttpRequest& message);

}  // namespace djps::server
