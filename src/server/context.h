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

/// What handlers work with. The server owns all of it.
struct ServerContext {
  const ServerConfig& config;
  store::Stores& stores;
  store::JobWriter& submissions;  ///< Instead of stores.jobs, and
  store::ClaimGatherer& claims;   ///< of stores.leases, for what many ask at once,
  store::LeaseWriter& outcomes;   ///< and for what many send at once.
  store::QueueLimits& limits;
  JobWaiters& waiters;
  WorkerPresence& presence;
  JobWatch& watch;
  TokenCache& tokens;
};

/// Until when the database has to have answered a request that begins now.
inline pg::Deadline DeadlineOf(const ServerContext& context) {
  return pg::After(context.config.store_timeout);
}

}  // namespace djps::server
