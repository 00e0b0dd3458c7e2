#include "server/access/open_access.h"

#include <fmt/format.h>

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

/// "localhost:3000" without the port, "[::1]:3000" without the brackets as well.
std::string_view HostOf(std::string_view authority) {
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    return end == std::string_view::npos ? std::string_view() : authority.substr(1, end - 1);
  }
  return authority.substr(0, authority.find(':'));
}

/// A name under which nobody but this machine can be reached, or the address we listen on.
bool IsThisMachine(std::string_view host, const ServerConfig& config) {
  constexpr std::string_view kLocalhost = "localhost";
  boost::system::error_code error;
  const auto address = asio::ip::make_address(std::string(host), error);
  if (!error) return address.is_loopback() || host == config.address;
  if (beast::iequals(host, kLocalhost)) return true;
  // RFC 6761, section 6.3: what ends so is the loopback address too.
  return host.size() > kLocalhost.size() + 1 &&
         beast::iequals(host.substr(host.size() - kLocalhost.size() - 1), ".localhost");
}

}  // namespace

std::optional<Problem> OpenAccessTrouble(const ServerConfig& config,
                                         const http::request_header<http::fields>& header) {
  if (config.access != AccessMode::kOpen) return std::nullopt;
  const std::string_view host(header[http::field::host]);
  // Without that guard any name may be ours. Of HTTP/1.0, which no browser speaks, it may lack.
  if (!config.insecure_open_access && header.count(http::field::host) > 0 &&
      !IsThisMachine(HostOf(host), config)) {
    return Problem{
        ProblemKind::kForbidden,
        fmt::format("Access is open here, so requests must name this machine, such as "
                    "http://localhost:{}; the Host header is {}. For other names use tokens: "
                    "`djps token create`, then `--auth token`.",
                    config.port, QuoteForMessage(host))};
  }
  for (auto [sent, end] = header.equal_range(http::field::origin); sent != end; ++sent) {
    const std::string_view origin(sent->value());
    const std::size_t scheme_end = origin.find("://");
    const std::string_view authority =
        scheme_end == std::string_view::npos ? std::string_view() : origin.substr(scheme_end + 3);
    const bool ours = !authority.empty() &&
                      (beast::iequals(authority, host) || IsThisMachine(HostOf(authority), config));
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
