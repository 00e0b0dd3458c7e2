#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <tl/expected.hpp>

#include "server/http/problem.h"
#include "server/http/request.h"
#include "server/http/response.h"

namespace djps::server {

/// One request and its answer, as the session sees them: the session knows HTTP, an exchange knows
/// what is asked. The session keeps the request until the exchange is over.
class Exchange {
 public:
  Exchange() = default;
  virtual ~Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// How large the body may be, in bytes.
  virtual std::size_t body_bytes_max() const = 0;

  /// Why the body need not be read: its sender may not make this request. Nothing when it may, or
  /// when that cannot be found out now; Answer says so then. Never throws.
  virtual boost::asio::awaitable<std::optional<Problem>> RefuseSender() = 0;

  /// Answers the complete request, which came over `socket`. Never throws.
  virtual boost::asio::awaitable<Response> Answer(std::string_view request_id, int socket) = 0;
};

/// Begins the exchange of a request whose headers are there, or refuses it by them alone.
using BeginExchange =
    std::function<tl::expected<std::unique_ptr<Exchange>, Problem>(const HttpRequest& message)>;

}  // namespace djps::server
