#pragma once

#include "server/router.h"

namespace djps::server {

// One per route, named as their operation. They throw pg::PgError when the database is away.

boost::asio::awaitable<HandlerResult> GetHealth(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> SubmitJob(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> SubmitBatch(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> GetJob(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> CreateToken(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> ListTokens(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> RevokeToken(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> GetOpenApi(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> GetDocs(ServerContext& context, const Request& request);

boost::asio::awaitable<HandlerResult> CancelJob(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> RetryJob(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> EditJob(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> PurgeJob(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> PauseQueue(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> ResumeQueue(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> LimitQueue(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> SetRetryPolicy(ServerContext& context,
                                                     const Request& request);
boost::asio::awaitable<HandlerResult> DeleteRetryPolicy(ServerContext& context,
                                                        const Request& request);
boost::asio::awaitable<HandlerResult> ListRetryPolicies(ServerContext& context,
                                                        const Request& request);
boost::asio::awaitable<HandlerResult> ListAudit(ServerContext& context, const Request& request);

/// Who a request comes from, for the audit.
std::string ActorOf(const Request& request);

}  // namespace djps::server
