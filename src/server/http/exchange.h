#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "server/http/problem.h"
#include "server/http/request.h"
#include "server/http/response.h"

namespace djps::server {

/// One request and its answer. The session handles HTTP; the exchange handles the meaning of the
/// request. The session keeps the request until the exchange is over.
class Exchange {
 public:
  Exchange() = default;
  virtual ~Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// How large the body may be, in bytes.
  virtual std::size_t body_bytes_max() const = 0;

  /// Why the request is refused by its head alone, such as its path, sender or content type, so
  /// that the body need not be read. Nothing if it is not, or if that cannot be decided now: then
  /// Answer reports it. Never throws.
  virtual boost::asio::awaitable<std::optional<Problem>> RefuseHead() = 0;

  /// The sender, as far as known: one word for each token; empty without tokens.
  virtual std::string sender() const = 0;

  /// Whether the sender has a valid token. With open access always true.
  virtual bool sender_known() const = 0;

  /// Answers the complete request, received over `socket`. Never throws.
  virtual boost::asio::awaitable<Response> Answer(std::string_view request_id, int socket) = 0;
};

/// Begins the exchange of a request whose headers have arrived.
using BeginExchange =
    std::function<tl::expected<std::unique_ptr<Exchange>, Problem>(const HttpRequest& message)>;

}  // namespace djps::server
