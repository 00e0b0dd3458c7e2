#include "server/access/open_access.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/field.hpp>
#include <string>
#include <string_view>

#include "core/validation.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

bool IsName(std::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

/// The host of "localhost:3000" or "[::1]:3000", without brackets; empty for any other text (RFC
/// 3986, section 3.2), such as "[::1].example" or "localhost:@example".
std::string_view HostOf(std::string_view authority) {
  const bool bracketed = authority.starts_with('[');
  const std::size_t end =
      bracketed ? authority.find(']') + 1 : std::min(authority.find(':'), authority.size());
  if (bracketed && end == 0) return {};
  const std::string_view port = authority.substr(end);
  if (!port.empty() &&
      (port.front() != ':' || port.find_first_not_of("0123456789", 1) != std::string_view::npos)) {
    return {};
  }
  if (!bracketed) return IsName(authority.substr(0, end)) ? authority.substr(0, end) : "";
  const std::string_view address = authority.substr(1, end - 2);
  boost::system::error_code error;
  asio::ip::make_address_v6(std::string(address), error);
  return error ? std::string_view() : address;
}

/// True for a name of this machine only, the address we listen on, and an allowed host.
bool IsOurs(std::string_view host, const ServerConfig& config) {
  constexpr std::string_view kLocalhost = ".localhost";
  if (host.empty()) return false;
  const auto same = [host](std::string_view known) { return beast::iequals(host, known); };
  if (std::any_of(config.allowed_hosts.begin(), config.allowed_hosts.end(), same)) return true;
  boost::system::error_code error;
  const auto address = asio::ip::make_address(std::string(host), error);
  if (!error) return address.is_loopback() || host == config.address;
  if (same(kLocalhost.substr(1))) return true;
  // RFC 6761, section 6.3: names with this ending are the loopback address too.
  return host.size() > kLocalhost.size() &&
         beast::iequals(host.substr(host.size() - kLocalhost.size()), kLocalhost);
}

}  // namespace

bool IsHost(std::string_view text) {
  boost::system::error_code error;
  asio::ip::make_address(std::string(text), error);
  return !error || IsName(text);
}

std::optional<Problem> OpenAccessTrouble(const ServerConfig& config, const RequestHeader& header) {
  if (config.access != AccessMode::kOpen) return std::nullopt;
  // HTTP/1.0 may omit it; no browser uses HTTP/1.0.
  const auto host = AuthorityOf(header);
  if (host && !IsOurs(HostOf(*host), config)) {
    return Problem{
        ProblemKind::kForbidden,
        fmt::format("Access is open here, so requests must name this machine, such as "
                    "http://localhost:{}, or a host of --allow-host; this one names {}. Or use "
                    "tokens: `djps token create`, then `--auth token`.",
                    config.port, QuoteForMessage(*host))};
  }
  for (auto [sent, end] = header.equal_range(http::field::origin); sent != end; ++sent) {
    const std::string_view origin(sent->value());
    const std::size_t scheme_end = origin.find("://");
    const bool ours = scheme_end != std::string_view::npos &&
                      IsOurs(HostOf(origin.substr(scheme_end + 3)), config);
    if (ours) continue;
    return Problem{ProblemKind::kForbidden,
                   fmt::format("Access is open here, so pages of other sites are refused; the "
                               "Origin header is {}. For other sites use tokens: `djps token "
                               "create`, then `--auth token`.",
                               QuoteForMessage(origin))};
  }
  return std::nullopt;
}

}  // namespace djps::server
