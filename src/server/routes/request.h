#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "server/access/access.h"
#include "server/http/problem.h"
#include "server/http/request.h"
#include "server/http/response.h"

namespace djps::server {

/// A request for handlers. The session owns the objects of the references.
struct Request {
  const HttpRequest& message;
  const std::vector<std::string>& parameters;  ///< The values of each "{...}" in the path.
  std::string_view request_id;
  const Caller& caller;
  int socket = -1;  ///< The client's connection, for ClientGone.

  std::string_view body() const { return message.body(); }
  std::string_view header(std::string_view name) const { return HeaderOf(message, name); }
};

using HandlerResult = tl::expected<Response, Problem>;

}  // namespace djps::server
