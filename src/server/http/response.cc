#include "server/http/response.h"

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
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\nDate: {}\r\n", response.status,
                 std::string_view(reason.data(), reason.size()), framing.date);
  // RFC 9110, section 8.6: an answer that cannot have a body has no length.
  if (response.status != kNoContent) {
    fmt::format_to(std::back_inserter(out), "Content-Type: {}\r\n", response.content_type);
  }
  if (!response.producer && response.status != kNoContent) {
    fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", response.body.size());
  } else if (response.producer && !framing.http_1_0) {
    out += "Transfer-Encoding: chunked\r\n";  // else closing the connection ends the body
  }
  // nosniff and no-store: job data is not a web page, and must not be cached.
  fmt::format_to(std::back_inserter(out),
                 "X-Request-Id: {}\r\nCache-Control: no-store\r\n"
                 "X-Content-Type-Options: nosniff\r\n",
                 framing.request_id);
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

void AppendChunk(std::string& out, std::string_view bytes) {
  fmt::format_to(std::back_inserter(out), "{:x}\r\n", bytes.size());
  out.append(bytes).append("\r\n");
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
