#pragma once

#include <optional>
#include <string_view>

#include "server/config.h"
#include "server/http/problem.h"
#include "server/http/request_head.h"

namespace djps::server {

/// Why an open server must refuse a request with this header; nothing when it need not.
///
/// Whoever can connect may do everything there, and the browser of the person at this machine can
/// connect on behalf of any page. So a page must not get in under a name of its own that it lets
/// point to this machine (DNS rebinding: its Host header is foreign), nor send requests to our name
/// (their Origin header is foreign). Programs send no Origin, and the Host they were given.
std::optional<Problem> OpenAccessTrouble(const ServerConfig& config, const RequestHeader& header);

/// Can this be a host of ServerConfig::allowed_hosts: a name or an IP address, without a port?
bool IsHost(std::string_view text);

}  // namespace djps::server
