#pragma once

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace djps::server {

using RequestHeader = boost::beast::http::request_header<boost::beast::http::fields>;

/// Finds the end of a request's headers in bytes that arrive in pieces, and refuses line structures
/// that HTTP implementations read differently (RFC 9112, sections 2.2 and 5.2). So a proxy and this
/// server see the same requests in the same bytes (no request smuggling).
class HeadScanner {
 public:
  enum class State {
    kIncomplete,
    kComplete,
    kBareLineFeed,  ///< A line that ends without a carriage return.
    kFoldedLine,    ///< A header continued on the next line.
    kNoRequest,     ///< The first byte cannot begin a method: TLS, or noise.
  };

  /// `head`: all bytes of the request received so far; it only grows.
  State Scan(std::string_view head);

 private:
  std::size_t scanned_ = 0;
};

/// Why a request with this header must be refused before its body is read, as a sentence; nothing
/// if it is valid. Beast's parser does not check these things.
std::optional<std::string> HeaderTrouble(const RequestHeader& header, bool chunked);

/// The host and port that a request is for: those of an absolute target, whatever the Host header
/// says (RFC 9112, section 3.2.2), else those of the Host header. Nothing if both are missing.
std::optional<std::string_view> AuthorityOf(const RequestHeader& header);

/// The path of a request target, without query, scheme and host.
std::string_view PathOf(std::string_view target);

/// The compression of a body.
enum class ContentCoding { kNone, kGzip };

/// The Content-Encoding header; nothing if the coding is not supported.
std::optional<ContentCoding> ContentCodingOf(const RequestHeader& header);

/// Whether we may repeat this request id: 1 to 64 of A-Z a-z 0-9 _ -
bool IsSaneRequestId(std::string_view id);

}  // namespace djps::server
