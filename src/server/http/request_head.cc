#include "server/http/request_head.h"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <cstring>
#include <iterator>

namespace djps::server {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// "http://host" of an absolute target; empty for the usual kind, which begins with the path.
std::string_view OriginOf(std::string_view target) {
  if (target.starts_with('/')) return {};
  const std::size_t scheme_end = target.find("://");
  if (scheme_end == std::string_view::npos) return {};
  return target.substr(0, target.find_first_of("/?#", scheme_end + 3));
}

}  // namespace

HeadScanner::State HeadScanner::Scan(std::string_view head) {
  if (!head.empty() && !IsAlphanumeric(head.front())) return State::kNoRequest;
  while (true) {
    const std::size_t end = head.find('\n', scanned_);
    if (end == std::string_view::npos) {
      scanned_ = head.size();
      return State::kIncomplete;
    }
    if (end == 0 || head[end - 1] != '\r') return State::kBareLineFeed;
    if (end >= 3 && head.substr(end - 3, 3) == "\r\n\r") return State::kComplete;
    if (end + 1 == head.size()) {
      scanned_ = end;  // the next byte decides: check the line again then
      return State::kIncomplete;
    }
    if (head[end + 1] == ' ' || head[end + 1] == '\t') return State::kFoldedLine;
    scanned_ = end + 1;
  }
}

std::optional<std::string> HeaderTrouble(const RequestHeader& header, bool chunked) {
  const auto transfer_encodings = header.count(http::field::transfer_encoding);
  if (transfer_encodings > 0 && header.version() < 11) {
    return "HTTP/1.0 has no Transfer-Encoding.";
  }
  if (transfer_encodings > 1 ||
      (transfer_encodings == 1 &&
       (!chunked || !beast::iequals(header[http::field::transfer_encoding], "chunked")))) {
    return "The only supported Transfer-Encoding is chunked.";
  }
  const auto lengths = header.equal_range(http::field::content_length);
  const auto length_count = std::distance(lengths.first, lengths.second);
  if (length_count > 1 ||
      (length_count == 1 &&
       !std::all_of(lengths.first->value().begin(), lengths.first->value().end(),
                    [](char c) { return c >= '0' && c <= '9'; }))) {
    return "Content-Length must be one number.";
  }
  const auto hosts = header.count(http::field::host);
  if (hosts > 1 || (hosts == 0 && header.version() == 11)) {
    return "An HTTP/1.1 request has exactly one Host header.";
  }
  // If a proxy checks one of them and we the other, a forbidden request could pass.
  for (const auto field : {http::field::authorization, http::field::content_type}) {
    if (header.count(field) < 2) continue;
    return std::string(http::to_string(field)) + " is sent twice; send one of them.";
  }
  return std::nullopt;
}

std::optional<std::string_view> AuthorityOf(const RequestHeader& header) {
  const std::string_view origin = OriginOf(header.target());
  if (!origin.empty()) return origin.substr(origin.find("://") + 3);
  const auto host = header.find(http::field::host);
  if (host == header.end()) return std::nullopt;
  return std::string_view(host->value());
}

std::string_view PathOf(std::string_view target) {
  const std::string_view origin = OriginOf(target);
  target.remove_prefix(origin.size());
  const std::string_view path = target.substr(0, target.find_first_of("?#"));
  return path.empty() && !origin.empty() ? "/" : path;
}

std::optional<ContentCoding> ContentCodingOf(const RequestHeader& header) {
  const auto [first, end] = header.equal_range(http::field::content_encoding);
  if (first == end) return ContentCoding::kNone;
  const std::string_view coding(first->value());
  if (std::next(first) != end) return std::nullopt;
  if (coding.empty() || beast::iequals(coding, "identity")) return ContentCoding::kNone;
  // RFC 9110, section 8.4.1.3: both names mean the same.
  if (beast::iequals(coding, "gzip") || beast::iequals(coding, "x-gzip")) {
    return ContentCoding::kGzip;
  }
  return std::nullopt;
}

bool IsSaneRequestId(std::string_view id) {
  constexpr std::size_t kBytesMax = 64;
  return !id.empty() && id.size() <= kBytesMax && std::all_of(id.begin(), id.end(), [](char c) {
    return IsAlphanumeric(c) || c == '_' || c == '-';
  });
}

}  // namespace djps::server
