#pragma once

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace djps::server {

using RequestHeader = boost::beast::http::request_header<boost::beast::http::fields>;

/// Looks for the end of a request's headers in bytes that come bit by bit, and refuses the line
/// structures on which two HTTP implementations may disagree (RFC 9112, sections 2.2 and 5.2):
/// a proxy before us must never see other requests in the same bytes than we do.
class HeadScanner {
 public:
  enum class State {
    kIncomplete,
    kComplete,
    kBareLineFeed,  ///< A line that ends without a carriage return.
    kFoldedLine,    ///< A header continued on the next line.
    kNoRequest,     ///< The first byte cannot begin a method: TLS, or noise.
  };

  /// `head` is everything received of the request so far; it only grows.
  State Scan(std::string_view head);

 private:
  std::size_t scanned_ = 0;
};

/// Why a request with this header must be refused before its body is read, as a sentence; nothing
/// when all is well. Beast's parser lets pass what is checked here.
std::optional<std::string> HeaderTrouble(const RequestHeader& header, bool chunked);

/// The host and port that a request is for: those of an absolute target, whatever the Host header
/// says (RFC 9112, section 3.2.2), else those of the header. Nothing where there is neither.
std::optional<std::string_view> AuthorityOf(const RequestHeader& header);

/// The path of a request target: without the query, and without scheme and host where it has them.
std::string_view PathOf(std::string_view target);

/// How a body is packed.
enum class ContentCoding { kNone, kGzip };

/// What the Content-Encoding header says; nothing where it is a coding that is not taken.
std::optional<ContentCoding> ContentCodingOf(const RequestHeader& header);

/// Is this a request id that we may repeat: 1 to 64 of A-Z a-z 0-9 _ - ?
bool IsSaneRequestId(std::string_view id);

}  // namespace djps::server
