#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "core/version.h"
#include "pg/error.h"
#include "server/routes/handlers.h"

namespace djps::server {

namespace asio = boost::asio;

asio::awaitable<HandlerResult> GetHealth(ServerContext& context, const Request& /*request*/) {
  store::ServerState state;
  try {
    state = co_await context.stores.upkeep.CheckServer(pg::After(context.config.health_timeout));
  } catch (const pg::PgError& error) {
    // Whatever it is: this server cannot take jobs now.
    spdlog::debug("health check: {}", error.what());
    co_return tl::unexpected(
        Problem{ProblemKind::kUnavailable, "The database does not answer as it should."});
  }
  if (state.read_only) {
    co_return tl::unexpected(Problem{ProblemKind::kUnavailable,
                                     "The database is read-only: a standby, or set to be so."});
  }
  co_return Response{
      .body = fmt::format(R"({{"status":"ok","database":"ok","version":"{}","schema_version":{}}})",
                          kVersion, state.schema_version)};
}

}  // namespace djps::server
