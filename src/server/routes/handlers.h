#pragma once

#include "server/routes/routes.h"

namespace djps::server {

// One per route, named like the operation. They throw pg::PgError when the database is away.

boost::asio::awaitable<HandlerResult> GetHealth(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> GetLiveness(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> SubmitJob(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> SubmitBatch(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> GetJob(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> ListJobLogs(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> ListWorkers(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> ClaimWork(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> Heartbeat(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> CompleteWork(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> FailWork(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> SnoozeWork(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> ReleaseWork(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> ReportProgress(ServerContext& context,
                                                     const Request& request);
boost::asio::awaitable<HandlerResult> WriteLogs(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> CreateToken(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> ListTokens(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> RevokeToken(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> GetOpenApi(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> GetDocs(ServerContext& context, const Request& request);

boost::asio::awaitable<HandlerResult> CancelJob(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> RetryJob(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> EditJob(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> PurgeJob(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> ActOnJobs(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> PauseQueue(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> ResumeQueue(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> LimitQueue(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> SetRetryPolicy(ServerContext& context,
                                                     const Request& request);
boost::asio::awaitable<HandlerResult> DeleteRetryPolicy(ServerContext& context,
                                                        const Request& request);
boost::asio::awaitable<HandlerResult> ListRetention(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> SetRetention(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> SetAuditRetention(ServerContext& context,
                                                        const Request& request);
boost::asio::awaitable<HandlerResult> ListRetryPolicies(ServerContext& context,
                                                        const Request& request);
boost::asio::awaitable<HandlerResult> ListAudit(ServerContext& context, const Request& request);
boost::asio::awaitable<HandlerResult> ListAuditJobs(ServerContext& context, const Request& request);

/// The sender of a request, for the audit.
std::string ActorOf(const Request& request);
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
