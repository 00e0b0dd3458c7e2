#pragma once

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <optional>

#include "server/config.h"
#include "server/http/problem.h"

namespace djps::server {

/// Why an open server must refuse a request with this header; nothing when it need not.
///
/// Whoever can connect may do everything there, and the browser of the person at this machine can
/// connect on behalf of any page. So a page must not get in under a name of its own that it lets
/// point to this machine (DNS rebinding: its Host header is foreign), nor send requests to our name
/// (their Origin header is foreign). Programs send no Origin, and the Host they were given.
std::optional<Problem> OpenAccessTrouble(
    const ServerConfig& config,
    const boost::beast::http::request_header<boost::beast::http::fields>& header);

}  // namespace djps::server
