#pragma once

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <string_view>

namespace djps::server {

using HttpRequest = boost::beast::http::request<boost::beast::http::string_body>;

/// The value of a header; empty where there is none.
std::string_view HeaderOf(const HttpRequest& message, std::string_view name);

/// Has the client at the other end of `socket` closed its connection? A client that only stops
/// sending counts as gone.
bool ClientGone(int socket);

}  // namespace djps::server
