#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "core/version.h"
#include "pg/error.h"
#include "server/routes/handlers.h"

namespace djps::server {
namespace {

namespace asio = boost::asio;

Problem Unavailable(std::string detail) { return {ProblemKind::kUnavailable, std::move(detail)}; }

}  // namespace

asio::awaitable<HandlerResult> GetHealth(ServerContext& context, const Request& /*request*/) {
  store::ServerState state;
  try {
    state = co_await context.stores.upkeep.CheckServer(pg::After(context.config.health_timeout));
  } catch (const pg::PgError& error) {
    // Any error means that this server cannot take jobs now.
    spdlog::debug("health check: {}", error.what());
    co_return tl::unexpected(Unavailable("The database does not answer as it should."));
  }
  if (state.read_only) {
    co_return tl::unexpected(
        Unavailable("The database is read-only: it is a standby, or configured as read-only."));
  }
  if (!state.schema_fits) {
    co_return tl::unexpected(
        Unavailable("The database's schema is older than this djps; run: djps migrate up."));
  }
  co_return Response{
      .body = fmt::format(
          R"({{"ok":true,"status":"ok","database":"ok","version":"{}","schema_version":{}}})",
          kVersion, state.schema_version)};
}

asio::awaitable<HandlerResult> GetLiveness(ServerContext& /*context*/, const Request& /*request*/) {
  co_return Response{.body = R"({"ok":true,"status":"ok"})"};
}

}  // namespace djps::server
