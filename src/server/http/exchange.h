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

  /// Why the body need not be read: what the head says is refused already, such as its path, its
  /// sender or its content type. Nothing when it is not, or when that cannot be found out now;
  /// Answer says so then. Never throws.
  virtual boost::asio::awaitable<std::optional<Problem>> RefuseHead() = 0;

  /// Who sends this, as far as the steps before have found out: one word for each token; empty
  /// where there are none.
  virtual std::string sender() const = 0;

  /// Has the sender shown that it may be here? Where access is open everybody has.
  virtual bool sender_known() const = 0;

  /// Answers the complete request, which came over `socket`. Never throws.
  virtual boost::asio::awaitable<Response> Answer(std::string_view request_id, int socket) = 0;
};

/// Begins the exchange of a request whose headers are there, or refuses it by them alone.
using BeginExchange =
    std::function<tl::expected<std::unique_ptr<Exchange>, Problem>(const HttpRequest& message)>;

}  // namespace djps::server
