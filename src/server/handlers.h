#pragma once

#include "server/router.h"

namespace djps::server {

// One per route, named as their operation. They throw pg::PgError when the database is away.

boost::asio::awaitable<HandlerResult> GetHealth(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> SubmitJob(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> SubmitBatch(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> GetJob(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> ListJobs(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> ListAttempts(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> WaitForJob(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> StreamJobEvents(ServerContext& context,
                                                      const Request& request);
boost::asio::awaitable<HandlerResult> ExplainJob(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> ListQueues(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> GetQueue(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> GetStats(ServerContext& context, const Request& request);

}  // namespace djps::server
