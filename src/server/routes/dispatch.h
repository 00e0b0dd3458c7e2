#pragma once

#include "server/context.h"
#include "server/http/exchange.h"

namespace djps::server {

/// Gives each request its route (routes.h), checks its sender and runs its handler. `context` must
/// outlive what this returns.
BeginExchange RouteRequests(ServerContext& context);

}  // namespace djps::server
