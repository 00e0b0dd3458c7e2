#pragma once

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <string_view>

namespace djps::server {

using HttpRequest = boost::beast::http::request<boost::beast::http::string_body>;

/// The value of a header; empty if it is missing.
std::string_view HeaderOf(const HttpRequest& message, std::string_view name);

/// Whether the client of `socket` has closed its connection. A client that has only shut down its
/// sending side counts as gone.
bool ClientGone(int socket);

}  // namespace djps::server
