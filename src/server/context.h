#pragma once

#include "pg/connection.h"
#include "server/config.h"
#include "store/queue_limits.h"
#include "store/stores.h"

namespace djps::store {
class JobWriter;
class ClaimGatherer;
class LeaseWriter;
}  // namespace djps::store

namespace djps::server {

class JobWaiters;
class JobWatch;
class WorkerPresence;
class TokenCache;

/// What handlers use. The server owns all of it.
struct ServerContext {
  const ServerConfig& config;
  store::Stores& stores;
  store::JobWriter&
      submissions;  ///< Gathers submissions of many requests; use instead of stores.jobs.
  store::ClaimGatherer& claims;  ///< Gathers claims; use instead of stores.leases.
  store::LeaseWriter& outcomes;  ///< Gathers reports of workers; use instead of stores.leases.
  store::QueueLimits& limits;
  JobWaiters& waiters;
  WorkerPresence& presence;
  JobWatch& watch;
  TokenCache& tokens;
};

/// The deadline for the statements of a request that begins now.
inline pg::Deadline DeadlineOf(const ServerContext& context) {
  return pg::After(context.config.store_timeout);
}

}  // namespace djps::server
