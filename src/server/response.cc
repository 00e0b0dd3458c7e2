#include "server/response.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <boost/beast/http/status.hpp>
#include <chrono>
#include <iterator>

namespace djps::server {
namespace {

constexpr int kNoContent = 204;

}  // namespace

void AppendResponse(std::string& out, const Response& response, const Framing& framing) {
  const auto reason = boost::beast::http::obsolete_reason(
      boost::beast::http::int_to_status(static_cast<unsigned>(response.status)));
  // nosniff and no-store: job data is no page, and belongs in no cache.
  fmt::format_to(std::back_inserter(out),
                 "HTTP/1.1 {} {}\r\nDate: {}\r\nX-Request-Id: {}\r\nCache-Control: no-store\r\n"
                 "X-Content-Type-Options: nosniff\r\n",
                 response.status, std::string_view(reason.data(), reason.size()), framing.date,
                 framing.request_id);
  // RFC 9110, section 8.6: an answer that can have no body says no length.
  if (response.status != kNoContent) {
    fmt::format_to(std::back_inserter(out), "Content-Type: {}\r\nContent-Length: {}\r\n",
                   response.content_type, response.body.size());
  }
  for (const Header& header : response.headers) {
    out.append(header.name).append(": ").append(header.value).append("\r\n");
  }
  if (!framing.keep_alive) {
    out += "Connection: close\r\n";
  } else if (framing.http_1_0) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
  if (!framing.without_body) out += response.body;
}

std::string_view HttpDate::Now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  if (now != formatted_) {
    text_ = fmt::format("{:%a, %d %b %Y %H:%M:%S GMT}", fmt::gmtime(now));
    formatted_ = now;
  }
  return text_;
}

}  // namespace djps::server
