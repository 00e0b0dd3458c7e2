#pragma once

#include <vector>

#include "server/access/access.h"
#include "store/worker_store.h"

namespace djps::server {

/// The workers that a caller may see: those with a queue and a type that the caller may use,
/// reduced to these queues, types and jobs.
std::vector<store::WorkerRecord> VisibleWorkers(const Caller& caller,
                                                std::vector<store::WorkerRecord> workers);

}  // namespace djps::server
