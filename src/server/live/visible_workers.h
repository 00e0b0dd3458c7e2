#pragma once

#include <vector>

#include "server/access/access.h"
#include "store/worker_store.h"

namespace djps::server {

/// What a caller may know of the workers: those that work for a queue and a type of its own, and of
/// what they do and can do only that.
std::vector<store::WorkerRecord> VisibleWorkers(const Caller& caller,
                                                std::vector<store::WorkerRecord> workers);

}  // namespace djps::server
