#pragma once

#include <boost/asio/awaitable.hpp>

#include "djps/job.h"
#include "server/routes/routes.h"

namespace djps::server {

/// The job id in a request's path.
tl::expected<Uuid, Problem> JobIdOf(const Request& request);

/// There is no job `id`.
Problem NoSuchJob(Uuid id);

/// The job that a request's path names, or why there is none. Throws pg::PgError.
boost::asio::awaitable<tl::expected<JobRecord, Problem>> FindJobOf(ServerContext& context,
                                                                   const Request& request);

/// The same for handlers that do not need the job itself: needs no statement if the caller may see
/// all jobs. Does not check that the job exists.
boost::asio::awaitable<tl::expected<Uuid, Problem>> AllowedJobIdOf(ServerContext& context,
                                                                   const Request& request);

}  // namespace djps::server
