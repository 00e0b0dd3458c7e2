#pragma once

#include <optional>
#include <string_view>

#include "server/config.h"
#include "server/http/problem.h"
#include "server/http/request_head.h"

namespace djps::server {

/// Why a server with open access must refuse a request with this header; nothing if it need not.
///
/// With open access everyone who can connect may do everything, and a browser on this machine can
/// connect on behalf of any web page. Two attacks are refused: a page whose own name resolves to
/// this machine (DNS rebinding: the Host header is foreign), and a page that sends requests to our
/// name (cross-site: the Origin header is foreign). Programs send no Origin, and the Host that they
/// were given.
std::optional<Problem> OpenAccessTrouble(const ServerConfig& config, const RequestHeader& header);

/// Whether this can be an entry of ServerConfig::allowed_hosts: a name or an IP address, without a
/// port.
bool IsHost(std::string_view text);

}  // namespace djps::server
