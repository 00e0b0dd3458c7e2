#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <string_view>

#include "server/router.h"

namespace djps::server {

using HttpRequest = boost::beast::http::request<boost::beast::http::string_body>;

/// Answers a complete request: checks method and content type, runs the handler, and turns whatever
/// went wrong into a problem document. The one place where a request's exceptions end. Never
/// throws.
boost::asio::awaitable<Response> Dispatch(ServerContext& context, const RouteMatch& match,
                                          const HttpRequest& message, std::string_view request_id);

}  // namespace djps::server
